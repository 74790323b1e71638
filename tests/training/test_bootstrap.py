"""Source groups are drawn as a whole, and the first row is the data."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_leukoseg.training.bootstrap import GroupResampling

GROUPS = ["c", "a", "b", "a", "c", "c"]


def test_the_data_come_first() -> None:
    values = np.array([1.0, math.nan, 2.0, 4.0, 8.0, 16.0])
    resampling = GroupResampling(GROUPS, 50, seed=1)
    assert resampling.mean(values)[0] == pytest.approx(np.nanmean(values))
    pairs = np.arange(12).reshape(6, 2)
    np.testing.assert_allclose(resampling.total(pairs)[0], pairs.sum(axis=0))


@given(st.integers(0, 1000), st.integers(2, 30))
def test_every_resample_has_as_many_groups(seed: int, n_groups: int) -> None:
    resampling = GroupResampling([str(i) for i in range(n_groups)], 40, seed)
    np.testing.assert_array_equal(resampling.weights.sum(axis=1), n_groups)


def test_items_of_a_group_are_drawn_together() -> None:
    resampling = GroupResampling(GROUPS, 200, seed=0)
    counts = resampling.total(np.eye(6))
    np.testing.assert_array_equal(counts[:, 1], counts[:, 3])
    np.testing.assert_array_equal(counts[:, 0], counts[:, 5])
    assert (counts[:, 0] != counts[:, 1]).any()


def test_cells_follow_the_group_of_their_picture() -> None:
    resampling = GroupResampling(GROUPS, 30, seed=0)
    items = np.array([2, 2, 0, 5])
    totals = resampling.total(np.ones(4), items)
    expected = 2 * resampling.weights[:, 1] + 2 * resampling.weights[:, 2]
    np.testing.assert_array_equal(totals, expected)  # groups are sorted: a, b, c


def test_alike_cells_of_two_fields_do_not_make_a_sure_figure() -> None:
    values, groups = np.repeat([0.0, 1.0], 100), ["a"] * 100 + ["b"] * 100
    by_group = GroupResampling(groups, 500, seed=0)
    by_cell = GroupResampling([str(i) for i in range(200)], 500, seed=0)
    wide, narrow = (r.figure(r.mean(values)) for r in (by_group, by_cell))
    assert wide.value == narrow.value == 0.5
    assert (wide.low, wide.high) == (0, 1)
    assert 0.4 < narrow.low < 0.5 < narrow.high < 0.6


def test_interval_of_a_mean_is_about_two_standard_errors() -> None:
    values = np.random.default_rng(2).normal(0.8, 0.1, 400)
    resampling = GroupResampling([str(i) for i in range(400)], 2000, seed=0)
    figure = resampling.figure(resampling.mean(values))
    error = values.std() / 20
    assert figure.low == pytest.approx(figure.value - 1.96 * error, abs=0.15 * error)
    assert figure.high == pytest.approx(figure.value + 1.96 * error, abs=0.15 * error)


def test_equal_seeds_give_equal_intervals() -> None:
    values = np.arange(6.0)
    first, again, other = (
        GroupResampling(GROUPS, 100, seed).mean(values) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_one_group_gives_no_interval() -> None:
    resampling = GroupResampling(["a", "a"], 100, seed=0)
    figure = resampling.figure(resampling.mean([0.25, 0.75]))
    assert figure.value == 0.5
    assert not figure.has_interval
    unknown = resampling.figure(resampling.mean([math.nan, math.nan]))
    assert not unknown.is_known
