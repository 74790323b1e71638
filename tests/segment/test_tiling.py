"""Tiles own an area exactly once and see enough around it."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.segment.screening import Screen
from napari_leukoseg.segment.tiling import (
    CONTEXT_CELLS,
    TilePlan,
    plan_searched,
    plan_tiles,
)

WORKING_PX = 64.0
SMALLEST_WINDOW_PX = 212
"""Below it, cells of 10 px at level 0 leave no room for a core."""


@given(
    shape=st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    diameter=st.floats(10, 400),
    window=st.integers(SMALLEST_WINDOW_PX, 1024),
    corner=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
)
def test_cores_cover_the_area_once(
    shape: tuple[int, int],
    diameter: float,
    window: int,
    corner: tuple[float, float],
) -> None:
    area = Region.from_bounds(
        int(corner[0] * shape[0]), int(corner[1] * shape[1]), *shape
    )
    plan = plan_tiles(
        shape,
        area,
        cell_diameter_px=diameter,
        working_diameter_px=WORKING_PX,
        window_px=window,
    )
    owners = np.zeros(shape, np.uint8)
    for tile in plan.tiles:
        owners[tile.core.slices] += 1
    assert (owners[area.slices] == 1).all()
    assert owners.sum() == area.size.area


@given(
    shape=st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    diameter=st.floats(10, 400),
    window=st.integers(SMALLEST_WINDOW_PX, 1024),
)
def test_windows_hold_core_and_context_within_slide_and_budget(
    shape: tuple[int, int], diameter: float, window: int
) -> None:
    slide = Region.of_shape(shape)
    plan = plan_tiles(
        shape,
        slide,
        cell_diameter_px=diameter,
        working_diameter_px=WORKING_PX,
        window_px=window,
    )
    context = int(CONTEXT_CELLS * diameter)
    for tile in plan.tiles:
        wanted = tile.core.padded(context).intersection(slide)
        assert tile.window.intersection(wanted) == wanted
        assert tile.window.intersection(slide) == tile.window
        assert tile.window.height * plan.factor <= window
        assert tile.window.width * plan.factor <= window


@given(diameter=st.floats(10, 400))
def test_the_window_that_the_error_asks_for_is_large_enough(diameter: float) -> None:
    def plan(window: int) -> None:
        plan_tiles(
            (50, 50),
            Region(0, 0, 50, 50),
            cell_diameter_px=diameter,
            working_diameter_px=WORKING_PX,
            window_px=window,
        )

    with pytest.raises(SettingsError, match="or more") as refused:
        plan(10)
    asked = re.search(r"give (\d+) or more", str(refused.value))
    assert asked is not None
    plan(int(asked[1]))


def test_batches_keep_the_order() -> None:
    plan = plan_tiles(
        (900, 2000),
        Region(0, 0, 900, 2000),
        cell_diameter_px=64,
        working_diameter_px=WORKING_PX,
        window_px=448,
        batch_size=4,
    )
    assert [t.index for batch in plan.batches for t in batch] == list(
        range(len(plan.tiles))
    )
    assert {len(batch) for batch in plan.batches[:-1]} == {4}


@pytest.mark.parametrize(
    "area",
    [Region(0, 0, 0, 10), Region(0, 0, 101, 100), Region(-1, 0, 50, 50)],
)
def test_area_outside_is_refused(area: Region) -> None:
    with pytest.raises(SettingsError, match="empty or leaves"):
        plan_tiles(
            (100, 100),
            area,
            cell_diameter_px=64,
            working_diameter_px=WORKING_PX,
            window_px=448,
        )


def test_window_without_room_for_a_core_is_refused() -> None:
    with pytest.raises(SettingsError, match="context"):
        plan_tiles(
            (1000, 1000),
            Region(0, 0, 1000, 1000),
            cell_diameter_px=64,
            working_diameter_px=WORKING_PX,
            window_px=150,
        )


def searched(wanted: np.ndarray, area: Region, shape: tuple[int, int]) -> TilePlan:
    sizes = {"cell_diameter_px": 60.0, "window_px": 432}
    plan = plan_tiles(shape, area, working_diameter_px=WORKING_PX, **sizes)
    return plan_searched(plan, Screen(area, wanted), shape, **sizes)


@given(
    places=st.lists(st.tuples(st.integers(0, 132), st.integers(0, 265)), max_size=8),
    corner=st.tuples(st.integers(0, 500), st.integers(0, 500)),
)
def test_marked_places_are_owned_once(
    places: list[tuple[int, int]], corner: tuple[int, int]
) -> None:
    shape, wanted = (2600, 4600), np.zeros((133, 266), bool)
    for row, column in places:
        wanted[row : row + 9, column : column + 9] = True
    area = Region(*corner, 2000, 4000)
    plan = searched(wanted, area, shape)
    owners = np.zeros(shape, np.uint8)
    for number, tile in enumerate(plan.tiles):
        assert tile.index == number
        assert max(tile.window.size.height, tile.window.size.width) <= 432 * 60 / 64
        owners[tile.core.slices] += 1
    assert owners.max() <= 1
    screen = Screen(area, wanted)
    for row, column in np.argwhere(wanted):
        place = screen.region_of(Region(int(row), int(column), 1, 1))
        assert owners[place.slices].all()
    assert plan.share == pytest.approx(owners.sum() / area.size.area)


def test_dense_areas_are_planned_whole_and_empty_ones_not_at_all() -> None:
    shape = (1500, 2000)
    area = Region.of_shape(shape)
    dense = searched(np.ones((100, 133), bool), area, shape)
    assert dense.share == 1
    assert searched(np.zeros((100, 133), bool), area, shape).tiles == ()
    assert dense.digest != searched(np.zeros((100, 133), bool), area, shape).digest
