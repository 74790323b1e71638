import errno
from pathlib import Path

import pytest

from napari_leukoseg.case import files
from napari_leukoseg.errors import CaseError


@pytest.mark.parametrize(
    ("number", "reason", "remedy"),
    [
        (errno.ENOSPC, "the disk is full", "Free space"),
        (errno.EROFS, "read-only", "another output folder"),
        (errno.EACCES, "read-only or not yours", "permissions"),
        (errno.EIO, "Input/output error", "Check the folder"),
    ],
)
def test_errors_name_folder_reason_and_remedy(number, reason, remedy):
    with (
        pytest.raises(CaseError) as caught,
        files.os_errors(Path("/data/out"), "written"),
    ):
        raise OSError(number, "Input/output error")
    message = str(caught.value)
    assert message.startswith(f"{Path('/data/out')} cannot be written: ")
    assert reason in message
    assert remedy in message


@pytest.mark.parametrize("sync", [False, True])
def test_write_atomic_replaces_and_leaves_nothing_else(tmp_path, sync):
    path = tmp_path / "x.json"
    for data in (b"old", b"new"):
        files.write_atomic(path, data, sync=sync)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_bytes(b"old")

    def refuse(source, target):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(files, "replace_path", refuse)
    with pytest.raises(OSError, match="full"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_windows_waits_for_other_programs(monkeypatch):
    monkeypatch.setattr(files.sys, "platform", "win32")
    refusals = iter([True, True, False])

    def action():
        if next(refusals):
            raise PermissionError
        return "done"

    assert files.patiently(action) == "done"


def test_others_do_not_wait():
    def action():
        raise PermissionError

    with pytest.raises(PermissionError):
        files.patiently(action)


def test_syncing_what_is_gone_is_nothing(tmp_path):
    files.sync_file(tmp_path / "gone")
