"""A later run leaves alone what a person has done."""

from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.correct import (
    AssignClass,
    DeleteCells,
    ErasePixels,
    GrowCells,
    MarkAreaReviewed,
    MergeCells,
    SplitCell,
)
from napari_leukoseg.geometry import Region

from .drawn_case import (
    CELLS,
    SHAPE,
    Snapshot,
    assert_consistent,
    commit_disks,
    masks,
    rows,
)
from .edit_scenario import EDITS

BOX_OF_5 = Region(278, 178, 45, 45)


def changed_cells(case, before, protected):
    """Cells that differ in pixels or row, of those that nothing may change."""
    now = Snapshot.of(case)
    ids = [np.maximum(*s.labels[:: case.n_levels]) for s in (before, now)]
    differing = set(ids[0][ids[0] != ids[1]].tolist())
    old, new = (s.table.set_index("cell_id") for s in (before, now))
    differing |= {i for i in protected if not old.loc[[i]].equals(new.loc[[i]])}
    return differing & set(protected)


def test_edited_cells_stay_to_the_pixel(case):
    for edit in EDITS:
        edit.apply(case)
    protected = case.protected_ids
    assert len(protected) >= 5
    before = Snapshot.of(case)
    commit_disks(case, {"model": "b"})
    assert changed_cells(case, before, protected) == set()
    assert case.protected_ids == protected
    assert_consistent(case)


@pytest.mark.parametrize("shift", [0, 3, 8])
@pytest.mark.parametrize("radius", [14, 22, 30])
def test_deleted_cell_does_not_come_back(case, shift, radius):
    DeleteCells((5,)).apply(case)
    found = ((300 + shift, 200 - shift), radius, 2)
    assert commit_disks(case, {"model": "b"}, (*CELLS[:4], found))[4:] == []
    assert rows(case).index.min() > 6


def test_cells_beside_a_deleted_one_are_found(case):
    DeleteCells((5,)).apply(case)
    beside = (((300, 235), 20, 1), ((265, 180), 20, 1))
    assert len(commit_disks(case, {"model": "b"}, beside)) == 2


def test_white_cell_under_a_deleted_speck_is_found(case):
    DeleteCells((6,)).apply(case)  # of radius 18
    assert len(commit_disks(case, {"model": "b"}, [((290, 240), 45, 1)])) == 1


def test_deleted_before_comes_back_after_undo(case):
    DeleteCells((5,)).apply(case)
    case.undo()
    assert len(commit_disks(case, {"model": "b"})) == len(CELLS)
    assert case.protected_ids == frozenset()


def test_cell_erased_by_strokes_does_not_come_back(case):
    for row in range(BOX_OF_5.row, BOX_OF_5.row_stop, 9):
        stroke = Region(row, BOX_OF_5.column, 9, BOX_OF_5.width)
        ErasePixels("cell", stroke, np.ones((9, 45), bool), cell_ids=(5,)).apply(case)
    assert 5 not in rows(case).index
    ids = commit_disks(case, {"model": "b"}, CELLS[3:])
    assert len(ids) == 2
    assert not np.logical_or(*masks(case, max(ids)))[BOX_OF_5.slices][:, :40].any()


def test_red_cell_cut_off_a_white_one_does_not_come_back(case):
    # The machine took two cells for one, and will again.
    MergeCells((1, 2)).apply(case)
    case.undo()
    blob = [((60, 83), 48, 2)]
    commit_disks(case, {"model": "b"}, blob)
    (cell_id,) = rows(case).index
    right = Region(0, 70, 120, 100)
    ErasePixels("cell", right, np.ones((120, 100), bool)).apply(case)
    before = Snapshot.of(case)
    assert commit_disks(case, {"model": "c"}, blob) == []
    assert changed_cells(case, before, {cell_id}) == set()


def test_shrunken_cell_gets_no_ring_around_it(case):
    GrowCells((3,), -12).apply(case)
    ids = commit_disks(case, {"model": "b"})
    assert len(ids) == len(CELLS) - 1


def test_split_parts_stay(case):
    SplitCell(3, ((470, 150), (529, 150))).apply(case)
    commit_disks(case, {"model": "b"})
    assert {3, 7} <= set(rows(case).index)
    assert len(rows(case)) == len(CELLS) + 1


def test_no_cell_is_added_to_a_complete_area(case):
    DeleteCells((5, 6)).apply(case)
    case.undo()
    ErasePixels("cell", BOX_OF_5, np.ones((45, 45), bool)).apply(case)
    MarkAreaReviewed(Region(250, 0, 280, SHAPE[1])).apply(case)
    new = (*CELLS, ((400, 100), 30, 2), ((150, 200), 20, 2))
    before = Snapshot.of(case)
    ids = commit_disks(case, {"model": "b"}, new)
    assert len(ids) == 4  # cells 1, 2 and 4, and the last one
    assert changed_cells(case, before, {3, 6}) == set()
    MarkAreaReviewed(complete=False).apply(case)
    assert len(commit_disks(case, {"model": "c"}, new)) == 5


def test_undone_edits_protect_no_more(case):
    AssignClass((1, 2), 5).apply(case)
    case.undo()
    commit_disks(case, {"model": "b"})
    assert rows(case).index.tolist() == [7, 8, 9, 10, 11, 12]
    assert not rows(case)["reviewed"].any()


def test_resumed_run_respects_edits_in_between(case):
    run = case.begin_run({"model": "b"}, 2)
    run.commit_tile(0, [], [])
    inverse = EDITS[5].apply(case)
    before = Snapshot.of(case)
    commit_disks(case, {"model": "c"}, [((415, 30), 20, 1), ((100, 200), 20, 1)])
    assert changed_cells(case, before, inverse.added_ids) == set()
    assert len(rows(case)) == 2
