from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.correct import (
    AddCell,
    AssignClass,
    DeleteCells,
    MarkAreaReviewed,
    MarkReviewed,
    MergeCells,
    ReplaceMasks,
)
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

from .drawn_case import SHAPE, Snapshot, disk, masks, rows


def block(row, column, height, width):
    """Cell whose left half is nucleus."""
    nucleus = np.zeros((height, width), bool)
    nucleus[:, : width // 2] = True
    return Region(row, column, height, width), nucleus, ~nucleus


def test_assigning_a_class_reviews(case, do):
    do(AssignClass((2, 5), 3))
    table = rows(case)
    assert table["class_id"].to_dict() == {1: 1, 2: 3, 3: 3, 4: 4, 5: 3, 6: 1}
    assert table.index[table["reviewed"]].tolist() == [2, 5]
    assert case.protected_ids == {2, 5}


def test_marking_reviewed_and_back(case, do):
    do(MarkReviewed((1, 2, 3)))
    do(MarkReviewed((2,), reviewed=False))
    table = rows(case)
    assert table.index[table["reviewed"]].tolist() == [1, 3]
    assert case.protected_ids == {1, 2, 3}


def test_what_is_so_already_is_no_edit(case, history):
    history.apply(AssignClass((1,), 1))
    revision = case.revision
    for edit in (AssignClass((1, 1), 1), MarkReviewed((1,)), MarkReviewed(())):
        assert history.apply(edit).is_empty
    assert case.revision == revision


def test_deleting(case, do):
    do(DeleteCells((2, 3)))
    assert rows(case).index.tolist() == [1, 4, 5, 6]
    assert case.next_id == 7


def test_deleting_all(case, do):
    do(DeleteCells((1, 2, 3, 4, 5, 6)))
    assert case.table().empty


def test_merging_keeps_the_first(case, do):
    before = [masks(case, cell_id) for cell_id in (2, 1)]
    do(AssignClass((2,), 4))
    do(MergeCells((2, 1)))
    assert rows(case).index.tolist() == [2, 3, 4, 5, 6]
    for merged, parts in zip(masks(case, 2), zip(*before, strict=True), strict=True):
        np.testing.assert_array_equal(merged, parts[0] | parts[1])
    assert rows(case).loc[2, "class_id"] == 4
    assert rows(case).loc[2, "reviewed"]


def test_merging_across_the_slide(case, do):
    do(MergeCells((3, 4, 6)))
    assert rows(case).index.tolist() == [1, 2, 3, 5]


def test_adding_where_nothing_is(case, do):
    inverse = do(AddCell(*block(100, 200, 20, 30), class_id=5))
    assert inverse.added_ids == (7,)
    row = rows(case).loc[7]
    assert row["class_id"] == 5
    assert row["reviewed"]
    assert np.isnan(row["confidence"])
    assert row["nucleus_area_px"] == row["cytoplasm_area_px"] == 300
    assert case.protected_ids == {7}


def test_added_cell_without_a_class_waits_for_review(case, do):
    do(AddCell(*block(100, 200, 20, 30)))
    assert rows(case).loc[7, "class_id"] == 6
    assert not rows(case).loc[7, "reviewed"]


def test_ids_do_not_come_again(case, history):
    first = history.apply(AddCell(*block(100, 200, 20, 30)))
    history.undo()
    second = history.apply(AddCell(*block(100, 200, 20, 30)))
    assert (*first.added_ids, *second.added_ids) == (7, 8)
    assert rows(case).index.tolist() == [1, 2, 3, 4, 5, 6, 8]


def test_added_cell_leaves_others_their_pixels_unless_told(case, do):
    region, nucleus, cytoplasm = block(300, 180, 30, 40)
    before = masks(case, 5)
    do(AddCell(region, nucleus, cytoplasm))
    for now, then in zip(masks(case, 5), before, strict=True):
        np.testing.assert_array_equal(now, then)
    do(AddCell(region, nucleus, cytoplasm, overwrite=True))
    assert 7 not in rows(case).index
    np.testing.assert_array_equal(masks(case, 8)[0][region.slices], nucleus)
    assert not masks(case, 5)[0][region.slices].any()


def test_masks_are_cut_to_the_slide_and_made_disjoint(case, do):
    everywhere = np.ones((40, 40), bool)
    do(AddCell(Region(SHAPE[0] - 10, -20, 40, 40), everywhere, everywhere))
    row = rows(case).loc[7]
    assert row["nucleus_area_px"] == row["cell_area_px"] == 10 * 20
    assert row["touches_border"]


def test_replacing_keeps_class_and_review(case, do):
    do(AssignClass((4,), 2))
    do(ReplaceMasks(4, *block(400, 50, 30, 30)))
    row = rows(case).loc[4]
    assert (row["class_id"], row["reviewed"]) == (2, True)
    assert (row["box_row_px"], row["cell_area_px"]) == (400, 900)
    assert row["score"] == 0.9


def test_replacing_can_take_from_others(case, do):
    cell = disk((60, 80), 30)
    do(ReplaceMasks(1, cell.region, cell.nucleus, cell.cytoplasm, overwrite=True))
    assert masks(case, 1)[0].sum() == cell.nucleus.sum()
    assert masks(case, 1)[1].sum() == cell.cytoplasm.sum()
    assert rows(case).loc[2, "cell_area_px"] < disk((60, 106), 24).mask.sum()


def test_area_reviewed_as_a_whole(case, do):
    do(MarkAreaReviewed(Region(0, 0, 250, 300)))
    table = rows(case)
    assert table.index[table["reviewed"]].tolist() == [1, 2, 4]
    do(MarkAreaReviewed())
    assert case.reviewed_areas == (Region.of_shape(SHAPE),)
    assert rows(case)["reviewed"].all()
    do(MarkAreaReviewed(Region(0, 0, 9, 9), complete=False))
    assert case.reviewed_areas == ()
    assert rows(case)["reviewed"].all()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (AssignClass((1, 99), 2), "no cell 99"),
        (AssignClass((1,), 9), "Class id 9 is not in the scheme"),
        (MarkReviewed((0,)), "no cell 0"),
        (DeleteCells((1, 77)), "no cell 77"),
        (MergeCells((3, 3)), "fewer than two"),
        (MergeCells((3, 9)), "no cell 9"),
        (AddCell(Region(0, 0, 3, 3), *np.zeros((2, 3, 3), bool)), "no pixel"),
        (AddCell(Region(60, 60, 3, 3), *np.ones((2, 3, 3), bool)), "no pixel"),
        (AddCell(Region(900, 0, 3, 3), *np.ones((2, 3, 3), bool)), "no pixel"),
        (AddCell(*block(100, 200, 9, 9), class_id=44), "Class id 44"),
        (ReplaceMasks(8, *block(0, 0, 9, 9)), "no cell 8"),
        (ReplaceMasks(1, *block(300, 190, 9, 9)), "no pixel"),
        (MarkAreaReviewed(Region(0, 0, 9, 999)), "leaves the slide"),
    ],
)
def test_what_cannot_be_done_changes_nothing(case, history, edit, message):
    before, revision = Snapshot.of(case), case.revision
    with pytest.raises(SettingsError, match=message):
        history.apply(edit)
    assert case.revision == revision
    Snapshot.of(case).assert_equals(before)


@pytest.mark.parametrize("mask", [np.ones((3, 4), bool), np.ones((3, 3), np.uint8)])
def test_mask_that_does_not_fit_is_refused(mask):
    with pytest.raises(SettingsError, match="does not fit a region of 3x3"):
        AddCell(Region(0, 0, 3, 3), mask, mask)
