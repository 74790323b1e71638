"""Reads arguments that are more than a word or a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import PixelSize, Region, Size

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["parse_mpp", "parse_region", "parse_size"]


def parse_mpp(text: str) -> float:
    """Read a pixel size in µm, as `PixelSize` allows it."""
    try:
        return PixelSize(float(text)).um
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not a number; give µm per pixel, such as 0.25."
        ) from error


def parse_region(text: str) -> Region:
    """Read ``R0,C0,R1,C1``, half-open, in rows and columns of level 0."""
    bounds = _integers(text.split(","), 4)
    if (
        not bounds
        or min(bounds) < 0
        or bounds[2] <= bounds[0]
        or bounds[3] <= bounds[1]
    ):
        raise typer.BadParameter(
            f"{text!r} is not a region; give R0,C0,R1,C1 in whole pixels: first row "
            "and column, then the row and column after the last, such as "
            "0,0,512,1024 for the upper left 512 rows and 1024 columns."
        )
    return Region.from_bounds(*bounds)


def parse_size(text: str) -> Size:
    """Read ``ROWSxCOLS``."""
    size = _integers(text.lower().split("x"), 2)
    if not size or min(size) < 1:
        raise typer.BadParameter(
            f"{text!r} is not a size; give ROWSxCOLS in pixels, such as 1536x2048."
        )
    return Size(*size)


def _integers(texts: Sequence[str], count: int) -> list[int] | None:
    """Return as many whole numbers, or none where a text is something else."""
    try:
        numbers = [int(text) for text in texts]
    except ValueError:
        return None
    return numbers if len(numbers) == count else None
