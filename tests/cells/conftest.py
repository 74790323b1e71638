"""Drawn cells for the tests of the cell table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage.draw import disk

from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DrawnCell = tuple["NDArray[np.uint8]", SegmentedCell]


@pytest.fixture
def draw_cell() -> Callable[..., DrawnCell]:
    """Draw a round cell with a round nucleus, and its picture."""

    def draw(
        diameter: int,
        *,
        nucleus: float = 0.6,
        margin: int = 3,
        row: int = 40,
        column: int = 70,
        seed: int = 0,
    ) -> DrawnCell:
        side = diameter + 2 * margin
        center = ((side - 1) / 2, (side - 1) / 2)
        masks = []
        for radius in (diameter / 2, nucleus * diameter / 2):
            mask = np.zeros((side, side), bool)
            mask[disk(center, max(radius, 1e-6), shape=mask.shape)] = radius > 0
            masks.append(mask)
        whole, inner = masks
        image = np.random.default_rng(seed).normal(180, 6, (side, side, 3))
        image[inner] -= (60, 120, 20)
        cell = SegmentedCell(
            Region(row, column, side, side),
            inner,
            whole & ~inner,
            (1, 2, 3, 4, 5),
            np.array([0.1, 0.6, 0.1, 0.15, 0.05]),
            0.9,
        )
        return np.clip(image, 0, 255).astype(np.uint8), cell

    return draw
