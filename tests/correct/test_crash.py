"""What a process leaves that is killed while a person edits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from napari_leukoseg.case import Case, case_path, painting
from napari_leukoseg.correct import DeleteCells
from napari_leukoseg.errors import CaseError

from .drawn_case import Snapshot, assert_consistent
from .edit_scenario import EDITS, steps


@pytest.fixture(scope="module")
def stages(tmp_path_factory, template):
    """What the case holds after each step of the scenario, by revision."""
    path = case_path(tmp_path_factory.mktemp("stages"), "smear")
    with Case.open(shutil.copytree(template, path)) as case:
        snapshots = {case.revision: Snapshot.of(case)}
        for step in steps(case):
            step()
            snapshots[case.revision] = Snapshot.of(case)
    return snapshots


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    "step", [23, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_edit_is_wholly_done_or_not_at_all(tmp_path, template, stages, step):
    arguments = ["-m", "case.crash_script", template, tmp_path, str(step)]
    subprocess.run(
        [sys.executable, *arguments, "correct.edit_scenario"],
        cwd=Path(__file__).parents[1],
        check=True,
    )
    first = min(stages)
    paths = sorted(tmp_path.glob("*.zarr"))
    assert len(paths) > 150 // step
    for path in paths:
        notes = path.with_suffix(".done")
        n_returned = int(notes.read_text()) if notes.exists() else 0
        with Case.open(path) as case:
            assert n_returned <= case.revision - first <= n_returned + 1
            case.recover()
            Snapshot.of(case).assert_equals(stages[case.revision])
            while case.undo():
                pass
            Snapshot.of(case).assert_equals(stages[first])
        shutil.rmtree(path)


@pytest.mark.parametrize("n_writes", [0, 1, 5])
def test_full_disk_while_labels_are_written(case, stages, monkeypatch, n_writes):
    first = case.revision
    EDITS[0].apply(case)
    left = iter(range(n_writes))
    write = painting.write_atomic

    def limited(path, data):
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(painting, "write_atomic", limited)
        with pytest.raises(CaseError, match=r"smear.*: the disk is full. Free space"):
            EDITS[1].apply(case)
    # The record is on the disk, so the edit is done; its labels follow.
    assert case.revision == first + 2
    case.undo()
    Snapshot.of(case).assert_equals(stages[first + 1])
    case.redo()
    Snapshot.of(case).assert_equals(stages[first + 2])


def test_edit_that_cannot_be_recorded_is_not_done(case, monkeypatch):
    case.recover()
    before = Snapshot.of(case)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(CaseError, match="the disk is full"):
            DeleteCells((1,)).apply(case)
    Snapshot.of(case).assert_equals(before)
    assert case.undo() is None
    assert_consistent(case)
    DeleteCells((1,)).apply(case)
    assert_consistent(case)


def test_labels_can_be_drawn_anew_from_the_journal(case, stages):
    for step in steps(case):
        step()
    for path in (case.path / "labels").rglob("c/*/*"):
        path.unlink()
    case.rebuild_labels()
    Snapshot.of(case).assert_equals(stages[max(stages)])
