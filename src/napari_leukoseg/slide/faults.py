"""Turns whatever a decoder raises into one sentence that names the file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_leukoseg.errors import LeukosegError, SlideError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Unreadable", "UnsupportedColor", "blame"]

_MAX_REASON_LENGTH = 200


class Unreadable(Exception):  # noqa: N818 (never leaves this stage)
    """Why a picture cannot be read and what to do, without the file's name."""


class UnsupportedColor(Unreadable):
    """The file is sound, but its color space or compression has no rule here."""


@contextmanager
def blame(path: Path) -> Iterator[None]:
    """Raise every failure inside the block as a `SlideError` that names `path`.

    Decoders raise many unrelated types on damaged input; none of them may
    reach a viewer as a traceback.
    """
    try:
        yield
    except LeukosegError:
        raise
    except Unreadable as error:
        raise SlideError(f"{path.name} cannot be read: {error}") from error
    except MemoryError as error:
        raise SlideError(
            f"{path.name} cannot be read: there is too little free memory; close "
            "other programs or convert the picture to a tiled pyramidal TIFF."
        ) from error
    except PermissionError as error:
        raise SlideError(
            f"{path.name} cannot be read: access is denied; change its permissions "
            "or copy it to a folder of your own."
        ) from error
    except Exception as error:
        raise SlideError(
            f"{path.name} cannot be read ({_summary(error)}); it may be damaged or "
            "incomplete, so copy it again from its source."
        ) from error


def _summary(error: Exception) -> str:
    """First line of a foreign error, shortened."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:_MAX_REASON_LENGTH].rstrip(". ")
