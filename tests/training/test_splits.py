"""No source group is ever on two sides of a split."""

from dataclasses import replace

import pytest

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.training.sample import Sample
from napari_leukoseg.training.splits import SplitSettings, split_by_group


@pytest.fixture
def many(samples: list[Sample]) -> list[Sample]:
    return [
        replace(samples[0], name=f"{g}-{c}", source_group=str(g), dataset=dataset)
        for g in range(40)
        for c, dataset in enumerate(["set", "set-fields"])
    ]


def test_groups_stay_together_and_nothing_is_lost(many: list[Sample]) -> None:
    split = split_by_group(many, SplitSettings())
    parts = [split.train, split.validation, split.test]
    groups = [{s.source_group for s in part} for part in parts]
    assert not (groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2])
    assert sum(len(part) for part in parts) == len(many)
    assert [len(g) for g in groups] == [28, 4, 8]


def test_order_of_the_samples_does_not_matter(many: list[Sample]) -> None:
    names = {s.name for s in split_by_group(many, SplitSettings()).test}
    again = {s.name for s in split_by_group(many[::-1], SplitSettings()).test}
    other = {s.name for s in split_by_group(many, SplitSettings(seed=1)).test}
    assert names == again
    assert names != other


def test_shares_must_leave_something() -> None:
    with pytest.raises(SettingsError, match="below 1"):
        SplitSettings(0.5, 0.5)
