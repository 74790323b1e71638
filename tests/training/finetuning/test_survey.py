"""What is told of corrections before anything is trained."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_leukoseg.case import Case
from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass
from napari_leukoseg.correct import AssignClass, change_scheme
from napari_leukoseg.export import write_training_pairs
from napari_leukoseg.slide import open_slide
from napari_leukoseg.training.finetuning import FieldFacts, Kind, SourceFacts, survey
from napari_leukoseg.training.finetuning.survey import (
    choose_kept_aside,
    survey_sources,
)


def source_of(fields: list[FieldFacts]) -> SourceFacts:
    return SourceFacts(Path("x"), Kind.LABELS, tuple(fields), 0, DEFAULT_SCHEME, ())


def random_fields(seed: int, n_fields: int, *, n_specimens: int) -> list[FieldFacts]:
    rng = np.random.default_rng(seed)
    return [
        FieldFacts(
            str(number),
            f"specimen {number % n_specimens}",
            Counter(rng.integers(1, 5, rng.integers(1, 6)).tolist()),
            (str(number),),
        )
        for number in range(n_fields)
    ]


def add_class(path: Path, name: str) -> None:
    """Give the cells of a case a class of a laboratory's own."""
    with Case.open(path) as case:
        change_scheme(case, case.scheme.added(CellClass(7, name, "b", "#123456")))
        AssignClass(tuple(case.table()["cell_id"]), 7).apply(case)


def test_cases_are_counted_as_reviewed(make_case):
    paths = [make_case(0), make_case(1, n_reviewed=2)]
    found = survey_sources(paths, min_cells=1)
    assert not found.problems
    first, second = found.sources
    with Case.open(paths[0]) as case:
        assert Counter(case.table()["class_id"]) == first.fields[0].cells
        assert first.n_unreviewed == 0
    with Case.open(paths[1]) as case:
        assert second.n_unreviewed == len(case.table()) - 2
    assert second.n_reviewed == 2
    assert found.n_reviewed == first.n_reviewed + 2
    assert any("not reviewed" in notice for notice in found.notices)
    assert first.slide == paths[0].with_name("field0.png")


def test_folders_of_pictures_are_counted(fields):
    found = survey_sources([fields], min_cells=1)
    assert len(found.fields) == 4
    n_cells = 0
    for stem in range(4):
        nucleus, cytoplasm = (
            tifffile.imread(fields / f"{stem}_{part}.tif")
            for part in ("nucleus", "cytoplasm")
        )
        n_cells += len(np.unique(np.maximum(nucleus, cytoplasm))) - 1
    assert found.n_reviewed == n_cells
    assert found.refusal == ""


def test_surveys_load_no_torch(fields):
    code = (
        "import sys; from pathlib import Path\n"
        "from napari_leukoseg.training.finetuning import survey_sources\n"
        f"assert survey_sources([Path({str(fields)!r})]).sources\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_specimens", [2, 9])
def test_kept_aside_by_whole_fields_and_a_share_of_each_class(seed, n_specimens):
    fields = random_fields(seed, 40, n_specimens=n_specimens)
    (chosen,) = choose_kept_aside([source_of(fields)], 0.25, seed)
    kept = [field for field in chosen.fields if field.is_kept_aside]
    taught = [field for field in chosen.fields if not field.is_kept_aside]
    assert kept
    assert {field.name for field in kept}.isdisjoint(field.name for field in taught)
    if n_specimens >= survey.MIN_SPECIMENS:
        assert {f.group for f in kept}.isdisjoint(f.group for f in taught)
    counts = [survey.count_cells(part) for part in (kept, taught)]
    assert sum(counts[1].values()) >= sum(counts[0].values())
    for class_id, number in counts[1].items():
        assert number > 0
        assert counts[0].get(class_id, 0) > 0
    assert choose_kept_aside([source_of(fields)], 0.25, seed) == (chosen,)


def test_other_seeds_keep_other_fields():
    fields = random_fields(0, 40, n_specimens=2)
    kept = set()
    for seed in range(4):
        (chosen,) = choose_kept_aside([source_of(fields)], 0.25, seed)
        kept.add(tuple(field.is_kept_aside for field in chosen.fields))
    assert len(kept) > 1


def test_a_class_is_never_kept_aside_as_a_whole():
    fields = [
        FieldFacts("a", "s", Counter({1: 4}), ("a",)),
        FieldFacts("b", "s", Counter({1: 4}), ("b",)),
        FieldFacts("c", "s", Counter({2: 3}), ("c",)),
    ]
    (chosen,) = choose_kept_aside([source_of(fields)], 0.25, 0)
    assert not chosen.fields[2].is_kept_aside


def test_too_few_cells(make_case):
    found = survey_sources([make_case(0, n_reviewed=3), make_case(1, n_reviewed=3)])
    assert "6 reviewed cells, but 20 are needed; review 14 more" in found.refusal


def test_a_single_field(make_case):
    found = survey_sources([make_case(0)], min_cells=2)
    assert "of one field" in found.refusal


def test_one_class_only(make_case):
    paths = [make_case(0), make_case(1)]
    for path in paths:
        with Case.open(path) as case:
            AssignClass(tuple(case.table()["cell_id"]), 3).apply(case)
    found = survey_sources(paths, min_cells=1)
    assert found.taught_classes == (3,)
    assert any("one class (monocyte)" in notice for notice in found.notices)


def test_nothing_reviewed_and_nothing_at_all(make_case, tmp_path):
    found = survey_sources([make_case(0, n_reviewed=0), tmp_path / "absent"])
    assert len(found.problems) == 2
    assert "no reviewed cell" in found.problems[1]
    assert "moved or deleted" in found.problems[0]
    assert "no corrected case" in found.refusal
    (tmp_path / "empty").mkdir()
    assert "neither a case nor" in survey_sources([tmp_path / "empty"]).problems[0]


def test_slides_may_lie_elsewhere(make_case, tmp_path):
    path = make_case(0)
    place = tmp_path / "slides" / "field0.png"
    place.parent.mkdir()
    (tmp_path / "field0.png").rename(place)
    assert "not beside it" in survey_sources([path]).problems[0]
    for slides in ([place], [place.parent]):
        (source,) = survey_sources([path], slides=slides).sources
        assert source.slide == place


def test_another_picture_of_that_name_is_not_the_slide(make_case, tmp_path):
    path = make_case(0)
    make_case(1)
    shutil.copy(tmp_path / "field1.png", tmp_path / "field0.png")
    assert "not beside it" in survey_sources([path]).problems[0]


def test_the_same_picture_is_not_taken_twice(make_case, tmp_path):
    path = make_case(0)
    copy = shutil.copytree(path, tmp_path / "again.leukoseg.zarr")
    with Case.open(path) as case, open_slide(tmp_path / "field0.png") as slide:
        write_training_pairs(case, slide, tmp_path / "pairs", "x")
    for other in (copy, tmp_path / "pairs"):
        found = survey_sources([path, other])
        assert len(found.sources) == 1
        assert "contradict each other" in found.problems[0]
    assert not survey_sources([path, path]).problems


def test_masks_that_contradict_each_other(fields, tmp_path):
    folder = Path(shutil.copytree(fields, tmp_path / "copy"))
    cytoplasm = tifffile.imread(folder / "0_cytoplasm.tif")
    nucleus = tifffile.imread(folder / "0_nucleus.tif")
    cytoplasm[nucleus == nucleus.max()] = 1000
    tifffile.imwrite(folder / "0_cytoplasm.tif", cytoplasm)
    (problem,) = survey_sources([folder]).problems
    assert "contradict each other" in problem
    assert "masks of 0" in problem


def test_classes_of_one_id_and_two_names(make_case):
    paths = [make_case(0), make_case(1)]
    for path, name in zip(paths, ("blast", "band"), strict=True):
        add_class(path, name)
    found = survey_sources(paths)
    assert len(found.sources) == 1
    assert "Class 7 is 'band'" in found.problems[0]
    assert found.scheme[7].name == "blast"


def test_exported_classes_keep_their_names(make_case, tmp_path):
    path = make_case(0)
    add_class(path, "blast")
    with Case.open(path) as case, open_slide(tmp_path / "field0.png") as slide:
        write_training_pairs(case, slide, tmp_path / "pairs", "x")
    assert survey_sources([tmp_path / "pairs"]).scheme[7].name == "blast"
    notes = tmp_path / "pairs" / "x.json"
    notes.write_text(json.dumps({"source_group": "s"}))
    assert survey_sources([tmp_path / "pairs"]).scheme[7].name == "class 7"


def test_a_folder_stands_for_the_cases_in_it(make_case, tmp_path):
    make_case(0)
    make_case(1)
    (tmp_path / "broken.leukoseg.zarr").mkdir()
    found = survey_sources([tmp_path])
    assert [source.path.name for source in found.sources] == [
        "field0.leukoseg.zarr",
        "field1.leukoseg.zarr",
    ]
