"""What AHE-Retinex takes from around a pixel: tile histograms and wide Gaussians.

Both are laid out on grids that begin at the first pixel, so that a region that
begins on the grids gives what the whole picture gives there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GAUSSIAN_REACH", "equalized", "surround", "surround_step"]

GAUSSIAN_REACH = 3.0
"""Standard deviations at which a Gaussian is cut off."""

FINENESS = 4.0
"""Least standard deviation of a Gaussian, in steps of the grid it is taken on."""

N_LEVELS = 256


def equalized(
    values: NDArray[np.uint8], cell: tuple[int, int], clip_limit: float
) -> NDArray[np.float32]:
    """Equalize a plane tile by tile, with limited contrast.

    Parameters
    ----------
    values : ndarray of shape (M, N) and dtype uint8
    cell : tuple of int
        Rows and columns of a tile.
    clip_limit : float
        Bins are cut off at this many times their mean height, and what is cut
        off is spread over all.

    Returns
    -------
    equalized : ndarray of shape (M, N) and dtype float32
        0 to 255; interpolated between the four nearest tiles.

    References
    ----------
    .. [1] K. Zuiderveld, "Contrast limited adaptive histogram equalization",
       Graphics Gems IV, 1994.
    """
    rows, columns = (
        _Axis(length, side) for length, side in zip(values.shape, cell, strict=True)
    )
    tile = rows.cell[:, None] * columns.n_cells + columns.cell
    counts = np.bincount(
        (tile * N_LEVELS + values).ravel(),
        minlength=rows.n_cells * columns.n_cells * N_LEVELS,
    ).reshape(-1, N_LEVELS)
    curves = _curves(counts.astype(np.float64), clip_limit).ravel()
    result = np.zeros(values.shape, np.float32)
    for row, row_weight in rows.neighbors:
        for column, column_weight in columns.neighbors:
            tile = (row * columns.n_cells)[:, None] + column
            near = curves.take(tile * N_LEVELS + values)
            near *= row_weight[:, None] * column_weight
            result += near
    return result


class _Axis:
    """Tiles along one axis, and which two lie nearest to each pixel."""

    def __init__(self, length: int, side: int) -> None:
        self.n_cells = -(-length // side)
        pixels = np.arange(length)
        self.cell = pixels // side
        place = (pixels + 0.5) / side - 0.5
        before = np.floor(place).astype(int)
        share = (place - before).astype(np.float32)
        last = self.n_cells - 1
        self.neighbors = (
            (np.clip(before, 0, last), 1 - share),
            (np.clip(before + 1, 0, last), share),
        )


def _curves(counts: NDArray[np.float64], clip_limit: float) -> NDArray[np.float32]:
    """Cumulative curve of each histogram, (tiles, 256), scaled to 255."""
    area = counts.sum(axis=1, keepdims=True)
    limit = np.maximum(clip_limit * area / N_LEVELS, 1.0)
    cut = np.minimum(counts, limit)
    cut += (counts - cut).sum(axis=1, keepdims=True) / N_LEVELS
    curves: NDArray[np.float64] = np.cumsum(cut, axis=1) * (255.0 / area)
    return curves.astype(np.float32)


def surround_step(sigma: float) -> int:
    """Return the grid on which a Gaussian is taken: a power of two, in pixels."""
    step = 1
    while step * 2 * FINENESS <= sigma:
        step *= 2
    return step


def surround(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur by a Gaussian, a wide one on a coarser grid.

    Parameters
    ----------
    plane : ndarray of shape (M, N) and dtype float32
    sigma : float
        Standard deviation in pixels.
    """
    step = surround_step(sigma)
    if step == 1:
        return _blurred(plane, sigma)
    rows, columns = plane.shape
    padded = np.pad(plane, ((0, -rows % step), (0, -columns % step)), mode="edge")
    strips = padded.reshape(len(padded) // step, step, -1).mean(axis=1)
    blocks = strips.reshape(len(strips), -1, step).mean(axis=2)
    # Rows last: along them memory is read as it lies.
    wide = np.ascontiguousarray(_enlarged(_blurred(blocks, sigma / step).T, step).T)
    return _enlarged(wide, step)[:rows, :columns]


def _blurred(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur by a Gaussian of finite reach; beyond the border the last pixel counts."""
    blurred: NDArray[np.float32] = gaussian_filter(
        plane, sigma, mode="nearest", truncate=GAUSSIAN_REACH
    )
    return blurred


def _enlarged(plane: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Interpolate linearly along the first axis, between the centers of steps."""
    length = len(plane)
    padded = np.pad(plane, ((1, 1), (0, 0)), mode="edge")
    larger = np.empty((length, step, plane.shape[1]), np.float32)
    for phase in range(step):
        place = (phase + 0.5) / step + 0.5  # in steps, from the row before
        first = int(place)
        low, high = (padded[start : start + length] for start in (first, first + 1))
        larger[:, phase] = low + np.float32(place - first) * (high - low)
    return larger.reshape(length * step, -1)
