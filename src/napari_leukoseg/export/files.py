"""Exported files that are complete or absent, and errors that name their folder."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_leukoseg.case.files import PARTIAL_SUFFIX, replace_path
from napari_leukoseg.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["SOFTWARE", "check_free", "replaced_when_complete", "write_errors"]

SOFTWARE = "napari-leukoseg"
"""Software tag of every exported picture; tells results from slides."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_NO_FOLDER = {errno.ENOTDIR, errno.EEXIST}


@contextmanager
def replaced_when_complete(path: Path) -> Iterator[Path]:
    """Give a name to write to, which becomes `path` when all has been written.

    Parameters
    ----------
    path : Path
        File to make or to replace; its folder is made where it is missing.

    Yields
    ------
    partial : Path
        File in the same folder. It is removed if the block raises, and what `path`
        held before stays.

    Raises
    ------
    ExportError
        If the folder cannot be made or written to, or is full.
    """
    partial = path.with_name(path.name + PARTIAL_SUFFIX)
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            replace_path(partial, path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` into an `ExportError` that names file, reason and remedy.

    Parameters
    ----------
    path : Path
        What is written.
    """
    try:
        yield
    except OSError as error:
        raise ExportError(_sentence(path, error)) from error


def check_free(paths: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse to write files over others.

    Parameters
    ----------
    paths : iterable of Path
        Files to write.
    overwrite : bool
        Whether files may be replaced; folders never are.

    Raises
    ------
    ExportError
        If one exists and may not be replaced.
    """
    for path in paths:
        if path.is_dir():
            raise ExportError(f"{path} is a folder; give the name of a file.")
        if path.exists() and not overwrite:
            raise ExportError(
                f"{path} exists; give another place, or --overwrite to replace it."
            )


def _sentence(path: Path, error: OSError) -> str:
    """Name file, folder and reason of a failed write, and what to do."""
    reason = error.strerror or str(error)
    remedy = "choose another folder"
    if error.errno in _FULL:
        reason, remedy = "the disk is full", "free space or choose another folder"
    elif error.errno in _FORBIDDEN:
        reason = f"the folder is read-only, or another program uses the file ({reason})"
        remedy = "choose another folder, or close the file elsewhere"
    elif error.errno in _NO_FOLDER:
        reason = "a part of this path is a file, not a folder"
    return f"{path.name} cannot be written to {path.parent}: {reason}; {remedy}."
