"""Draws clicks and boxes as the maps that a network sees beside a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.segment.networks.click_net import DISK_RADIUS_PX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Box = tuple[float, float, float, float]
    Point = tuple[float, float]

__all__ = ["draw_box", "draw_disks", "draw_prompt"]


def draw_prompt(
    positive: Iterable[Point],
    negative: Iterable[Point],
    box: Box | None,
    outline: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Draw all that a network is told beside a picture.

    Parameters
    ----------
    positive, negative : iterable of (row, column)
        Clicks in the cell and outside it, at the working scale.
    box : tuple of float or None
        First row and column, row and column after the last.
    outline : ndarray of shape (2, M, N)
        Cell and nucleus so far, 0 or 1.

    Returns
    -------
    maps : ndarray of shape (5, M, N) and dtype float32
        In the order of the parameters.
    """
    shape = (outline.shape[1], outline.shape[2])
    drawn = (draw_disks(positive, shape), draw_disks(negative, shape))
    return np.concatenate([np.stack([*drawn, draw_box(box, shape)]), outline])


def draw_disks(points: Iterable[Point], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Draw a disk with a soft rim at each point.

    Parameters
    ----------
    points : iterable of (row, column)
        At the working scale; pixel (0, 0) has its center at (0, 0).
    shape : tuple of int
        Rows and columns of the map.

    Returns
    -------
    disks : ndarray of `shape` and dtype float32
        1 in the disks, 0 elsewhere.
    """
    disks = np.zeros(shape, np.float32)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    for row, column in points:
        distance = np.hypot(rows - row, columns - column)
        disks = np.maximum(disks, np.clip(DISK_RADIUS_PX + 0.5 - distance, 0, 1))
    return disks.astype(np.float32)


def draw_box(bounds: Box | None, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Fill a box.

    Parameters
    ----------
    bounds : tuple of float or None
        First row and column, row and column after the last; none for no box.
    shape : tuple of int
        Rows and columns of the map.

    Returns
    -------
    box : ndarray of `shape` and dtype float32
        1 where pixel centers are in the box, 0 elsewhere.
    """
    if bounds is None:
        return np.zeros(shape, np.float32)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    top, left, bottom, right = (bound - 0.5 for bound in bounds)
    inside = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    return inside.astype(np.float32)
