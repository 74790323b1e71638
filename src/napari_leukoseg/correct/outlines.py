"""Edits of outlines: filling holes, smoothing, growing and shrinking."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_leukoseg.correct.bench import Part
from napari_leukoseg.correct.edit import PlannedEdit
from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.case import CellChanges, StoredCell
    from napari_leukoseg.correct.bench import Bench

__all__ = ["FillHoles", "GrowCells", "SmoothCells"]

MAX_DISTANCE_PX = 500
"""Farthest that an outline may move, in pixels."""


@dataclass(frozen=True)
class FillHoles(PlannedEdit):
    """Fill the holes of cells; holes that hold other cells keep these.

    Parameters
    ----------
    cell_ids : tuple of int
        Cells.
    part : Part or str, optional
        ``cell`` fills the holes of the whole cell, with what is nearest to each
        pixel. ``nucleus`` fills those of the nucleus, with nucleus.
    """

    cell_ids: tuple[int, ...]
    part: Part = Part.CELL

    def __post_init__(self) -> None:
        _check_part(self.part)

    def plan(self, bench: Bench) -> CellChanges:
        """Fill each cell."""
        return bench.settle([self._filled(cell) for cell in bench.cells(self.cell_ids)])

    def _filled(self, cell: StoredCell) -> StoredCell:
        """Return a cell without holes."""
        if self.part == Part.NUCLEUS:
            nucleus = ndimage.binary_fill_holes(cell.nucleus)
            return _with_nucleus(cell, nucleus, cell.mask | nucleus)
        whole = ndimage.binary_fill_holes(cell.mask)
        nearest = ndimage.distance_transform_edt(
            ~cell.mask, return_distances=False, return_indices=True
        )  # (2, M, N)
        return _with_nucleus(cell, whole & cell.nucleus[tuple(nearest)], whole)


@dataclass(frozen=True)
class SmoothCells(PlannedEdit):
    """Smooth the outlines of cells and of their nuclei.

    Parameters
    ----------
    cell_ids : tuple of int
        Cells.
    radius_px : float, optional
        Standard deviation of the Gaussian that masks are smoothed with, in pixels;
        what is much smaller vanishes.
    """

    cell_ids: tuple[int, ...]
    radius_px: float = 2.0

    def __post_init__(self) -> None:
        _check_distance(self.radius_px)

    def plan(self, bench: Bench) -> CellChanges:
        """Smooth each cell."""
        margin = math.ceil(2 * self.radius_px)
        cells = [
            bench.reframed(cell, bench.clipped(cell.region.padded(margin)))
            for cell in bench.cells(self.cell_ids)
        ]
        return bench.settle([self._smoothed(cell) for cell in cells])

    def _smoothed(self, cell: StoredCell) -> StoredCell:
        """Return a cell with smooth masks."""
        whole, nucleus = (self._smooth(m) for m in (cell.mask, cell.nucleus))
        return _with_nucleus(cell, nucleus & whole, _present(whole, cell))

    def _smooth(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a mask with a smooth outline."""
        # The frame ends within the slide or at its border, where cells go on.
        blurred = ndimage.gaussian_filter(
            mask.astype(np.float32), self.radius_px, mode="nearest"
        )
        smooth: NDArray[np.bool_] = blurred > 0.5
        return smooth


@dataclass(frozen=True)
class GrowCells(PlannedEdit):
    """Move the outlines of cells or of their nuclei outwards or inwards.

    Parameters
    ----------
    cell_ids : tuple of int
        Cells.
    distance_px : float
        How far, in pixels; negative shrinks.
    part : Part or str, optional
        ``cell`` moves the outline of the cell: what it gains is cytoplasm.
        ``nucleus`` moves that of the nucleus: what it loses is cytoplasm.
    """

    cell_ids: tuple[int, ...]
    distance_px: float
    part: Part = Part.CELL

    def __post_init__(self) -> None:
        _check_part(self.part)
        _check_distance(abs(self.distance_px))

    def plan(self, bench: Bench) -> CellChanges:
        """Grow or shrink each cell."""
        # One pixel of ground around a cell, so that shrinking begins there.
        margin = max(1, math.ceil(self.distance_px))
        cells = [
            bench.reframed(cell, bench.clipped(cell.region.padded(margin)))
            for cell in bench.cells(self.cell_ids)
        ]
        return bench.settle([self._grown(cell) for cell in cells])

    def _grown(self, cell: StoredCell) -> StoredCell:
        """Return a cell with its outline moved."""
        if self.part == Part.NUCLEUS:
            nucleus = _moved(cell.nucleus, self.distance_px)
            return _with_nucleus(cell, nucleus, cell.mask | nucleus)
        whole = _moved(cell.mask, self.distance_px)
        return _with_nucleus(cell, cell.nucleus & whole, _present(whole, cell))


def _moved(mask: NDArray[np.bool_], distance: float) -> NDArray[np.bool_]:
    """Return a mask with its outline moved outwards, or inwards if negative."""
    if not mask.any() or mask.all():
        return mask
    if distance > 0:
        grown: NDArray[np.bool_] = ndimage.distance_transform_edt(~mask) <= distance
        return grown
    shrunk: NDArray[np.bool_] = ndimage.distance_transform_edt(mask) > -distance
    return shrunk


def _with_nucleus(
    cell: StoredCell, nucleus: NDArray[np.bool_], whole: NDArray[np.bool_]
) -> StoredCell:
    """Return a cell of a nucleus and a whole-cell mask."""
    return replace(cell, nucleus=nucleus, cytoplasm=whole & ~nucleus)


def _present(whole: NDArray[np.bool_], cell: StoredCell) -> NDArray[np.bool_]:
    """Return a mask of a cell, refusing an empty one."""
    if not whole.any():
        raise SettingsError(
            f"Cell {cell.cell_id} would vanish; give a smaller distance, or delete it."
        )
    return whole


def _check_part(part: str) -> None:
    """Refuse what has no outline of its own."""
    if part not in (Part.CELL, Part.NUCLEUS):
        raise SettingsError(
            f"Part {part!r} has no outline of its own; give cell or nucleus."
        )


def _check_distance(distance: float) -> None:
    """Refuse distances that are nothing or too much."""
    if not 0 < distance <= MAX_DISTANCE_PX:
        raise SettingsError(
            f"A distance of {distance:g} pixels is out of range; give more than 0 and "
            f"at most {MAX_DISTANCE_PX}."
        )
