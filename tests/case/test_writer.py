"""What a killed process, a failing disk and a power cut leave, and how it recovers."""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from napari_leukoseg.case import Case, case_path, making, painting
from napari_leukoseg.case import writer as module
from napari_leukoseg.errors import CaseError

from .crash_script import SETTINGS, scenario
from .drawn_tiles import (
    N_TILES,
    all_labels,
    assert_consistent,
    assert_same_case,
    commit_missing,
    tile_of,
)

LOOP = """
import sys
import threading
from napari_leukoseg.case import Case
from case.drawn_tiles import commit_missing
with Case.open(sys.argv[1]) as case:
    run = case.begin_run({"model": "a"}, 6)
    print("begun", flush=True)
    commit_missing(run)
    run.finish({"seconds": 1.5})
"""


def python(*arguments, **keywords):
    tests = Path(__file__).parents[1]
    return subprocess.Popen([sys.executable, *arguments], cwd=tests, **keywords)


@pytest.fixture(scope="session")
def edited_template(tmp_path_factory, segmented_template):
    """Case with a finished run and human work."""
    path = case_path(tmp_path_factory.mktemp("edited"), "smear")
    shutil.copytree(segmented_template, path)
    with Case.open(path) as case:
        case.append_edit({"cell_ids": [3, 8]})
    return path


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, edited_template):
    """Edited case after the whole scenario."""
    path = case_path(tmp_path_factory.mktemp("undisturbed"), "smear")
    shutil.copytree(edited_template, path)
    with Case.open(path) as case:
        scenario(case)
    assert_consistent(case)
    return case


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    "step", [61, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_kill_at_any_point_then_resume(tmp_path, edited_template, undisturbed, step):
    arguments = ["-m", "case.crash_script", edited_template, tmp_path, str(step)]
    assert python(*arguments).wait() == 0
    paths = sorted(tmp_path.iterdir(), key=lambda path: int(path.name.split(".")[0]))
    assert len(paths) >= 290 // step
    for path in paths:
        with Case.open(path) as case:
            case.table()
            assert case.protected_ids == {3, 8}
            kept = len(case._ledger.state.tiles) if len(case.provenance) == 2 else 0
            run = case.begin_run(SETTINGS, N_TILES)
            assert len(run.finished_tiles) == kept
            scenario(case)
        assert_same_case(case, undisturbed)
        shutil.rmtree(path)


def test_process_killed_while_it_commits(case, segmented, tmp_path):
    case.close()
    rng = random.Random(0)
    for _ in range(2):
        with python("-c", LOOP, case.path, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.1))
            process.kill()
        assert process.returncode != 0 or case.provenance[0]["finished"]
        Case.open(case.path).table()
    with python("-c", LOOP, case.path, stdout=subprocess.PIPE) as process:
        process.stdout.read()
    assert process.returncode == 0
    assert_same_case(case, segmented)
    assert len(case.provenance) == 1


def fail_after(monkeypatch, n_writes):
    """Let the disk be full after some writes of labels."""
    left = iter(range(n_writes))
    write = painting.write_atomic

    def limited(path, data):
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        write(path, data)

    monkeypatch.setattr(painting, "write_atomic", limited)


@pytest.mark.parametrize("n_writes", [0, 1, 7, 23, 40])
def test_full_disk_loses_nothing(case, segmented, monkeypatch, n_writes):
    run = case.begin_run({"model": "a"}, N_TILES)
    with monkeypatch.context() as patch:
        patch.setattr(painting, "_COARSE_LAG_S", 0.0)
        fail_after(patch, n_writes)
        with pytest.raises(CaseError, match=r"smear.*: the disk is full. Free space"):
            commit_missing(run)
        finished = run.finished_tiles
        with pytest.raises(CaseError, match="the disk is full"):
            commit_missing(run)
        assert run.finished_tiles == finished
    commit_missing(run)
    run.finish({"seconds": 1.5})
    assert_same_case(case, segmented)


def test_journal_that_cannot_grow_leaves_the_tile_undone(case, segmented, monkeypatch):
    run = case.begin_run({"model": "a"}, N_TILES)
    run.commit_tile(0, *tile_of(0))
    before = all_labels(case)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(CaseError, match="the disk is full"):
            run.commit_tile(1, *tile_of(1))
    assert run.finished_tiles == {0}
    for labels, expected in zip(all_labels(case), before, strict=True):
        np.testing.assert_array_equal(labels, expected)
    commit_missing(run)
    run.finish({"seconds": 1.5})
    assert_same_case(case, segmented)


def test_labels_lost_in_a_power_cut_are_drawn_again(case, segmented):
    run = case.begin_run({"model": "a"}, N_TILES)
    commit_missing(run)
    case._writer._lock.release()  # no checkpoint
    for path in (case.path / "labels").rglob("c/*/*"):
        path.write_bytes(b"") if path.stat().st_size % 2 else path.unlink()
    with Case.open(case.path) as again:
        again.begin_run({"model": "a"}, N_TILES).finish({"seconds": 1.5})
    assert_same_case(again, segmented)


def test_checkpoints_bound_what_is_drawn_again(case, monkeypatch):
    monkeypatch.setattr(module, "CHECKPOINT_COMMITS", 2)
    applied = case.path / "leukoseg" / "journal" / "applied.json"
    run = case.begin_run({"model": "a"}, N_TILES)
    offsets = []
    for tile in range(4):
        run.commit_tile(tile, *tile_of(tile))
        offsets.append(json.loads(applied.read_text())["offset"])
    assert offsets[0] == offsets[1] < offsets[2] == offsets[3]
    case.close()
    assert json.loads(applied.read_text())["offset"] == case._ledger.offset


@pytest.mark.parametrize("text", ["", "{", "[]", '{"offset": 1000000000}'])
def test_damaged_checkpoint_redraws_all(segmented, text):
    before = all_labels(segmented)
    (segmented.path / "leukoseg" / "journal" / "applied.json").write_text(text)
    segmented.rebuild_labels()
    for labels, expected in zip(all_labels(segmented), before, strict=True):
        np.testing.assert_array_equal(labels, expected)


def mount(path, *options):
    """Mount a small memory disk, or change it."""
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    if not (sys.platform == "linux" and os.geteuid() == 0 and mount(path, "size=2m")):
        pytest.skip("needs root on Linux to mount a small disk")
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.mark.parametrize("free_kb", [16, 60, 100, 140])
def test_small_disk_runs_full_and_goes_on(
    small_disk, empty_template, segmented, free_kb
):
    path = shutil.copytree(empty_template, case_path(small_disk, "smear"))
    filler = small_disk / "filler"
    free = shutil.disk_usage(small_disk).free
    filler.write_bytes(bytes(max(0, free - 1024 * free_kb)))
    with (
        pytest.raises(CaseError, match=r"smear.*: the disk is full"),
        Case.open(path) as case,
    ):
        scenario_a(case)
    with Case.open(path) as case:
        case.table()
    filler.unlink()
    with Case.open(path) as case:
        scenario_a(case)
    assert_same_case(case, segmented)


def scenario_a(case):
    run = case.begin_run({"model": "a"}, N_TILES)
    commit_missing(run)
    run.finish({"seconds": 1.5})


def test_full_output_folder(small_disk, slide):
    free = shutil.disk_usage(small_disk).free
    (small_disk / "filler").write_bytes(bytes(free - 8192))
    path = case_path(small_disk / "out", "x")
    with pytest.raises(CaseError, match="out cannot be written: the disk is full"):
        Case.create(path, slide)
    assert not any((small_disk / "out").iterdir())


def test_what_is_written_late_leaves_no_draft(tmp_path, slide, monkeypatch):
    writers = []

    def fail(draft, *_):
        late = threading.Timer(0.02, lambda: (draft / "late").mkdir(parents=True))
        late.start()
        writers.append(late)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(making, "write_layout", fail)
    with pytest.raises(CaseError, match="the disk is full"):
        Case.create(case_path(tmp_path, "x"), slide)
    writers[0].join()
    assert not any(tmp_path.iterdir())


def test_read_only_disk(small_disk, slide, segmented_template, segmented):
    path = shutil.copytree(segmented_template, case_path(small_disk, "smear"))
    assert mount(small_disk, "remount", "ro")
    with Case.open(path) as case:
        assert_same_case(case, segmented)
        assert case.begin_run({"model": "a"}, N_TILES).is_finished
        with pytest.raises(CaseError, match="read-only or not yours"):
            case.begin_run({"model": "b"}, N_TILES)
        with pytest.raises(CaseError, match="another output folder"):
            case.append_edit({"cell_ids": []})
        assert_same_case(case, segmented)
    with pytest.raises(CaseError, match="read-only or not yours"):
        Case.create(case_path(small_disk, "y"), slide)
    with pytest.raises(CaseError, match="read-only or not yours"):
        Case.create(path, slide, overwrite=True)
