"""What a person points at, and what answers with the outline of a cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_leukoseg.case import tight_box
from napari_leukoseg.errors import LeukosegError, SettingsError
from napari_leukoseg.geometry import MAX_CELL_PX, MIN_CELL_PX, Region, Size
from napari_leukoseg.slide.resample import Box, resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.cell import SegmentedCell

__all__ = [
    "ArrayPixels",
    "Clicker",
    "NoCellError",
    "Outline",
    "PixelSource",
    "Point",
    "Prompt",
    "box_of",
    "check_prompt",
    "known_diameter",
    "middle_of",
    "points_of",
]

Point = tuple[float, float]
"""Row and column at level 0; pixel (0, 0) has its center at (0, 0), as in napari."""


class NoCellError(LeukosegError):
    """There is no white cell where a person points."""


class PixelSource(Protocol):
    """A picture that is read by region; every `SlideReader` is one."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns at level 0."""

    def read_scaled(self, region: Region, factor: float) -> NDArray[np.uint8]:
        """Read a region of level 0 at another size, shape (M, N, 3)."""


class Outline(Protocol):
    """An earlier outline of the cell: a `SegmentedCell`, or a cell of a case."""

    @property
    def region(self) -> Region:
        """Box of the masks at level 0."""

    @property
    def nucleus(self) -> NDArray[np.bool_]:
        """Mask of the shape of `region`."""

    @property
    def cytoplasm(self) -> NDArray[np.bool_]:
        """Mask of the shape of `region`."""


@dataclass(frozen=True)
class Prompt:
    """All that a person has pointed at for one cell so far.

    Parameters
    ----------
    positive, negative : tuple of (row, column), optional
        Clicks in the cell, and outside it, at level 0.
    box : Region, optional
        Box around the cell at level 0.
    """

    positive: tuple[Point, ...] = ()
    negative: tuple[Point, ...] = ()
    box: Region | None = None

    def __post_init__(self) -> None:
        if not np.isfinite([*self.positive, *self.negative]).all():
            raise SettingsError(
                f"Clicks at {self.positive + self.negative} are not all numbers; give "
                "row and column of each."
            )
        if self.box is not None and min(self.box.height, self.box.width) < MIN_CELL_PX:
            raise SettingsError(
                f"A box of {self.box.height}×{self.box.width} pixels is too small for "
                f"a cell; draw one of {MIN_CELL_PX:g} pixels or more along each side."
            )


class Clicker(Protocol):
    """Outlines the one cell that a prompt points at."""

    def segment(
        self,
        slide: PixelSource,
        prompt: Prompt,
        *,
        previous: Outline | None = None,
        cell_diameter_px: float | None = None,
    ) -> SegmentedCell:
        """Outline a cell.

        Parameters
        ----------
        slide : PixelSource
            Where the cell is.
        prompt : Prompt
            All clicks and the box so far, not only the last.
        previous : Outline, optional
            What the clicks correct: the answer to the clicks before, or a cell
            of the case.
        cell_diameter_px : float, optional
            Typical diameter of a white cell at level 0, where that is known;
            found out otherwise, which takes longer.

        Returns
        -------
        cell : SegmentedCell
            In one piece for each click in it; `score` is the overlap (IoU) that
            is expected with what the person means.

        Raises
        ------
        NoCellError
            If there is no cell.
        SettingsError
            If the prompt lies outside the slide, or says too little.
        """


class ArrayPixels:
    """A picture in memory, to be clicked on.

    Parameters
    ----------
    image : ndarray of shape (M, N, 3) and dtype uint8
        RGB.
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise SettingsError(
                f"A picture of shape {image.shape} and type {image.dtype} is no RGB; "
                "give rows × columns × 3 of uint8."
            )
        self.image = image

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.image.shape[0], self.image.shape[1]

    def read_scaled(self, region: Region, factor: float) -> NDArray[np.uint8]:
        """Read a region, which lies inside, at another size."""
        size = Size(*(max(1, round(n * factor)) for n in (region.height, region.width)))
        return resample(
            lambda part: np.ascontiguousarray(self.image[part.slices]),
            Size(*self.shape),
            Box(*region.bounds),
            size,
        )


def check_prompt(
    prompt: Prompt,
    shape: tuple[int, int],
    *,
    has_previous: bool,
    cell_diameter_px: float | None,
) -> None:
    """Refuse a prompt that no clicker can answer.

    Parameters
    ----------
    prompt : Prompt
        What is pointed at.
    shape : tuple of int
        Rows and columns of the slide.
    has_previous : bool
        Whether there is an outline to correct.
    cell_diameter_px : float or None
        What is said of the size of cells.

    Raises
    ------
    SettingsError
        If it lies outside the slide, or says too little.
    """
    whole = Region.of_shape(shape)
    outside = [p for p in prompt.positive if not whole.contains(*np.add(p, 0.5))]
    if outside:
        raise SettingsError(
            f"The click at row {outside[0][0]:.0f}, column {outside[0][1]:.0f} lies "
            f"outside the slide of {shape[0]}×{shape[1]} pixels; click on a cell."
        )
    if prompt.box is not None and prompt.box.intersection(whole).is_empty:
        raise SettingsError(
            f"The box {prompt.box.bounds} lies outside the slide of "
            f"{shape[0]}×{shape[1]} pixels; draw it around a cell."
        )
    has_clicks = bool(prompt.positive or prompt.negative)
    if not (prompt.positive or prompt.box or (has_previous and has_clicks)):
        raise SettingsError(
            "Nothing says which cell is meant; click into one, or draw a box around it."
        )
    if cell_diameter_px is not None and not (
        MIN_CELL_PX <= cell_diameter_px <= MAX_CELL_PX
    ):
        raise SettingsError(
            f"A cell diameter of {cell_diameter_px:g} pixels is out of range; give "
            f"{MIN_CELL_PX:g} to {MAX_CELL_PX:g}, or none."
        )


def points_of(prompt: Prompt, previous: Outline | None) -> list[Point]:
    """Points that a window must show: clicks in the cell, corners of its boxes."""
    boxes = [prompt.box, None if previous is None else box_of(previous)]
    corners = [
        (float(row), float(column))
        for box in boxes
        if box is not None and not box.is_empty
        for row, column in (
            (box.row, box.column),
            (box.row_stop - 1, box.column_stop - 1),
        )
    ]
    return [*prompt.positive, *corners]


def box_of(outline: Outline) -> Region:
    """Smallest box of an outline at level 0."""
    box = tight_box(outline.nucleus | outline.cytoplasm)
    return box.shifted(outline.region.row, outline.region.column)


def middle_of(prompt: Prompt, previous: Outline | None) -> Point:
    """Middle of all that is pointed at."""
    rows, columns = zip(*points_of(prompt, previous), strict=True)
    return (min(rows) + max(rows)) / 2, (min(columns) + max(columns)) / 2


def known_diameter(
    prompt: Prompt, previous: Outline | None, cell_diameter_px: float | None
) -> float | None:
    """Size of the cell: that of the box or of the earlier outline, or the typical."""
    if prompt.box is not None:
        return (prompt.box.height + prompt.box.width) / 2
    if previous is not None:
        area = (previous.nucleus | previous.cytoplasm).sum()
        return max(MIN_CELL_PX, math.sqrt(4 / math.pi * area))
    return cell_diameter_px
