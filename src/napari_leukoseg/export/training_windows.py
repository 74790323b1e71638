"""Windows of a slide that show what a person has reviewed, and what is known there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_leukoseg.case import REVIEWED_COLUMN
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.case import Case

__all__ = [
    "KNOWN_MARGIN",
    "known_pixels",
    "median_side",
    "reviewed_by_id",
    "training_windows",
]

FIELD_PX = 4096
"""Longest side of a picture that is one window."""

WINDOW_SIDES = 8
"""Side of a window of a slide, in sides of the median cell."""

WINDOW_LIMITS_PX = (256, 2048)

KNOWN_MARGIN = 0.25
"""Ground around a reviewed cell that is known, in sides of the median cell."""


def median_side(case: Case) -> float:
    """Return the median of the cells' longer sides in pixels; 64 without a cell."""
    _, boxes = case.cell_boxes()
    if not len(boxes):
        return 64.0
    return float(np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1)))


def training_windows(case: Case) -> list[Region]:
    """Return the windows that show every reviewed cell and area.

    Parameters
    ----------
    case : Case
        Case to export.

    Returns
    -------
    windows : list of Region
        At level 0, inside the slide, in the order of rows. A field is one window;
        on a slide, windows of equal size tile the reviewed areas and are laid
        around the reviewed cells that these miss. Empty where nothing is reviewed.
    """
    cells = _reviewed_boxes(case)
    areas = case.reviewed_areas
    whole = Region.of_shape(case.shape)
    if max(case.shape) <= FIELD_PX:
        return [whole] if len(cells) or areas else []
    wanted = math.ceil(WINDOW_SIDES * median_side(case))
    low, high = WINDOW_LIMITS_PX
    side = min(max(wanted, low), high)
    windows = [window for area in areas for window in _tiling(area, side, whole)]
    windows = list(dict.fromkeys(windows))
    for window in windows:
        cells = _outside(cells, window)
    while len(cells):
        row, column, row_stop, column_stop = cells[0].tolist()
        middle = ((row + row_stop - side) // 2, (column + column_stop - side) // 2)
        window = _inside(Region(*middle, side, side), whole)
        windows.append(window)
        cells = _outside(cells[1:], window)
    return sorted(windows, key=lambda window: window.bounds)


def reviewed_by_id(case: Case) -> NDArray[np.bool_]:
    """Return whether a person has confirmed a cell, by the cell's id."""
    reviewed = np.zeros(case.next_id, bool)
    table = case.table()
    if REVIEWED_COLUMN in table:
        is_reviewed = table[REVIEWED_COLUMN].to_numpy(dtype=bool, na_value=False)
        reviewed[table["cell_id"].to_numpy()[is_reviewed]] = True
    return reviewed


def known_pixels(
    case: Case, window: Region, reviewed: NDArray[np.bool_], margin_px: float
) -> NDArray[np.bool_]:
    """Return where the labels of a window are the truth.

    That is: on reviewed cells, on ground close to them, and in reviewed areas; not on
    other cells, nor on ground close to these, which may be theirs.

    Parameters
    ----------
    case : Case
        Case to export.
    window : Region
        At level 0, inside the slide.
    reviewed : ndarray of bool, shape (n_ids,)
        As `reviewed_by_id` gives it.
    margin_px : float
        How far ground is known around a reviewed cell, in pixels.

    Returns
    -------
    known : ndarray of bool, shape (height, width) of `window`
        True where the labels are the truth.
    """
    whole = Region.of_shape(case.shape)
    wide = window.padded(math.ceil(margin_px)).intersection(whole)
    ids = case.read_ids(wide)
    is_reviewed = reviewed[ids]
    is_open = (ids > 0) & ~is_reviewed
    known = _near(is_reviewed, margin_px)
    for area in case.reviewed_areas:
        known[area.intersection(wide).shifted(-wide.row, -wide.column).slices] = True
    known &= is_reviewed | ~_near(is_open, margin_px)
    inside: NDArray[np.bool_] = known[window.shifted(-wide.row, -wide.column).slices]
    return inside


def _reviewed_boxes(case: Case) -> NDArray[np.int64]:
    """Return the boxes of the reviewed cells, in the order of rows."""
    ids, boxes = case.cell_boxes()
    chosen = boxes[reviewed_by_id(case)[ids]]
    return chosen[np.lexsort(chosen.T[::-1])]


def _near(mask: NDArray[np.bool_], distance: float) -> NDArray[np.bool_]:
    """Return the pixels of a mask and those within a distance."""
    if not mask.any():
        return mask.copy()
    near: NDArray[np.bool_] = ndimage.distance_transform_edt(~mask) <= distance
    return near


def _tiling(area: Region, side: int, whole: Region) -> list[Region]:
    """Return windows that cover an area."""
    return [
        _inside(Region(row, column, side, side), whole)
        for row in range(area.row, area.row_stop, side)
        for column in range(area.column, area.column_stop, side)
    ]


def _inside(window: Region, whole: Region) -> Region:
    """Move a window into the slide, and cut it to a slide that is smaller."""
    row = max(0, min(window.row, whole.height - window.height))
    column = max(0, min(window.column, whole.width - window.width))
    return Region(row, column, window.height, window.width).intersection(whole)


def _outside(boxes: NDArray[np.int64], window: Region) -> NDArray[np.int64]:
    """Return the boxes that do not lie wholly in a window."""
    inside = (boxes[:, :2] >= window.bounds[:2]) & (boxes[:, 2:] <= window.bounds[2:])
    return boxes[~inside.all(axis=1)]
