from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_leukoseg.correct import (
    AddCell,
    ErasePixels,
    FillHoles,
    GrowCells,
    PaintPixels,
    SmoothCells,
)
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

from .drawn_case import masks, rows


def filled(region):
    return region, np.ones((region.height, region.width), bool)


def whole(case, cell_id):
    return np.logical_or(*masks(case, cell_id))


def test_holes_take_the_part_around_them(case, history, do):
    before = masks(case, 3)
    history.apply(ErasePixels("cell", *filled(Region(504, 149, 3, 3))))  # in nucleus
    history.apply(ErasePixels("cell", *filled(Region(483, 149, 3, 3))))
    assert not whole(case, 3)[505, 150]
    do(FillHoles((3,)))
    for now, then in zip(masks(case, 3), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_hole_with_a_cell_in_it_keeps_that_cell(case, history, do):
    hole = Region(500, 140, 5, 5)
    history.apply(ErasePixels("cell", *filled(hole)))
    center = Region(501, 141, 3, 3)
    inner = np.ones((3, 3), bool)
    history.apply(AddCell(center, inner, ~inner))
    do(FillHoles((3,)))
    assert masks(case, 7)[0].sum() == 9
    assert whole(case, 3)[hole.slices].sum() == 16


def test_filling_the_nucleus_takes_cytoplasm(case, history, do):
    area = rows(case).loc[3, "nucleus_area_px"]
    history.apply(PaintPixels(3, "cytoplasm", *filled(Region(504, 149, 3, 3))))
    assert rows(case).loc[3, "nucleus_area_px"] == area - 9
    do(FillHoles((3,), "nucleus"))
    assert rows(case).loc[3, "nucleus_area_px"] == area


def test_nothing_to_fill_is_no_edit(history):
    assert history.apply(FillHoles((1, 2, 3, 4, 5, 6))).is_empty


def test_smoothing_drops_hairs_and_keeps_the_rest(case, history, do):
    area = whole(case, 5).sum()
    history.apply(PaintPixels(5, "cytoplasm", *filled(Region(300, 222, 1, 15))))
    do(SmoothCells((5,), 2.0))
    assert not whole(case, 5)[300, 228:].any()
    assert abs(whole(case, 5).sum() - area) < 0.02 * area


def test_smoothing_does_not_shrink_at_the_border_of_the_slide(case, do):
    column = whole(case, 4)[:, 0]
    do(SmoothCells((4,), 2.0))
    assert abs(whole(case, 4)[:, 0].sum() - column.sum()) <= 2


@pytest.mark.parametrize("distance", [1, 3.5, -1, -3.5])
def test_cells_move_by_the_distance(case, do, distance):
    before, nucleus = whole(case, 5), masks(case, 5)[0]
    do(GrowCells((5,), distance))
    now = whole(case, 5)
    bigger, smaller = (now, before) if distance > 0 else (before, now)
    assert not (smaller & ~bigger).any()
    reach = ndimage.distance_transform_edt(~smaller)[bigger].max()
    assert abs(reach - abs(distance)) < 1
    np.testing.assert_array_equal(masks(case, 5)[0], nucleus & now)


def test_growing_leaves_neighbors_and_is_fair_between_two(case, do):
    table = rows(case)
    do(GrowCells((1, 2), 4))
    grown = rows(case)["cell_area_px"] - table["cell_area_px"]
    assert (grown[[1, 2]] > 300).all()
    assert (grown[[3, 4, 5, 6]] == 0).all()


def test_growing_a_neighbor_takes_no_pixel(case, do):
    other = whole(case, 2)
    do(GrowCells((1,), 6))
    np.testing.assert_array_equal(whole(case, 2), other)


def test_nucleus_moves_within_the_cell(case, do):
    before = whole(case, 5)
    do(GrowCells((5,), 2, "nucleus"))
    np.testing.assert_array_equal(whole(case, 5), before)
    do(GrowCells((5,), -4, "nucleus"))
    np.testing.assert_array_equal(whole(case, 5), before)
    do(GrowCells((5,), 30, "nucleus"))
    assert rows(case).loc[5, "cytoplasm_area_px"] == 0
    assert (before & ~whole(case, 5)).sum() == 0


def test_cell_at_the_border_of_the_slide_shrinks_from_within(case, do):
    do(GrowCells((4,), -3))
    assert whole(case, 4)[:, 0].any()


def test_a_cell_does_not_vanish(history):
    for edit in (GrowCells((6,), -40), SmoothCells((6,), 60)):
        with pytest.raises(SettingsError, match="Cell 6 would vanish"):
            history.apply(edit)


@pytest.mark.parametrize("distance", [0, 501, float("nan")])
def test_distances_out_of_range(distance):
    for make in (GrowCells, SmoothCells):
        with pytest.raises(SettingsError, match="out of range"):
            make((1,), distance)


def test_parts_without_an_outline():
    for make in (lambda p: GrowCells((1,), 1, p), lambda p: FillHoles((1,), p)):
        with pytest.raises(SettingsError, match="'cytoplasm' has no outline"):
            make("cytoplasm")
