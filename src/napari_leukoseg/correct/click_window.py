"""The window around a prompt, in which cells have the working size of a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_leukoseg.geometry import Region
from napari_leukoseg.segment.instances import (
    clean_nucleus,
    crop_to_mask,
    interpolation_matrix,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_leukoseg.correct.clicking import Outline, PixelSource, Point

__all__ = ["ClickWindow"]

MARGIN = 1.15
"""How much farther than what must be seen a window reaches."""


@dataclass(frozen=True)
class ClickWindow:
    """A square of the slide, seen at another size.

    Parameters
    ----------
    region : Region
        At level 0; it may reach beyond the slide.
    side_px : int
        Side of what the network sees.
    """

    region: Region
    side_px: int

    @classmethod
    def around(
        cls,
        center: Point,
        diameter_px: float,
        *,
        working_px: float,
        side_px: int,
        seen: Iterable[Point] = (),
    ) -> ClickWindow:
        """Place a window so that cells get the working size.

        Parameters
        ----------
        center : tuple of float
            Row and column at level 0.
        diameter_px : float
            Diameter of the cell at level 0.
        working_px : float
            Diameter at which the network sees it.
        side_px : int
            Side of what the network sees.
        seen : iterable of tuple of float, optional
            Points that must be inside, for which the window grows.
        """
        side = side_px * diameter_px / working_px
        for point in seen:
            farthest = max(abs(p - c) for p, c in zip(point, center, strict=True))
            side = max(side, 2 * MARGIN * farthest)
        whole = max(1, round(side))
        row, column = (math.floor(c + 0.5 - whole / 2 + 0.5) for c in center)
        return cls(Region(row, column, whole, whole), side_px)

    @property
    def factor(self) -> float:
        """Size that the network sees, divided by the size at level 0."""
        return self.side_px / self.region.height

    def read(self, slide: PixelSource) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Read the window, mirrored where it reaches beyond the slide.

        Returns
        -------
        image : ndarray of shape (side, side, 3) and dtype uint8
            RGB.
        inside : ndarray of bool, shape (side, side)
            Which of it is the slide.
        """
        region, side, factor = self.region, self.side_px, self.factor
        part = region.intersection(Region.of_shape(slide.shape))
        image = slide.read_scaled(part, factor)[:side, :side]
        pads = []
        for start, length in zip(
            (part.row - region.row, part.column - region.column),
            image.shape[:2],
            strict=True,
        ):
            before = min(round(start * factor), side - length)
            pads.append((before, side - length - before))
        inside = np.pad(np.ones(image.shape[:2], bool), pads)
        return np.pad(image, [*pads, (0, 0)], mode="symmetric"), inside

    def place(self, point: Point) -> Point:
        """Row and column of a point of level 0 in what the network sees."""
        row, column = (
            (value + 0.5 - start) * self.factor - 0.5
            for value, start in zip(
                point, (self.region.row, self.region.column), strict=True
            )
        )
        return row, column

    def place_box(self, box: Region) -> tuple[float, float, float, float]:
        """Bounds of a box of level 0 in what the network sees."""
        top, left = box.row - self.region.row, box.column - self.region.column
        factor = self.factor
        bottom, right = top + box.height, left + box.width
        return top * factor, left * factor, bottom * factor, right * factor

    def show(self, outline: Outline) -> NDArray[np.float32]:
        """Cell and nucleus of an outline, 0 or 1, shape (2, side, side)."""
        shown = np.zeros((2, self.side_px, self.side_px), np.float32)
        whole, box = self.region, outline.region
        centers = (np.arange(self.side_px) + 0.5) / self.factor
        rows = np.floor(centers + whole.row - box.row).astype(int)
        columns = np.floor(centers + whole.column - box.column).astype(int)
        is_row = (rows >= 0) & (rows < box.height)
        is_column = (columns >= 0) & (columns < box.width)
        source = np.ix_(rows[is_row], columns[is_column])
        for part, mask in zip(
            shown, (outline.nucleus | outline.cytoplasm, outline.nucleus), strict=True
        ):
            part[np.ix_(is_row, is_column)] = mask[source]
        return shown

    def to_level0(
        self,
        cell: NDArray[np.float32],
        nucleus: NDArray[np.float32],
        shape: tuple[int, int],
    ) -> tuple[Region, NDArray[np.bool_], NDArray[np.bool_]]:
        """Bring a cell back to the slide, its borders interpolated.

        Parameters
        ----------
        cell : ndarray of shape (side, side)
            Probability of the cell, above a half somewhere in the slide.
        nucleus : ndarray of shape (side, side)
            Above zero where nucleus is more probable than cytoplasm.
        shape : tuple of int
            Rows and columns of the slide.

        Returns
        -------
        region : Region
            Smallest box of the cell.
        nucleus, cytoplasm : ndarray of bool, shape (height, width) of `region`
            Disjoint; together the cell, without holes.
        """
        window, mask = self.region, cell > 0.5
        part = window.intersection(Region.of_shape(shape))
        part = part.shifted(-window.row, -window.column)
        rows = self._span(np.flatnonzero(mask.any(axis=1)), part.row, part.row_stop)
        columns = self._span(
            np.flatnonzero(mask.any(axis=0)), part.column, part.column_stop
        )
        down = interpolation_matrix(*rows, window.height, self.side_px)
        across = interpolation_matrix(*columns, window.width, self.side_px).T
        fine = ndimage.binary_fill_holes(down @ cell @ across > 0.5)
        fine_nucleus = clean_nucleus(fine & (down @ nucleus @ across > 0), fine)
        frame = Region.from_bounds(rows[0], columns[0], rows[1], columns[1])
        frame = frame.shifted(window.row, window.column)
        return crop_to_mask(frame, fine_nucleus, fine & ~fine_nucleus)

    def _span(self, found: NDArray[np.intp], start: int, stop: int) -> tuple[int, int]:
        """First pixel at level 0, and the one after the last, that may be found."""
        return (
            max(start, math.floor((found[0] - 1) / self.factor)),
            min(stop, math.ceil((found[-1] + 2) / self.factor)),
        )
