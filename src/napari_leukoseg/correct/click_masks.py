"""Makes one cell of what a network says of a window, as the clicks demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from napari_leukoseg.segment.click_maps import draw_box, draw_disks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.correct.clicking import Point

__all__ = ["choose_cell", "expected_overlap", "insist"]

BOX_TOLERANCE = 0.1
"""How far a cell may leave a box drawn around it, in sides of the box."""

SURE = 0.75
"""Probability of pixels that are in the cell whatever the network says."""

FAINT = 0.1
"""Probability below which a pixel is not of the cell, however many there are."""

CLEARANCE_PX = 6
"""Around a click outside, where the cell's own middle is not looked for."""


def choose_cell(
    cell: NDArray[np.float32],
    positive: Sequence[Point],
    negative: Sequence[Point],
    box: tuple[float, float, float, float] | None,
    outline: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Keep the pieces of a mask that are meant.

    Parameters
    ----------
    cell : ndarray of shape (S, S)
        Probability that a pixel is of the cell.
    positive, negative : sequence of (row, column)
        Clicks in the window; those inside are in the mask afterward, those
        outside are not.
    box : tuple of float or None
        Bounds of the box, which the cell leaves by no more than a tenth.
    outline : ndarray of bool, shape (S, S)
        The cell so far; empty if there is none.

    Returns
    -------
    chosen : ndarray of bool, shape (S, S)
        Without holes; empty where there is no cell.
    """
    mask = cell > 0.5
    if box is not None:
        mask &= draw_box(widened(box), mask.shape) > 0
    wanted = draw_disks(positive, mask.shape) > 0.5
    unwanted = (draw_disks(negative, mask.shape) > 0.5) & ~wanted
    if (mask & unwanted).any():
        mask = cut_off(mask, wanted, unwanted)
    is_found = not positive or (mask & wanted).any()
    mask = pieces_at(mask, wanted, box, outline)
    if not is_found:
        return mask
    chosen: NDArray[np.bool_] = ndimage.binary_fill_holes(mask | wanted) & ~unwanted
    return chosen


def widened(
    box: tuple[float, float, float, float],
) -> tuple[float, float, float, float]:
    """Grow a box by the tolerance."""
    top, left, bottom, right = box
    rows, columns = BOX_TOLERANCE * (bottom - top), BOX_TOLERANCE * (right - left)
    return top - rows, left - columns, bottom + rows, right + columns


def cut_off(
    mask: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    unwanted: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Give what lies nearer to the middle of an unwanted part to that part."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    seeds = mask & wanted
    if not seeds.any():  # the middle of the cell stands for it
        clear = ndimage.distance_transform_edt(~unwanted) > CLEARANCE_PX
        seeds = np.zeros_like(mask)
        deepest = np.argmax(depth * clear)
        seeds.flat[deepest] = True
    markers = np.where(unwanted & mask, 2, np.where(seeds, 1, 0))
    kept: NDArray[np.bool_] = watershed(-depth, markers, mask=mask) == 1
    return kept


def pieces_at(
    mask: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    box: tuple[float, float, float, float] | None,
    outline: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Keep the pieces that are clicked on, or the one that is most meant."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    hit = np.unique(labels[wanted & mask])
    if hit.size:
        kept: NDArray[np.bool_] = np.isin(labels, hit) & mask
        return kept
    if wanted.any():
        return np.zeros_like(mask)
    place = outline if box is None else draw_box(box, mask.shape) > 0
    counts = np.bincount(labels[place & mask], minlength=count + 1)
    counts[0] = 0
    largest: NDArray[np.bool_] = (labels == counts.argmax()) & mask & counts.any()
    return largest


def insist(
    probabilities: NDArray[np.float32], chosen: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Bring probabilities in line with a choice, and leave borders as they are.

    Parameters
    ----------
    probabilities : ndarray of shape (3, S, S)
        Background, cytoplasm, nucleus.
    chosen : ndarray of bool, shape (S, S)
        The cell.

    Returns
    -------
    cell : ndarray of shape (S, S) and dtype float32
        Probability of the cell, above a half just where chosen.
    """
    cell = 1 - probabilities[0]
    cell = np.where(chosen & (cell <= 0.5), SURE, cell)
    return np.where(~chosen & (cell > 0.5), 0, cell).astype(np.float32)


def expected_overlap(cell: NDArray[np.float32]) -> float:
    """Intersection over union with the truth that probabilities promise, 0 to 1."""
    is_cell = cell > 0.5
    if not is_cell.any():
        return 0.0
    missed = cell[~is_cell & (cell > FAINT)].sum()
    return float(cell[is_cell].sum() / (is_cell.sum() + missed))
