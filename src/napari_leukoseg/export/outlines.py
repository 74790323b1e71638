"""Outlines of nuclei and cells drawn into a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["draw_outlines", "halo_color"]

HALO_OPACITY = 0.55

DARK = np.array([20, 20, 30], np.uint8)
LIGHT = np.array([255, 255, 255], np.uint8)

LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in ITU-R BT.601 luma."""


def halo_color(color: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what sets colors off from any ground: dark for light, light for dark.

    Parameters
    ----------
    color : ndarray of uint8, shape (..., 3)
        RGB colors.

    Returns
    -------
    halo : ndarray of uint8, shape (..., 3)
        RGB colors.
    """
    is_light = color @ LUMINANCE > 50
    return np.where(is_light[..., None], DARK, LIGHT)


def draw_outlines(
    image: NDArray[np.uint8],
    nucleus: NDArray[np.uint32],
    cytoplasm: NDArray[np.uint32],
    colors: NDArray[np.uint8],
    width_px: int,
) -> None:
    """Draw the outlines of cells and of their nuclei, in place.

    Lines lie inside of what they outline, so touching cells keep their own colors.
    Around the cell lies a halo; the line of the nucleus is half as wide.

    Parameters
    ----------
    image : ndarray of uint8, shape (M, N, 3)
        RGB picture; drawn into.
    nucleus, cytoplasm : ndarray of uint32, shape (M, N)
        Cell ids; 0 is background.
    colors : ndarray of uint8, shape (n_ids, 3)
        RGB color by cell id.
    width_px : int
        Width of the line around the cell, 1 or more. A pixel's color depends on
        labels at most this far away.
    """
    cell = np.maximum(nucleus, cytoplasm)
    if not cell.any():
        return
    nearest = ndimage.maximum_filter(cell, 2 * halo_width(width_px) + 1)
    halo = (cell == 0) & (nearest > 0)
    shade = halo_color(colors[nearest[halo]])
    image[halo] = image[halo] * (1 - HALO_OPACITY) + shade * HALO_OPACITY
    for labels, width in ((nucleus, (width_px + 1) // 2), (cell, width_px)):
        line = _inner_line(labels, width)
        image[line] = colors[labels[line]]


def halo_width(width_px: int) -> int:
    """Return the width of the halo around a line."""
    return (width_px + 1) // 2


def _inner_line(labels: NDArray[np.uint32], width_px: int) -> NDArray[np.bool_]:
    """Find labeled pixels within a distance of another label or background."""
    size = 2 * width_px + 1
    highest = ndimage.maximum_filter(labels, size)
    lowest = ndimage.minimum_filter(labels, size)
    line: NDArray[np.bool_] = (labels > 0) & (highest != lowest)
    return line
