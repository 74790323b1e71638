"""Covers scattered places of a grid by few rectangles, at the least cost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_leukoseg.geometry import Region

Extent = int | NDArray[np.int_]
"""One side of a rectangle, or of several, in blocks."""

__all__ = ["WindowCost", "cover"]


class WindowCost(NamedTuple):
    """What it costs to predict a rectangle of blocks.

    Parameters
    ----------
    context : float
        Blocks that a window shows around its core on every side.
    largest : int
        Longest side of a core, in blocks; what is larger takes several windows.
    fixed : float
        Cost of a window whatever its size, in blocks.
    step : float
        Blocks to whose multiple the sides of a window are rounded up.
    """

    context: float
    largest: int
    fixed: float
    step: float

    def of(self, height: Extent, width: Extent) -> NDArray[np.float64]:
        """Blocks seen by the network in rectangles of these sizes."""
        rows, columns = self._windows(height), self._windows(width)
        seen = self._seen(height, rows) * self._seen(width, columns)
        return np.asarray(seen + self.fixed * rows * columns, np.float64)

    def _windows(self, extent: Extent) -> NDArray[np.float64]:
        """Windows along one side."""
        return np.asarray(np.ceil(extent / self.largest), np.float64)

    def _seen(
        self, extent: Extent, windows: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Blocks along one side of so many windows in a row."""
        each = extent / windows + 2 * self.context
        return np.asarray(windows * self.step * np.ceil(each / self.step), np.float64)


class _Cover(NamedTuple):
    """Rectangles and what they cost together."""

    cost: float
    regions: list[Region]


def cover(wanted: NDArray[np.bool_], cost: WindowCost) -> list[Region]:
    """Cover the marked blocks of a grid by rectangles that do not overlap.

    The grid is cut in two again and again, always across its whole rest, and a
    cut is kept where both sides together, each shrunk to what is marked in it,
    cost less than the uncut rectangle.

    Parameters
    ----------
    wanted : ndarray of bool, shape (R, C)
        Marked blocks.
    cost : WindowCost
        What a rectangle costs.

    Returns
    -------
    regions : list of Region
        Of blocks; they hold every mark once. Those beyond `cost.largest` are to
        be split evenly.
    """
    return _covered(wanted, 0, 0, cost).regions


def _covered(
    wanted: NDArray[np.bool_], row: int, column: int, cost: WindowCost
) -> _Cover:
    """Cover a part of the grid that begins at a block."""
    rows, columns = (np.flatnonzero(wanted.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return _Cover(0.0, [])
    box = Region.from_bounds(
        int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    )
    part, corner = wanted[box.slices], (row + box.row, column + box.column)
    whole = float(cost.of(box.height, box.width))
    uncut = _Cover(whole, [Region(*corner, box.height, box.width)])
    if max(part.shape) > cost.largest:
        axis, position = _middle_cut(part)
    else:
        axis, position, cut_cost = _best_cut(part, cost)
        if cut_cost >= whole:
            return uncut
    before, after = np.split(part, [position], axis=axis)
    first = _covered(before, *corner, cost)
    second = _covered(
        after,
        corner[0] + (position if axis == 0 else 0),
        corner[1] + (position if axis == 1 else 0),
        cost,
    )
    total = first.cost + second.cost
    return uncut if total >= whole else _Cover(total, first.regions + second.regions)


def _middle_cut(part: NDArray[np.bool_]) -> tuple[int, int]:
    """Axis and position of the cut near the middle that crosses fewest marks."""
    axis = int(np.argmax(part.shape))
    lines = np.moveaxis(part, axis, 0)
    cuts = np.arange(1, len(lines))
    middle = cuts[np.abs(cuts - len(lines) / 2) <= len(lines) / 4]
    crossed = (lines[middle - 1] & lines[middle]).sum(axis=1)
    best = np.lexsort((np.abs(middle - len(lines) / 2), crossed))[0]
    return axis, int(middle[best])


def _best_cut(part: NDArray[np.bool_], cost: WindowCost) -> tuple[int, int, float]:
    """Axis, position and cost of the cut whose sides cost least, uncut themselves."""
    best = 0, 0, np.inf
    for axis, lines in enumerate((part, part.T)):
        if len(lines) < 2:
            continue
        before = cost.of(*_boxes_before(lines))
        after = cost.of(*_boxes_before(lines[::-1]))[::-1]
        position = int(np.argmin(before + after))
        if (total := float(before[position] + after[position])) < best[2]:
            best = axis, position + 1, total
    return best


def _boxes_before(
    lines: NDArray[np.bool_],
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Extents of the smallest box around the marks of the first 1, 2, ... lines.

    All lines but the last are counted; the first has a mark.
    """
    n, width = lines.shape
    is_marked = lines.any(axis=1)
    first = np.where(is_marked, lines.argmax(axis=1), width)
    last = np.where(is_marked, width - lines[:, ::-1].argmax(axis=1), 0)
    lengths = np.maximum.accumulate(np.arange(1, n + 1) * is_marked)
    widths = np.maximum.accumulate(last) - np.minimum.accumulate(first)
    return lengths[:-1], widths[:-1]
