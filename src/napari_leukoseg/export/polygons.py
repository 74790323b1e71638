"""Outlines of masks as polygons that follow the edges of their pixels exactly."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Point = tuple[int, int]
    Ring = list[Point]
    Corners = NDArray[np.intp]

__all__ = ["trace_polygons"]


def trace_polygons(mask: NDArray[np.bool_]) -> list[list[Corners]]:
    """Trace a mask along the edges of its pixels.

    The polygons are valid as OGC simple features: pixels that touch at a corner only
    belong to different polygons, and rings meet at single points at most.

    Parameters
    ----------
    mask : ndarray of bool, shape (M, N)
        True inside.

    Returns
    -------
    polygons : list of list of ndarray of int, shape (n_corners, 2)
        One polygon for each set of pixels that are connected over edges: its outer
        ring, counterclockwise where y points up, then its holes, clockwise. Corners
        are x and y in whole numbers; the first pixel spans 0 to 1. Rings are not
        closed.
    """
    rings = _rings(mask)
    if len(rings) < 2:
        return [rings] if rings else []
    pieces, n_pieces = ndimage.label(mask)
    outer: dict[int, Corners] = {}
    holes: dict[int, list[Corners]] = defaultdict(list)
    for ring in rings:
        piece = _piece_of(ring, pieces)
        if _signed_area(ring) > 0:
            outer[piece] = ring
        else:
            holes[piece].append(ring)
    return [[outer[i], *holes[i]] for i in range(1, n_pieces + 1)]


def _rings(mask: NDArray[np.bool_]) -> list[Corners]:
    """Return closed rings with the mask on their right, seen with y pointing down.

    Of the corners sorted by rows, each two that follow each other bound a horizontal
    part of the outline; sorted by columns, a vertical one.
    """
    framed = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), bool)
    framed[1:-1, 1:-1] = mask
    y, x, is_left = _corners(framed)
    lefts = np.arange(0, len(y), 2)
    is_top = framed[y[lefts] + 1, x[lefts] + 1]  # the mask lies below this part
    starts = np.where(is_top, lefts, lefts + 1)
    ends = starts ^ 1
    down = np.lexsort((is_left & framed[y, x + 1], y, x))
    beyond = np.empty_like(down)  # other end of the vertical part at a corner
    beyond[down[0::2]], beyond[down[1::2]] = down[1::2], down[0::2]
    order = np.stack([starts, ends], axis=1)  # (n_parts, 2)
    points = np.stack([x, y], axis=1)  # (2 n_parts, 2)
    loops = [points[order[c].ravel()] for c in _cycles((beyond[ends] // 2).tolist())]
    if not is_left.any():
        return loops
    return [ring for loop in loops for ring in _simple_rings(loop)]


def _corners(framed: NDArray[np.bool_]) -> tuple[Corners, Corners, NDArray[np.bool_]]:
    """Return y and x of the points where outlines turn, in the order of rows.

    Where two pixels touch at a corner only, the point comes once for each, the left
    one first; the last array is true for that.
    """
    across = framed[:, 1:] != framed[:, :-1]
    is_corner = across[1:] != across[:-1]
    is_double = across[1:] & across[:-1] & (framed[1:, 1:] != framed[:-1, 1:])
    flat = np.flatnonzero(is_corner | is_double)
    flat = np.repeat(flat, 1 + is_double.ravel()[flat])
    y, x = np.divmod(flat, is_corner.shape[1])
    return y, x, np.append(flat[1:] == flat[:-1], False)[: len(flat)]


def _cycles(following: list[int]) -> list[list[int]]:
    """Return the cycles of a permutation, which is used up."""
    cycles = []
    for first in range(len(following)):
        cycle, index = [], first
        while following[index] >= 0:
            cycle.append(index)
            following[index], index = -1, following[index]
        if cycle:
            cycles.append(cycle)
    return cycles


def _simple_rings(loop: Corners) -> list[Corners]:
    """Split a loop at the points that it passes more than once."""
    rings = []
    path: Ring = []
    places: dict[Point, int] = {}
    for x, y in loop.tolist():
        point = (x, y)
        if point in places:
            ring = path[places[point] :]
            rings.append(ring)
            del path[places[point] :]
            for passed in ring:
                del places[passed]
        places[point] = len(path)
        path.append(point)
    return [np.array(ring) for ring in (*rings, path)]


def _signed_area(ring: Corners) -> float:
    """Return the area of a ring, negative if it is that of a hole."""
    x, y = ring.T
    return float(x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2


def _piece_of(ring: Corners, pieces: NDArray[np.int32]) -> int:
    """Return the piece of the mask that a ring bounds."""
    ahead = np.roll(ring, -1, axis=0)
    is_top = (ring[:, 1] == ahead[:, 1]) & (ring[:, 0] < ahead[:, 0])
    x, y = ring[is_top.argmax()]  # the mask lies below this part
    return int(pieces[y, x])
