from __future__ import annotations

import errno
import os
import sys

import pytest

from napari_leukoseg.errors import ExportError
from napari_leukoseg.export.files import replaced_when_complete

NAME = "cells.csv"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_when_complete(tmp_path):
    path = tmp_path / "new" / "folder" / NAME
    with replaced_when_complete(path) as partial:
        partial.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one"
    assert names(path.parent) == [NAME]


def test_failure_keeps_what_was_there(tmp_path):
    path = tmp_path / NAME
    path.write_text("old")
    with pytest.raises(KeyError), replaced_when_complete(path) as partial:
        partial.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    assert names(tmp_path) == [NAME]


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full; free space"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "read-only, or another program"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_failed_write_names_folder_and_reason(tmp_path, number, reason):
    path = tmp_path / NAME
    with (
        pytest.raises(ExportError, match=reason) as caught,
        replaced_when_complete(path) as partial,
    ):
        partial.write_text("half")
        raise OSError(number, os.strerror(number))
    assert NAME in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert names(tmp_path) == []


def test_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "out").write_text("")
    with (
        pytest.raises(ExportError, match="is a file, not a folder"),
        replaced_when_complete(tmp_path / "out" / NAME),
    ):
        raise AssertionError


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="may write anywhere"
)
def test_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with (
            pytest.raises(ExportError, match="read-only"),
            replaced_when_complete(tmp_path / NAME) as partial,
        ):
            partial.write_text("")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on file sizes")
def test_full_disk_leaves_nothing(tmp_path):
    import resource
    import signal

    path = tmp_path / NAME
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with (
            pytest.raises(ExportError, match="the disk is full"),
            replaced_when_complete(path) as partial,
        ):
            partial.write_bytes(bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(tmp_path) == []
