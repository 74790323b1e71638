"""An evaluation takes the very pictures that training kept back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_leukoseg.errors import DataError, ModelError, SettingsError
from napari_leukoseg.segment.model import ModelCard
from napari_leukoseg.training.sample import Sample
from napari_leukoseg.training.selection import (
    DataFolder,
    digest_samples,
    limit_samples,
    name_sets,
    partner_folders,
    recorded_split,
    select_part,
    trained_kinds,
)
from napari_leukoseg.training.splits import SplitSettings, split_by_group


def card(**training: object) -> ModelCard:
    return ModelCard("x", "residual-unet", {}, (1, 2), 64.0, training=training)


@pytest.fixture
def sets(samples: list[Sample]) -> dict[str, list[Sample]]:
    """Crops and fields of one publisher, three of four groups in both."""
    return {
        kind: [
            replace(samples[0], dataset=kind, name=f"{kind}-{i}", source_group=str(i))
            for i in range(first, 40)
        ]
        for kind, first in (("bcisc", 0), ("bcisc-fields", 10))
    }


def test_sets_are_named_by_kind_and_by_folder_where_they_must(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    named = name_sets([DataFolder("labels", one), DataFolder("jtsc", two)])
    assert list(named) == ["labels", "jtsc"]
    named = name_sets([DataFolder("labels", one), DataFolder("labels", two)])
    assert list(named) == ["labels one", "labels two"]
    with pytest.raises(SettingsError, match="given twice"):
        name_sets([DataFolder("labels", one), DataFolder("labels", one)])
    with pytest.raises(SettingsError, match="at least one"):
        name_sets([])


def test_unknown_kinds_and_missing_folders_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'lisc-2' is unknown; there is jtsc"):
        name_sets([DataFolder("lisc-2", tmp_path)])
    with pytest.raises(DataError, match="is not a folder"):
        name_sets([DataFolder("jtsc", tmp_path / "none")])


def test_the_card_tells_split_and_sets() -> None:
    split = {"validation": 0.05, "test": 0.3, "seed": 4}
    known = card(config={"split": split}, data={"bcisc": "1f", "jtsc": "2e"})
    assert recorded_split(known)[0] == SplitSettings(**split)
    assert "card" in recorded_split(known)[1]
    assert recorded_split(card(split=split))[0] == SplitSettings(**split)
    assert trained_kinds(known) == ("jtsc", "bcisc")
    assert recorded_split(card())[0] == SplitSettings()
    assert "default" in recorded_split(card())[1]
    assert trained_kinds(card()) == ()
    sources = [{"kind": kind, "folder": kind} for kind in ("bccd", "bcisc-fields")]
    assert trained_kinds(card(config={"data": sources})) == ("bcisc-fields", "bccd")
    without = card(config={"data": sources, "leave_out": ["bcisc"]})
    assert trained_kinds(without) == ("bccd",)


@pytest.mark.parametrize("split", [{"tests": 0.1}, {"test": 1.5}, 0.2])
def test_a_card_with_an_odd_split_is_refused(split: object) -> None:
    with pytest.raises(ModelError, match="records"):
        recorded_split(card(split=split))


def test_sets_of_one_publisher_are_split_together(tmp_path: Path) -> None:
    named = {"bcisc": DataFolder("bcisc", tmp_path)}
    fields = DataFolder("bcisc-fields", tmp_path)
    assert partner_folders(named, ()) == [fields]
    assert partner_folders(named, ("bcisc", "bcisc-fields")) == [fields]
    assert partner_folders(named, ("bcisc",)) == []  # trained without the fields
    assert partner_folders({**named, "bcisc-fields": fields}, ()) == []
    assert partner_folders({"jtsc": DataFolder("jtsc", tmp_path)}, ()) == []


@pytest.mark.parametrize("part", ["test", "validation"])
def test_the_part_is_that_of_training(sets: dict[str, list[Sample]], part: str) -> None:
    settings = SplitSettings(0.2, 0.3, 1)
    crops, fields = sets.values()
    expected = getattr(split_by_group([*crops, *fields], settings), part)
    chosen = select_part({"bcisc": crops}, fields, part, settings)
    names = [sample.name for sample in chosen["bcisc"]]
    assert names == [s.name for s in crops if s in expected]
    both = select_part(sets, [], part, settings)
    assert both["bcisc"][0].dataset == "bcisc"
    assert [s.name for s in both["bcisc"]] == names
    assert [s.name for s in both["bcisc-fields"]] == [
        s.name for s in fields if s in expected
    ]


def test_all_pictures_need_no_split(sets: dict[str, list[Sample]]) -> None:
    chosen = select_part(sets, [], "all", SplitSettings())
    assert [len(samples) for samples in chosen.values()] == [40, 30]


def test_a_part_without_pictures_is_explained(samples: list[Sample]) -> None:
    with pytest.raises(DataError, match="test part of drawn has no picture"):
        select_part({"drawn": samples[:1]}, [], "test", SplitSettings())


def test_a_limit_draws_pictures_in_order(sets: dict[str, list[Sample]]) -> None:
    crops = sets["bcisc"]
    assert limit_samples(crops, None, 0) == limit_samples(crops, 40, 0) == crops
    drawn = limit_samples(crops, 6, 0)
    places = [crops.index(sample) for sample in drawn]
    assert places == sorted(set(places))
    assert len(places) == 6
    assert drawn == limit_samples(crops, 6, 0) != limit_samples(crops, 6, 1)


def test_the_digest_is_that_of_pictures_and_labels(samples: list[Sample]) -> None:
    first = digest_samples(samples)
    assert digest_samples(samples[::-1]) != first
    moved = replace(samples[0], instances=np.roll(samples[0].instances, 1))
    assert digest_samples([moved, *samples[1:]]) != first
    assert digest_samples([replace(samples[0]), *samples[1:]]) == first
