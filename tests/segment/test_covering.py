"""Rectangles hold every mark once and cost no more than looking at everything."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_leukoseg.geometry import Region
from napari_leukoseg.segment.covering import WindowCost, cover

GRIDS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40))
COST = WindowCost(context=6.0, largest=30, fixed=50.0, step=4.0)


def cost_of(regions: list[Region], cost: WindowCost) -> float:
    return sum(float(cost.of(region.height, region.width)) for region in regions)


@given(wanted=GRIDS, largest=st.integers(1, 50))
def test_marks_are_covered_once(wanted: np.ndarray, largest: int) -> None:
    times = np.zeros(wanted.shape, int)
    for region in cover(wanted, COST._replace(largest=largest)):
        assert not region.is_empty
        times[region.slices] += 1
    assert times.max(initial=0) <= 1
    assert (times[wanted] == 1).all()


@given(wanted=GRIDS)
def test_a_cover_costs_no_more_than_everything(wanted: np.ndarray) -> None:
    whole = float(COST.of(*wanted.shape))
    assert cost_of(cover(wanted, COST), COST) <= whole


def test_nothing_marked_needs_nothing() -> None:
    assert cover(np.zeros((5, 7), bool), COST) == []


def test_far_marks_get_a_rectangle_each_and_near_ones_share() -> None:
    wanted = np.zeros((200, 300), bool)
    wanted[10:14, 20:23] = wanted[150:155, 250:260] = True
    assert cover(wanted, COST) == [Region(10, 20, 4, 3), Region(150, 250, 5, 10)]
    wanted[14:18, 24:26] = True
    assert cover(wanted, COST) == [Region(10, 20, 8, 6), Region(150, 250, 5, 10)]
