"""Edits that split one cell into several, along a line or by its shape."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage
from skimage.draw import line
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from napari_leukoseg.case import REVIEWED_COLUMN
from napari_leukoseg.correct.edit import PlannedEdit
from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.case import CellChanges, StoredCell
    from napari_leukoseg.correct.bench import Bench

    Point = tuple[float, float]

__all__ = ["SplitByWatershed", "SplitCell"]

LEAST_PART = 0.01
"""Least part that becomes a cell, as a fraction of the area; less is a sliver."""

MAX_PARTS = 16

SMOOTHING = 0.04
"""Gaussian that keeps a rough outline from making peaks, over the cell's diameter."""

LEAST_APART = 0.15
"""Least distance of the centers of two parts, over the cell's diameter."""


@dataclass(frozen=True)
class SplitCell(PlannedEdit):
    """Split a cell along a line that a person has drawn across it.

    The largest part keeps id, class and review; the others get new ids and the same
    class, and are not reviewed.

    Parameters
    ----------
    cell_id : int
        Cell.
    line : tuple of (row, column)
        Points at level 0, two or more. An end inside the cell is prolonged to its
        border.
    """

    cell_id: int
    line: tuple[Point, ...]

    def __post_init__(self) -> None:
        if len(self.line) < 2:
            raise SettingsError(
                f"{len(self.line)} points make no line; give two or more."
            )

    def plan(self, bench: Bench) -> CellChanges:
        """Cut the cell where the line crosses it."""
        cell = bench.case.cell(self.cell_id)
        points = np.array(self.line, float) - (cell.region.row, cell.region.column)
        parts = _without_slivers(_pieces(cell.mask, _drawn_line(points, cell.mask)))
        if parts.max() < 2:
            raise SettingsError(
                f"The line does not cut cell {self.cell_id} in two; draw it right "
                "across."
            )
        return _split(bench, cell, parts)


@dataclass(frozen=True)
class SplitByWatershed(PlannedEdit):
    """Split a cell at its waists, where it is several that touch.

    The largest part keeps id, class and review; the others get new ids and the same
    class, and are not reviewed.

    Parameters
    ----------
    cell_id : int
        Cell.
    n_parts : int, optional
        Number of parts, where no seeds are given.
    seeds : tuple of (row, column), optional
        A point at level 0 inside each part.
    """

    cell_id: int
    n_parts: int = 2
    seeds: tuple[Point, ...] = ()

    def __post_init__(self) -> None:
        n_parts = len(self.seeds) or self.n_parts
        if not 2 <= n_parts <= MAX_PARTS:
            raise SettingsError(
                f"A cell cannot be split into {n_parts}; give 2 to {MAX_PARTS} parts."
            )

    def plan(self, bench: Bench) -> CellChanges:
        """Flood the cell from the middle of its parts."""
        cell = bench.case.cell(self.cell_id)
        depth = _depth(cell.mask)
        seeds = self._given(cell) if self.seeds else self._found(cell, depth)
        markers = np.zeros(cell.mask.shape, np.int32)
        markers[tuple(seeds.T)] = np.arange(1, len(seeds) + 1)
        parts = watershed(-depth, markers, mask=cell.mask)
        return _split(bench, cell, parts)

    def _given(self, cell: StoredCell) -> NDArray[np.intp]:
        """Return the seeds of a person, in the cell's box."""
        corner = (cell.region.row, cell.region.column)
        seeds: NDArray[np.intp] = np.rint(self.seeds).astype(np.intp) - corner
        are_inside = all(_is_inside(seed, cell.mask) for seed in seeds)
        if not are_inside or len(np.unique(seeds, axis=0)) < len(seeds):
            raise SettingsError(
                f"The seeds {self.seeds} are not {len(seeds)} different pixels of cell "
                f"{self.cell_id}; give one inside each part."
            )
        return seeds

    def _found(self, cell: StoredCell, depth: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return the middles of the parts, as the cell or its nucleus shows them."""
        least = max(1, round(LEAST_APART * 2 * math.sqrt(cell.mask.sum() / math.pi)))
        for inside in (depth, _depth(cell.nucleus)):
            peaks: NDArray[np.intp] = peak_local_max(
                inside,
                min_distance=least,
                exclude_border=False,
                num_peaks=self.n_parts,
                labels=cell.mask.astype(np.int32),
            )
            if len(peaks) == self.n_parts:
                return peaks
        raise SettingsError(
            f"Cell {self.cell_id} shows no {self.n_parts} parts; draw a line across "
            "it, or give a seed inside each part."
        )


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance to the border of a mask, smoothed; 0 outside."""
    # A rim of ground, so that the border of the box counts as that of the mask.
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    sigma = SMOOTHING * 2 * math.sqrt(mask.sum() / math.pi)
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(
        depth.astype(np.float32), sigma
    )
    return np.where(mask, smooth, np.float32(0))


def _drawn_line(
    points: NDArray[np.float64], mask: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the pixels of a line, its ends prolonged out of the mask."""
    first = _prolonged(points[1], points[0], mask)
    last = _prolonged(points[-2], points[-1], mask)
    vertices = np.rint(np.stack([first, *points, last])).astype(int)
    drawn = np.zeros(mask.shape, bool)
    for start, stop in pairwise(vertices):
        rows, columns = line(*start, *stop)
        inside = (rows >= 0) & (rows < mask.shape[0])
        inside &= (columns >= 0) & (columns < mask.shape[1])
        drawn[rows[inside], columns[inside]] = True
    return drawn


def _prolonged(
    before: NDArray[np.float64], end: NDArray[np.float64], mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the point at which a line leaves a mask beyond its end."""
    length = float(np.hypot(*(end - before)))
    if not length:
        return end
    step = (end - before) / length
    while _is_inside(end, mask):
        end = end + step
    return end


def _is_inside(point: NDArray[Any], mask: NDArray[np.bool_]) -> bool:
    """Whether a point lies on a pixel of a mask."""
    row, column = (round(float(value)) for value in point)
    in_box = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
    return in_box and bool(mask[row, column])


def _pieces(mask: NDArray[np.bool_], cut: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return what a line leaves of a mask, numbered; the rest goes to the nearest."""
    # Lines are connected over corners, so that pieces are over edges only.
    pieces, n_pieces = ndimage.label(mask & ~cut)
    whole, _ = ndimage.label(mask, np.ones((3, 3)))
    owners = ndimage.maximum(whole, pieces, np.arange(1, n_pieces + 1)).astype(int)
    siblings = np.bincount(owners, minlength=1)[owners]
    is_cut = np.concatenate([[False], siblings > 1])
    numbers: NDArray[np.int32] = np.where(is_cut[pieces], pieces, 0).astype(np.int32)
    return _spread(numbers, mask)


def _spread(parts: NDArray[np.int32], mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Give each pixel of a mask to the nearest part."""
    if not parts.any():
        return parts
    nearest = ndimage.distance_transform_edt(
        parts == 0, return_distances=False, return_indices=True
    )  # (2, M, N)
    spread: NDArray[np.int32] = np.where(mask, parts[tuple(nearest)], 0)
    return spread


def _without_slivers(parts: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give parts that are too small to their neighbors, and number the rest anew."""
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    keeps = areas >= max(1.0, LEAST_PART * areas.sum())
    numbers = (np.cumsum(keeps) * keeps).astype(np.int32)
    return _spread(numbers[parts], parts > 0)


def _split(bench: Bench, cell: StoredCell, parts: NDArray[np.int32]) -> CellChanges:
    """Make cells of the parts of a cell, the largest of which keeps its id."""
    areas = np.bincount(parts.ravel())[1:]
    order = 1 + np.argsort(-areas, kind="stable")
    new_row = {**cell.row, REVIEWED_COLUMN: False}
    wanted = [
        replace(
            cell,
            cell_id=bench.case.next_id + index - 1 if index else cell.cell_id,
            nucleus=cell.nucleus & (parts == part),
            cytoplasm=cell.cytoplasm & (parts == part),
            row=new_row if index else cell.row,
        )
        for index, part in enumerate(order.tolist())
    ]
    return bench.settle(wanted)
