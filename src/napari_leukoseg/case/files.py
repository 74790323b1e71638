"""File operations that survive a killed process, on every system."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from napari_leukoseg.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = [
    "PARTIAL_SUFFIX",
    "os_errors",
    "patiently",
    "replace_path",
    "sync_file",
    "sync_folder",
    "write_atomic",
]

_T = TypeVar("_T")

PARTIAL_SUFFIX = ".partial"
"""Ends the name of a file or folder that is not complete yet."""

_PATIENCE_S = 2.0
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def os_errors(folder: Path, action: str) -> Iterator[None]:
    """Turn an `OSError` into a `CaseError` that names folder, reason and remedy.

    Parameters
    ----------
    folder : Path
        What the user knows the place by.
    action : str
        Past participle of what was tried, such as ``"written"``.
    """
    try:
        yield
    except OSError as error:
        reason, remedy = _explain(error)
        raise CaseError(
            f"{folder} cannot be {action}: {reason}. {remedy} Nothing that was "
            "saved before is lost."
        ) from error


def _explain(error: OSError) -> tuple[str, str]:
    """Return the reason of an error and what to do about it."""
    if error.errno in _FULL:
        return "the disk is full", "Free space there and start the same again."
    if error.errno in _FORBIDDEN:
        return (
            f"it is read-only or not yours ({error.strerror})",
            "Choose another output folder or change its permissions.",
        )
    return str(error.strerror or error), "Check the folder and its disk."


def patiently(action: Callable[[], _T]) -> _T:
    """Repeat what another program blocks for a moment.

    Windows refuses to replace or open a file that a viewer, a virus scanner or
    an indexer holds open; they let go within moments.
    """
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return action()
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def replace_path(source: Path, target: Path) -> None:
    """Move a file over another, or a folder to a free name, in one step."""
    patiently(lambda: source.replace(target))


def write_atomic(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Write a file so that a reader sees the old or the new one, never a part.

    Parameters
    ----------
    path : Path
        File in an existing folder.
    data : bytes
        New content.
    sync : bool, optional
        Whether the content is on the disk when the call returns, so that it
        survives a power cut as well as a killed process.
    """
    partial = path.with_name(path.name + PARTIAL_SUFFIX)
    try:
        with partial.open("wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        replace_path(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Force a file to the disk; a file that is gone needs nothing."""
    try:
        # Windows flushes only handles that may write.
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    except FileNotFoundError:
        return


def sync_folder(path: Path) -> None:
    """Force the names in a folder to the disk, where the system offers it."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
