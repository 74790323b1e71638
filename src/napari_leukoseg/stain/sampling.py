"""Chooses the parts of a slide by which its stain is estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import uniform_filter

from napari_leukoseg.geometry import Region
from napari_leukoseg.stain.color_counts import ColorCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.slide import SlideReader

__all__ = ["sample_colors", "sample_regions"]

WHOLE_PX = 6_000_000
"""Pictures up to this size are looked at whole."""

WINDOW_PX = 512
"""Side of a window at level 0; a few fields of view at high magnification."""

N_RICH, N_EVEN = 8, 8
"""Windows chosen for their nuclei, and windows spread over the slide."""

RICH_RANKS = (0.90, 0.99)
"""Ranks of richness to choose from; the very richest may be ink or a fold."""

OVERVIEW_PX = 2048


def sample_colors(slide: SlideReader) -> ColorCounts:
    """Count the colors of a slide, or of windows that stand for it.

    Parameters
    ----------
    slide : SlideReader
        Of any size; at most some five million pixels are read at level 0.

    Raises
    ------
    SlideError
        If it cannot be read.
    """
    return ColorCounts.of_images(map(slide.read_region, sample_regions(slide)))


def sample_regions(slide: SlideReader) -> list[Region]:
    """Return regions of level 0 that together show how a slide is stained.

    Of a large slide, half of the windows are rich in nuclei and half lie on an
    even grid; the same slide always gives the same ones.
    """
    whole = Region.of_shape(slide.shape)
    if whole.size.area <= WHOLE_PX:
        return [whole]
    richness = _richness(slide)
    low, high = ((richness.size - 1) * rank for rank in RICH_RANKS)
    ranks = np.linspace(low, high, N_RICH).round().astype(int)
    order = np.argsort(richness, axis=None, kind="stable")
    even = np.linspace(0, richness.size - 1, N_EVEN).round().astype(int)
    chosen = dict.fromkeys([*order[ranks].tolist(), *even.tolist()])
    columns = richness.shape[1]
    return [
        Region(
            index // columns * WINDOW_PX,
            index % columns * WINDOW_PX,
            WINDOW_PX,
            WINDOW_PX,
        ).intersection(whole)
        for index in chosen
    ]


def _richness(slide: SlideReader) -> NDArray[np.float64]:
    """How much each window of the grid absorbs red and green beyond blue."""
    grid = [-(-side // WINDOW_PX) for side in slide.shape]
    image = slide.overview(OVERVIEW_PX).astype(np.float64)
    darkness = np.log(256.0 / (image + 1.0))
    score = darkness[..., 0] + darkness[..., 1] - 2.0 * darkness[..., 2]
    # A single dark pixel of a coarse overview is as likely dirt as a cell.
    score = uniform_filter(score, 3)
    richness = np.zeros(grid)
    for row in range(grid[0]):
        for column in range(grid[1]):
            part = score[_cells(row, grid[0], score.shape[0])][
                :, _cells(column, grid[1], score.shape[1])
            ]
            richness[row, column] = np.quantile(part, 0.99)
    return richness


def _cells(index: int, n_cells: int, length: int) -> slice:
    """Pixels of the overview under a window, one at least."""
    start = min(index * length // n_cells, length - 1)
    return slice(start, max(start + 1, (index + 1) * length // n_cells))
