"""Tells a shortage of memory in one clear sentence, whatever library meets it."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_leukoseg.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_shortage", "memory_errors"]

_WORDS = (
    "allocate memory",
    "bad_alloc",
    "can't start new thread",
    "could not create a primitive",
    "cublas_status_alloc_failed",
    "failed to map segment",
    "not enough memory",
    "out of memory",
    "paging file is too small",
)
"""Parts of what PyTorch and its libraries, Python, and the loaders of Linux and Windows
say then."""


def is_shortage(error: BaseException | None) -> bool:
    """Tell whether an error, or what it arose from, is a shortage of memory.

    Parameters
    ----------
    error : BaseException or None
        Any error.
    """
    if error is None:
        return False
    if isinstance(error, MemoryError) or getattr(error, "errno", 0) == errno.ENOMEM:
        return True
    text = str(error).lower()
    return any(words in text for words in _WORDS) or is_shortage(
        error.__cause__ or error.__context__
    )


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turn what is raised where memory is short into a sentence.

    Raises
    ------
    DeviceError
        If memory was short.
    """
    try:
        yield
    except Exception as error:
        if not is_shortage(error):
            raise
        raise DeviceError(
            "There is not enough memory to train; close other programs, choose fewer "
            "or smaller pictures, or train on the CPU. Nothing was lost."
        ) from error
