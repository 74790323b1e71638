"""No source group is ever on two sides of a split."""

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.training.sample import Sample
from napari_leukoseg.training.splits import (
    SplitSettings,
    group_folds,
    leave_one_dataset_out,
    split_by_group,
)


def make_sample(dataset: str, group: int, number: int, class_id: int) -> Sample:
    blank = np.zeros((2, 2), np.uint8)
    return Sample(
        dataset,
        f"{group}-{number}",
        str(group),
        np.zeros((2, 2, 3), np.uint8),
        blank,
        blank.astype(np.int32),
        {1: class_id} if class_id else {},
    )


def key_of(sample: Sample) -> tuple[str, str]:
    """Family and source group: what must stay together."""
    return sample.dataset.split("-")[0], sample.source_group


@st.composite
def sample_lists(draw: st.DrawFn) -> list[Sample]:
    """Groups of one to three pictures of one class, in two families."""
    groups = draw(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(1, 3)),
            min_size=2,
            max_size=25,
        )
    )
    samples = [
        make_sample(f"{family}-fields" if number else family, group, number, class_id)
        for group, (family, class_id, n_pictures) in enumerate(groups)
        for number in range(n_pictures)
    ]
    return draw(st.permutations(samples))


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


@given(sample_lists(), st.floats(0, 0.45), st.floats(0, 0.45))
def test_any_split_is_complete_and_disjoint(
    samples: list[Sample], validation: float, test: float
) -> None:
    split = split_by_group(samples, SplitSettings(validation, test))
    parts = (split.train, split.validation, split.test)
    assert Counter(id(s) for part in parts for s in part) == Counter(map(id, samples))
    keys = [{key_of(s) for s in part} for part in parts]
    assert sum(map(len, keys)) == len(set().union(*keys))


@given(sample_lists(), st.integers(2, 5), st.integers(0, 3))
def test_folds_are_complete_disjoint_and_balanced(
    samples: list[Sample], k: int, seed: int
) -> None:
    groups = {key_of(s): next(iter(s.cell_classes.values()), 0) for s in samples}
    assume(len(groups) >= k)
    folds = group_folds(samples, k, seed)
    assert len(folds) == k
    tested = Counter(id(s) for fold in folds for s in fold.test)
    assert tested == Counter(map(id, samples))
    sizes: dict[object, list[int]] = defaultdict(list)
    for fold in folds:
        here = {key_of(s) for s in fold.test}
        assert not here & {key_of(s) for s in fold.train}
        assert len(fold.train) + len(fold.test) == len(samples)
        assert fold.validation == ()
        sizes["all"].append(len(here))
        strata = Counter((family, groups[family, group]) for family, group in here)
        for stratum in {(key[0], class_id) for key, class_id in groups.items()}:
            sizes[stratum].append(strata[stratum])
    assert all(max(counts) - min(counts) <= 1 for counts in sizes.values())


@given(sample_lists(), st.randoms(use_true_random=False))
def test_folds_do_not_depend_on_the_order(samples: list[Sample], random) -> None:
    assume(len({key_of(s) for s in samples}) >= 2)
    shuffled = random.sample(samples, len(samples))

    def tested(of: list[Sample]) -> list[set[int]]:
        return [{id(s) for s in fold.test} for fold in group_folds(of, 2, 0)]

    assert tested(samples) == tested(shuffled)


def test_another_seed_gives_other_folds(many: list[Sample]) -> None:
    first, other = (group_folds(many, 4, seed)[0].test for seed in (0, 1))
    assert {s.name for s in first} != {s.name for s in other}


@pytest.mark.parametrize("k", [0, 1, 41])
def test_folds_need_groups(many: list[Sample], k: int) -> None:
    with pytest.raises(SettingsError, match=f"{k} folds cannot be made of 40"):
        group_folds(many, k, 0)


def test_data_sets_are_left_out_with_all_their_family(many: list[Sample]) -> None:
    other = [replace(s, dataset="other") for s in many[:6]]
    splits = leave_one_dataset_out([*many, *other])
    assert list(splits) == ["other", "set"]
    assert set(splits["set"].test) == set(many)
    assert splits["set"].train == splits["other"].test == tuple(other)
    assert all(split.validation == () for split in splits.values())
    with pytest.raises(SettingsError, match="two or more"):
        leave_one_dataset_out(many)
