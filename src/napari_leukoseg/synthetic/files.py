"""Writes whole or not at all: names, folders and errors of drawn files."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_leukoseg.errors import SampleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["DrawProgress", "checked_path", "is_ome_name", "partial_file", "stem_of"]


@dataclass(frozen=True)
class DrawProgress:
    """How much of a picture is drawn, in pieces of about equal work.

    Parameters
    ----------
    done, total : int
        Pieces.
    """

    done: int
    total: int


def stem_of(path: Path) -> str:
    """Return the file name without its suffix; ``x`` for ``x.ome.tif``."""
    return path.stem[: -len(".ome")] if is_ome_name(path) else path.stem


def is_ome_name(path: Path) -> bool:
    """Whether a file name promises OME-TIFF."""
    return path.name.lower().endswith((".ome.tif", ".ome.tiff"))


def checked_path(path: str | Path, suffixes: Sequence[str]) -> Path:
    """Return a path that may be written, its folder made.

    Raises
    ------
    SampleError
        If the suffix is not one of `suffixes`, the path is a folder, or its
        folder cannot be made.
    """
    path = Path(path)
    if not path.name.lower().endswith(tuple(suffixes)):
        raise SampleError(
            f"{path.name!r} is not a name that can be drawn to; "
            f"end it in {', '.join(suffixes)}."
        )
    if path.is_dir():
        raise SampleError(f"{path} is a folder; give the name of a file in it.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _as_sample_error(path, error) from error
    return path


@contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`, which it becomes if all goes well.

    A file that was there before is replaced only then.

    Raises
    ------
    SampleError
        If the file cannot be written.
    """
    partial = path.with_name(f".{os.getpid()}-{path.name}.part")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise _as_sample_error(path, error) from error
    finally:
        with suppress(OSError):  # a read-only disk refuses even what is not there
            partial.unlink(missing_ok=True)


def _as_sample_error(path: Path, error: OSError) -> SampleError:
    """Say what went wrong and what helps."""
    remedies = {
        errno.ENOSPC: "the disk is full; free some space or choose another folder",
        errno.EDQUOT: "your disk quota is used up; free some space or choose "
        "another folder",
        errno.EACCES: "writing there is not allowed; choose a folder of your own",
        errno.EPERM: "writing there is not allowed; choose a folder of your own",
        errno.EROFS: "the disk is read-only; choose another folder",
        errno.ENOTDIR: "part of its path is a file; choose another folder",
        errno.EEXIST: "part of its path is a file; choose another folder",
    }
    reason = remedies.get(error.errno or 0, f"{error.strerror or error}")
    return SampleError(f"{path} cannot be written: {reason}.")
