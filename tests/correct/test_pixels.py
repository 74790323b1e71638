from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.correct import DeleteCells, ErasePixels, PaintPixels
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

from .drawn_case import SHAPE, masks, rows

BAR = Region(190, 0, 20, 40)
"""Over cell 4 and the ground beside it."""

BRIDGE = Region(55, 60, 10, 46)
"""From the middle of cell 1 to the middle of cell 2."""


def filled(region):
    return region, np.ones((region.height, region.width), bool)


def inside(region):
    mask = np.zeros(SHAPE, bool)
    mask[region.slices] = True
    return mask


@pytest.mark.parametrize("part", ["nucleus", "cytoplasm"])
def test_painting_one_part_takes_from_the_other(case, do, part):
    nucleus, cytoplasm = masks(case, 4)
    do(PaintPixels(4, part, *filled(BAR)))
    bar = inside(BAR)
    expected = [nucleus & ~bar, cytoplasm & ~bar]
    expected[part == "cytoplasm"] |= bar
    for now, wanted in zip(masks(case, 4), expected, strict=True):
        np.testing.assert_array_equal(now, wanted)


@pytest.mark.parametrize("overwrite", [False, True])
def test_painting_over_another_cell(case, do, overwrite):
    one, other = (np.logical_or(*masks(case, i)) for i in (1, 2))
    do(PaintPixels(1, "nucleus", *filled(BRIDGE), overwrite=overwrite))
    bridge = inside(BRIDGE)
    rest = other & ~bridge if overwrite else other
    np.testing.assert_array_equal(np.logical_or(*masks(case, 2)), rest)
    np.testing.assert_array_equal(
        np.logical_or(*masks(case, 1)), (one | bridge) & ~rest
    )
    assert case.protected_ids == ({1, 2} if overwrite else {1})


def test_painting_a_whole_cell_over_removes_it(case, do):
    everything = Region(270, 230, 60, 60)
    do(PaintPixels(5, "cytoplasm", *filled(everything), overwrite=True))
    assert 6 not in rows(case).index


def test_painting_outside_the_slide_is_cut(case, do, history):
    do(PaintPixels(4, "nucleus", *filled(Region(190, -30, 20, 40))))
    assert history.apply(
        PaintPixels(4, "nucleus", *filled(Region(-90, -30, 20, 30)))
    ).is_empty


@pytest.mark.parametrize(
    ("part", "is_left"),
    [("nucleus", (False, True)), ("cytoplasm", (True, False)), ("cell", (False,) * 2)],
)
def test_erasing(case, do, part, is_left):
    before = masks(case, 5)
    region = Region(295, 180, 30, 30)
    do(ErasePixels(part, *filled(region)))
    gone = inside(region)
    for now, then, stays in zip(masks(case, 5), before, is_left, strict=True):
        np.testing.assert_array_equal(now, then if stays else then & ~gone)


def test_erasing_from_some_cells_only(case, do):
    before = rows(case)["cell_area_px"]
    do(ErasePixels("cell", *filled(BRIDGE), cell_ids=(2, 5)))
    change = rows(case)["cell_area_px"] - before
    assert change.index[change != 0].tolist() == [2]


def test_cell_without_a_nucleus_stays_a_cell(case, do):
    do(ErasePixels("nucleus", *filled(Region.of_shape(SHAPE)), cell_ids=(3,)))
    row = rows(case).loc[3]
    assert row["nucleus_area_px"] == 0
    assert row["nucleus_lobes"] == 0
    assert np.isnan(row["nucleus_solidity"])


def test_cell_without_a_pixel_is_removed(case, do):
    do(ErasePixels("cell", *filled(Region(0, 0, 250, 300))))
    assert rows(case).index.tolist() == [3, 5, 6]


@pytest.mark.parametrize("region", [Region(400, 20, 9, 9), Region(900, 900, 9, 9)])
def test_erasing_ground_is_no_edit(history, region):
    assert history.apply(ErasePixels("cell", *filled(region))).is_empty


def test_brush_of_any_shape(case, do):
    mask = np.random.default_rng(0).random((BAR.height, BAR.width)) < 0.5
    do(PaintPixels(4, "nucleus", BAR, mask))
    np.testing.assert_array_equal(masks(case, 4)[0][BAR.slices] & mask, mask)


def test_painting_a_cell_that_is_gone(history):
    history.apply(DeleteCells((4,)))
    with pytest.raises(SettingsError, match="no cell 4"):
        history.apply(PaintPixels(4, "nucleus", *filled(BAR)))


def test_unknown_parts_are_refused():
    with pytest.raises(SettingsError, match="'cell' cannot be painted"):
        PaintPixels(4, "cell", *filled(BAR))
    with pytest.raises(SettingsError, match="'rim' is unknown"):
        ErasePixels("rim", *filled(BAR))
