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
    Polygon = list[Ring]

__all__ = ["trace_polygons"]

# Directions in turning order, clockwise where y points down.
_RIGHT, _DOWN, _LEFT, _UP = range(4)


def trace_polygons(mask: NDArray[np.bool_]) -> list[Polygon]:
    """Trace a mask along the edges of its pixels.

    The polygons are valid as OGC simple features: pixels that touch at a corner only
    belong to different polygons, and rings meet at single points at most.

    Parameters
    ----------
    mask : ndarray of bool, shape (M, N)
        True inside.

    Returns
    -------
    polygons : list of list of list of (x, y)
        One polygon for each set of pixels that are connected over edges: its outer
        ring, counterclockwise where y points up, then its holes, clockwise. Corners
        are whole numbers; the first pixel spans 0 to 1. Rings are not closed.
    """
    pieces, n_pieces = ndimage.label(mask)
    outer: dict[int, Ring] = {}
    holes: dict[int, list[Ring]] = defaultdict(list)
    for loop in _loops(_segments(mask)):
        for ring in _simple_rings(loop):
            piece = _piece_of(ring, pieces)
            if _signed_area(ring) > 0:
                outer[piece] = ring
            else:
                holes[piece].append(ring)
    return [[outer[i], *holes[i]] for i in range(1, n_pieces + 1)]


def _segments(mask: NDArray[np.bool_]) -> dict[tuple[Point, int], Point]:
    """Return the straight parts of the outline: end by start and direction.

    They have the mask on their right, seen with y pointing down.
    """
    framed = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.int8)
    framed[1:-1, 1:-1] = mask
    segments: dict[tuple[Point, int], Point] = {}
    steps = np.diff(framed, axis=0)  # of each line between two rows
    for y, first, stop in _runs(steps == 1):
        segments[(first, y), _RIGHT] = (stop, y)
    for y, first, stop in _runs(steps == -1):
        segments[(stop, y), _LEFT] = (first, y)
    steps = np.diff(framed.T, axis=0)  # of each line between two columns
    for x, first, stop in _runs(steps == -1):
        segments[(x, first), _DOWN] = (x, stop)
    for x, first, stop in _runs(steps == 1):
        segments[(x, stop), _UP] = (x, first)
    return segments


def _runs(lines: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Return line, first index and stop of every run, less the frame around."""
    changes = np.diff(lines.view(np.int8), axis=1)
    line, first = np.nonzero(changes == 1)
    _, stop = np.nonzero(changes == -1)
    runs: list[tuple[int, int, int]] = np.stack([line, first, stop], axis=1).tolist()
    return runs


def _loops(segments: dict[tuple[Point, int], Point]) -> list[Ring]:
    """Join segments into closed loops, each around pixels connected over edges."""
    loops = []
    while segments:
        key = next(iter(segments))
        loop = []
        while key in segments:
            loop.append(key[0])
            end = segments.pop(key)
            # Where two pixels touch at a corner, turning right stays with one.
            turned = (end, (key[1] + 1) % 4)
            key = turned if turned in segments else (end, (key[1] - 1) % 4)
        loops.append(loop)
    return loops


def _simple_rings(loop: Ring) -> list[Ring]:
    """Split a loop at the points that it passes more than once."""
    rings = []
    path: Ring = []
    places: dict[Point, int] = {}
    for point in loop:
        if point in places:
            ring = path[places[point] :]
            rings.append(ring)
            del path[places[point] :]
            for passed in ring:
                del places[passed]
        places[point] = len(path)
        path.append(point)
    return [*rings, path]


def _signed_area(ring: Ring) -> float:
    """Return the area of a ring, negative if it is that of a hole."""
    x, y = np.array(ring).T
    return float(x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2


def _piece_of(ring: Ring, pieces: NDArray[np.int32]) -> int:
    """Return the piece of the mask that a ring bounds."""
    for (x, y), (x_next, y_next) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if y == y_next and x < x_next:  # the mask lies below
            return int(pieces[y, x])
    raise AssertionError(ring)
