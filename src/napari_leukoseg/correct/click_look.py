"""What a network for clicks says of one window, and whether to look again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_leukoseg.correct.click_masks import expected_overlap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.correct.click_window import ClickWindow
    from napari_leukoseg.correct.clicking import Point

__all__ = ["Look", "best_look"]

CLOSE = 1.35
"""Factor between assumed and found diameter, within which one look is enough."""

SMALLEST = 0.2
"""Smallest diameter that passes for a cell, in working diameters."""

MIN_CONTRAST = 6.0
"""Least difference between the mean colors of a cell and of what is around it, of
255: the network outlines something on empty ground, too."""

RIM_PX = 4
"""Width, at the working scale, of what is around a cell."""

CONVINCING = 0.8
"""Expected overlap, as a share of the best look's, above which a coarser look is
taken: parts of cells shown too large pass for cells, not the other way round."""


@dataclass(frozen=True, eq=False)
class Look:
    """What the network says of one window.

    Parameters
    ----------
    window : ClickWindow
        Where it looked.
    assumed_px : float
        Diameter at level 0 that the window is made for.
    probabilities : ndarray of shape (3, S, S)
        Background, cytoplasm, nucleus, in line with the clicks as to the cell.
    cell : ndarray of shape (S, S)
        Probability of the cell, in line with the clicks.
    evidence : ndarray of shape (K, h, w)
        Logits of the classes.
    image : ndarray of shape (S, S, 3) and dtype uint8
        What it saw.
    """

    window: ClickWindow
    assumed_px: float
    probabilities: NDArray[np.float32]
    cell: NDArray[np.float32]
    evidence: NDArray[np.float32]
    image: NDArray[np.uint8]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The cell."""
        return self.cell > 0.5

    @property
    def diameter_px(self) -> float:
        """Diameter, at level 0, of the disk of the cell's area."""
        return math.sqrt(4 / math.pi * self.mask.sum()) / self.window.factor

    @property
    def contrast(self) -> float:
        """Largest difference of a mean color channel between cell and surroundings."""
        mask = self.mask
        rim = ndimage.binary_dilation(mask, iterations=RIM_PX) & ~mask
        if not mask.any() or not rim.any():
            return 0.0
        means = self.image[mask].mean(axis=0) - self.image[rim].mean(axis=0)
        return float(np.abs(means).max())

    @property
    def is_cell(self) -> bool:
        """Whether enough is found to be a cell."""
        is_large = self.diameter_px > SMALLEST * self.assumed_px
        return is_large and self.contrast > MIN_CONTRAST

    @property
    def is_cut(self) -> bool:
        """Whether the cell goes on beyond the window."""
        mask = self.mask
        edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
        return any(bool(edge.any()) for edge in edges)

    @property
    def is_settled(self) -> bool:
        """Whether another look would show no more."""
        ratio = max(self.diameter_px / self.assumed_px, 1e-6)
        return not self.is_cut and abs(math.log(ratio)) < math.log(CLOSE)

    @property
    def center(self) -> Point:
        """Middle of the cell's box at level 0."""
        rows, columns = (np.flatnonzero(self.mask.any(axis=a)) for a in (1, 0))
        factor, region = self.window.factor, self.window.region
        row, column = ((v[0] + v[-1] + 1) / 2 / factor - 0.5 for v in (rows, columns))
        return row + region.row, column + region.column


def best_look(looks: Sequence[Look]) -> Look:
    """Choose among looks at several sizes: the coarsest that is convincing.

    Parameters
    ----------
    looks : sequence of Look
        From the smallest assumed cell to the largest.
    """
    found = [look for look in looks if look.is_cell]
    if not found:
        return looks[0]
    overlaps = [expected_overlap(look.cell) for look in found]
    least = CONVINCING * max(overlaps)
    return next(
        look
        for look, overlap in zip(found[::-1], overlaps[::-1], strict=True)
        if overlap >= least
    )
