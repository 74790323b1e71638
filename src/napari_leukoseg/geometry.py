"""Rectangles, sizes and pixel sizes, in (row, column) order and stated units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MAX_CELL_PX",
    "MAX_MPP",
    "MIN_CELL_PX",
    "MIN_MPP",
    "WHITE_CELL_UM",
    "PixelSize",
    "Region",
    "Size",
]

MIN_CELL_PX, MAX_CELL_PX = 4.0, 4000.0
"""Limits of a white cell's diameter in a picture, in pixels."""

WHITE_CELL_UM = 13.0
"""Typical diameter of a white cell flattened on a smear, µm (neutrophils 12-15,
lymphocytes 8-12, monocytes 15-20)."""

MIN_MPP = 0.02
"""Smallest believable pixel size of a light microscope, µm per pixel."""

MAX_MPP = 5.0
"""Largest believable pixel size of a smear picture, µm per pixel."""


@dataclass(frozen=True)
class Size:
    """Height and width in pixels."""

    height: int
    width: int

    def __post_init__(self) -> None:
        if self.height < 0 or self.width < 0:
            raise SettingsError(
                f"A size of {self.height}x{self.width} pixels is negative; "
                "give rows and columns of zero or more."
            )

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width


@dataclass(frozen=True)
class Region:
    """Half-open rectangle of pixels at one pyramid level.

    Parameters
    ----------
    row, column : int
        First row and column inside the region; may be negative for a
        rectangle that begins outside its picture.
    height, width : int
        Extent in pixels, zero or more.
    """

    row: int
    column: int
    height: int
    width: int

    def __post_init__(self) -> None:
        if self.height < 0 or self.width < 0:
            raise SettingsError(
                f"A region of {self.height}x{self.width} pixels is negative; "
                "its stop must not lie before its start."
            )

    @classmethod
    def from_bounds(
        cls, row: int, column: int, row_stop: int, column_stop: int
    ) -> Region:
        """Build from half-open bounds."""
        return cls(row, column, row_stop - row, column_stop - column)

    @classmethod
    def of_shape(cls, shape: Sequence[int]) -> Region:
        """Region that covers an array of `shape` (rows, columns, ...)."""
        return cls(0, 0, int(shape[0]), int(shape[1]))

    @property
    def row_stop(self) -> int:
        """First row below the region."""
        return self.row + self.height

    @property
    def column_stop(self) -> int:
        """First column right of the region."""
        return self.column + self.width

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Row, column, row stop, column stop."""
        return self.row, self.column, self.row_stop, self.column_stop

    @property
    def size(self) -> Size:
        """Extent in pixels."""
        return Size(self.height, self.width)

    @property
    def is_empty(self) -> bool:
        """Whether the region holds no pixel."""
        return self.height == 0 or self.width == 0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices for an array that starts at (0, 0)."""
        return slice(self.row, self.row_stop), slice(self.column, self.column_stop)

    def contains(self, row: float, column: float) -> bool:
        """Whether a point lies in the half-open rectangle."""
        return (
            self.row <= row < self.row_stop and self.column <= column < self.column_stop
        )

    def intersection(self, other: Region) -> Region:
        """Return the common part, empty where the two do not meet."""
        row, column = max(self.row, other.row), max(self.column, other.column)
        return Region.from_bounds(
            row,
            column,
            max(row, min(self.row_stop, other.row_stop)),
            max(column, min(self.column_stop, other.column_stop)),
        )

    def union(self, other: Region) -> Region:
        """Return the smallest rectangle that holds both."""
        return Region.from_bounds(
            min(self.row, other.row),
            min(self.column, other.column),
            max(self.row_stop, other.row_stop),
            max(self.column_stop, other.column_stop),
        )

    def shifted(self, rows: int, columns: int) -> Region:
        """Return the region moved by whole pixels."""
        return Region(self.row + rows, self.column + columns, self.height, self.width)

    def padded(self, margin: int) -> Region:
        """Return the region grown by `margin` pixels on every side."""
        return Region.from_bounds(
            self.row - margin,
            self.column - margin,
            self.row_stop + margin,
            self.column_stop + margin,
        )

    def scaled(self, factor: float) -> Region:
        """Return the smallest region that covers this one in a resized picture.

        Parameters
        ----------
        factor : float
            New size divided by old size.
        """
        return Region.from_bounds(
            math.floor(self.row * factor),
            math.floor(self.column * factor),
            math.ceil(self.row_stop * factor),
            math.ceil(self.column_stop * factor),
        )


@dataclass(frozen=True)
class PixelSize:
    """Side of a square pixel in µm, within what a light microscope can give.

    Raises
    ------
    SettingsError
        If the value lies outside `MIN_MPP` to `MAX_MPP`.
    """

    um: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.um) and MIN_MPP <= self.um <= MAX_MPP):
            raise SettingsError(
                f"A pixel size of {self.um} µm is not that of a microscope picture; "
                f"give {MIN_MPP} to {MAX_MPP} µm per pixel, or none if unknown."
            )

    @classmethod
    def believable(cls, row_um: float, column_um: float) -> PixelSize | None:
        """Pixel size from metadata, or none where it cannot be one.

        Camera pictures carry 72, 96 or 300 dpi, which say nothing of the
        specimen; such values fall outside the limits and give none. Axes that
        differ by more than 10 % are not a square pixel and give none too.
        """
        if not all(math.isfinite(v) and v > 0 for v in (row_um, column_um)):
            return None
        if abs(row_um - column_um) > 0.1 * max(row_um, column_um):
            return None
        mean = (row_um + column_um) / 2
        return cls(mean) if MIN_MPP <= mean <= MAX_MPP else None
