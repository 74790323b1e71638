from __future__ import annotations

import json

import pytest

from napari_leukoseg.case import Case
from napari_leukoseg.case import case as case_module
from napari_leukoseg.classes import CellClass
from napari_leukoseg.correct import (
    AssignClass,
    DeleteCells,
    History,
    change_scheme,
)
from napari_leukoseg.errors import CaseError, SettingsError

from .drawn_case import DrawnSlide, Snapshot, commit_disks
from .edit_scenario import EDITS


def test_history_outlives_the_program(case, history):
    snapshots = [Snapshot.of(case)]
    for edit in EDITS:
        history.apply(edit)
        snapshots.append(Snapshot.of(case))
    case.close()
    with Case.open(case.path) as again:
        for snapshot in snapshots[-2:2:-1]:
            assert History(again).undo()
            Snapshot.of(again).assert_equals(snapshot)
    with Case.open(case.path) as again:
        assert History(again).redo_action == EDITS[3].action
        for snapshot in snapshots[4:]:
            assert again.redo()
            Snapshot.of(again).assert_equals(snapshot)
        assert again.redo() is None


def test_journal_only_grows(case, history):
    path = case.path / "leukoseg" / "journal" / "journal.jsonl"
    before = path.read_bytes()
    history.apply(EDITS[0])
    edited = path.read_bytes()
    history.undo()
    undone = path.read_bytes()
    assert undone.startswith(edited)
    assert edited.startswith(before)
    kinds = [json.loads(line)["kind"] for line in undone.splitlines()]
    assert kinds[-2:] == ["change", "undo"]


def test_records_are_small(case, history):
    path = case.path / "leukoseg" / "journal" / "journal.jsonl"
    sizes = []
    for edit in EDITS[:2]:
        before = path.stat().st_size
        history.apply(edit)
        sizes.append(path.stat().st_size - before)
    assert sizes[0] < 500  # class of two cells
    assert sizes[1] < 6000  # pixels of one cell, and its row before and after


def test_new_edit_ends_what_could_be_redone(case, history):
    history.apply(AssignClass((1,), 2))
    history.apply(AssignClass((2,), 3))
    history.undo()
    assert history.redo_action == "AssignClass"
    history.apply(DeleteCells((6,)))
    assert history.redo_action is None
    assert history.redo() is None
    assert [history.undo() for _ in range(3)] == ["DeleteCells", "AssignClass", None]


def test_a_run_begins_the_history_anew(case, history):
    history.apply(AssignClass((1,), 2))
    commit_disks(case, {"model": "b"})
    assert history.undo_action is None
    assert history.undo() is None
    assert case.table().set_index("cell_id").loc[1, "class_id"] == 2


def test_empty_tile_leaves_the_history(case, history):
    run = case.begin_run({"model": "b"}, 1)
    history.apply(EDITS[5])
    run.commit_tile(0, [], [])
    assert history.undo_action == "AddCell"


def test_snapshot_of_the_table_keeps_the_history(case, history, monkeypatch):
    monkeypatch.setattr(case_module, "_CONSOLIDATE_AFTER", 3)
    for edit in EDITS:
        history.apply(edit)
    history.undo()
    case.sign_off("A. Person")
    expected = Snapshot.of(case)
    n_before = case._ledger.state.revision
    case.close()
    assert case._info.snapshot == f"cells-{n_before}"
    with Case.open(case.path) as again:
        Snapshot.of(again).assert_equals(expected)
        assert again._ledger.state.to_dict() == case._ledger.state.to_dict()
        assert again.redo_action == EDITS[-1].action
        assert again.signed_off["name"] == "A. Person"


def test_redo_does_not_bring_back_a_class_that_is_gone(case, history):
    change_scheme(case, case.scheme.added(CellClass(7, "blast", "7", "#ff00ff")))
    history.apply(AssignClass((1,), 7))
    history.undo()
    change_scheme(case, case.scheme.removed(7))
    with pytest.raises(SettingsError, match="Class id 7 is not in the scheme"):
        history.redo()
    assert case.table()["class_id"].isin(range(1, 7)).all()


def test_slide_of_another_case_is_refused(case):
    with pytest.raises(CaseError, match="belongs to the slide"):
        History(case, DrawnSlide(fingerprint="0" * 64))


@pytest.mark.parametrize(
    "step",
    [
        lambda case: case.undo(),
        lambda case: AssignClass((2,), 4).apply(case),
        lambda case: case.append_edit({"cell_ids": []}),
        lambda case: change_scheme(case, case.scheme),
        lambda case: commit_disks(case, {"model": "b"}),
    ],
)
def test_sign_off_holds_until_the_next_change(case, step):
    AssignClass((1,), 4).apply(case)
    case.sign_off(" A. Person ", {"total": 6})
    signed = case.signed_off
    assert signed["name"] == "A. Person"
    assert signed["count"] == {"total": 6}
    assert signed["time"].endswith("+00:00")
    with Case.open(case.path) as reader:
        assert reader.signed_off == reader.summary()["signed_off"] == signed
        step(case)
        assert reader.signed_off is None


def test_sign_off_needs_a_name(case):
    with pytest.raises(SettingsError, match="without a name is void"):
        case.sign_off("  ")


def test_signed_case_is_not_thrown_away(case):
    case.sign_off("A. Person")
    case.close()
    Case.create(case.path, DrawnSlide(), overwrite=True)
    with Case.open(case.path.with_name("smear.bak-1.leukoseg.zarr")) as kept:
        assert kept.signed_off["name"] == "A. Person"
