from dataclasses import replace

import numpy as np
import pytest

from napari_leukoseg.case import drawing as module
from napari_leukoseg.case.drawing import Drawing, decode_masks, encode_cell
from napari_leukoseg.case.painting import PyramidWriter
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

from .drawn_tiles import SHAPE, disk, tile_of


@pytest.fixture
def pyramids(tmp_path):
    return [PyramidWriter(tmp_path / name, SHAPE) for name in ("n", "c")]


def square(row, column, side):
    """Cell that fills its box: the upper row is nucleus."""
    nucleus = np.zeros((side, side), bool)
    nucleus[0] = True
    box = Region(row, column, side, side)
    return replace(disk(0, 0, side), region=box, nucleus=nucleus, cytoplasm=~nucleus)


def pixels(pyramids):
    region = Region.of_shape(SHAPE)
    return [pyramid.read(region) for pyramid in pyramids]


@pytest.mark.parametrize("side", [1, 2, 13, 90])
def test_masks_round_trip(side):
    cell = disk(10, 20, side)
    region, (nucleus, cytoplasm) = decode_masks(encode_cell(3, cell, {}))
    assert region == cell.region
    np.testing.assert_array_equal(nucleus, cell.nucleus)
    np.testing.assert_array_equal(cytoplasm, cell.cytoplasm)


@pytest.mark.parametrize(("shift", "is_kept"), [(4, False), (5, True), (10, True)])
def test_a_cell_that_is_more_than_half_taken_is_dropped(pyramids, shift, is_kept):
    drawing = Drawing(*pyramids)
    first = drawing.place(square(100, 100, 10), 1)
    second = drawing.place(square(100, 100 + shift, 10), 2)
    drawing.flush()
    assert first is not None
    assert (second is not None) == is_kept
    nucleus, cytoplasm = pixels(pyramids)
    assert (nucleus == 1).sum() + (cytoplasm == 1).sum() == 100
    kept = (nucleus == 2).sum() + (cytoplasm == 2).sum()
    assert kept == (10 * shift if is_kept else 0)
    if second is not None:
        assert second.region == Region(100, 110, 10, shift)
        assert second.mask.all()


def test_overlap_with_several_earlier_cells_adds_up(pyramids):
    drawing = Drawing(*pyramids)
    assert drawing.place(square(100, 96, 10), 1)
    assert drawing.place(square(100, 110, 10), 2) is not None
    middle = replace(square(100, 102, 10))
    assert drawing.place(middle, 3) is None  # 4 and 2 columns of 10


def test_empty_cell_is_dropped(pyramids):
    empty = replace(
        square(0, 0, 3),
        nucleus=np.zeros((3, 3), bool),
        cytoplasm=np.zeros((3, 3), bool),
    )
    assert Drawing(*pyramids).place(empty, 1) is None


def test_nucleus_wins_where_masks_overlap(pyramids):
    both = replace(square(0, 0, 4), cytoplasm=np.ones((4, 4), bool))
    placed = Drawing(*pyramids).place(both, 1)
    assert not (placed.nucleus & placed.cytoplasm).any()
    assert placed.nucleus.sum() == 4


@pytest.mark.parametrize("max_chunks", [0, 64])
def test_redo_gives_what_was_placed_however_often(
    pyramids, tmp_path, monkeypatch, max_chunks
):
    monkeypatch.setattr(module, "_MAX_STAGED_CHUNKS", max_chunks)
    drawing = Drawing(*pyramids)
    records = []
    for tile in range(3):
        cells = []
        for index, cell in enumerate(tile_of(tile)[0]):
            cell_id = 10 * tile + index + 1
            if placed := drawing.place(cell, cell_id):
                cells.append(encode_cell(cell_id, placed, {}))
        records.append({"cells": cells})
    drawing.flush()
    gone = [[cell["id"], *cell["box"]] for cell in records[0]["cells"][:3]]
    records.insert(2, {"erase": gone})
    again = [PyramidWriter(tmp_path / name, SHAPE) for name in ("n2", "c2")]
    for start in (0, 0, 1, 2):
        redrawing = Drawing(*again)
        for record in records[start:]:
            redrawing.redo(record)
        redrawing.flush()
        for labels, drawn in zip(pixels(again), pixels(pyramids), strict=True):
            erased = np.isin(drawn, [entry[0] for entry in gone])
            np.testing.assert_array_equal(labels, np.where(erased, 0, drawn))


@pytest.mark.parametrize("box", [(-1, 0, 10, 10), (0, SHAPE[1] - 9, 10, 10)])
def test_cell_outside_the_slide_is_refused(pyramids, box):
    cell = replace(square(0, 0, 10), region=Region(*box))
    with pytest.raises(SettingsError, match="leaves the slide of 1300x1100"):
        Drawing(*pyramids).place(cell, 1)


def test_mask_that_does_not_fit_its_box_is_refused(pyramids):
    cell = replace(square(0, 0, 10), region=Region(0, 0, 10, 11))
    with pytest.raises(SettingsError, match="does not fit its box of 10x11"):
        Drawing(*pyramids).place(cell, 1)
