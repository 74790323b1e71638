"""Crops in which one cell is the target, to train networks that take clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.training.crops import MIN_CLASSED_PX, CropDataset
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    UNKNOWN_INSTANCE,
)

if TYPE_CHECKING:
    from napari_leukoseg.training.warping import Layers

__all__ = ["ClickCropDataset", "isolate"]

MAX_DRAWS = 8
"""Crops drawn until one shows a cell to point at."""

TARGET = 1
"""Instance of the cell that is pointed at."""


class ClickCropDataset(CropDataset):
    """Crops of which one cell is wanted, and all others are ground.

    Grids and pictures off scale do not occur: people point at one cell, whose
    size is known roughly. A crop without any cell is all ground.
    """

    def _draw_layers(self, rng: np.random.Generator) -> tuple[Layers, dict[int, int]]:
        """Compose a crop around a cell, and choose the target among what it shows."""
        for _ in range(MAX_DRAWS):
            layers, classes = self._compose(rng, around_cell=True)
            ids, counts = np.unique(layers.instances, return_counts=True)
            ids = ids[(ids > 0) & (counts > MIN_CLASSED_PX)]
            if ids.size:
                target = int(rng.choice(ids))
                known = {TARGET: classes[target]} if target in classes else {}
                return isolate(layers, target), known
        return isolate(layers, None), {}


def isolate(layers: Layers, target: int | None) -> Layers:
    """Make one cell the only one.

    Parameters
    ----------
    layers : Layers
        A picture with its targets.
    target : int or None
        Instance to keep, which becomes number 1.

    Returns
    -------
    layers : Layers
        Other cells are ground; where it is not known whose cell a pixel is, all
        is possible.
    """
    bits, instances = layers.allowed, layers.instances
    is_target = instances == (UNKNOWN_INSTANCE - 1 if target is None else target)
    is_unclear = ~is_target & (instances <= 0) & (bits & IS_CELL > 0)
    parts = bits & np.uint8(IS_CELL)
    allowed = np.where(
        is_target,
        np.where(parts > 0, parts, np.uint8(IS_CELL)),
        np.uint8(IS_BACKGROUND),
    )
    return layers._replace(
        allowed=np.where(is_unclear, np.uint8(ANYTHING), allowed),
        instances=np.where(
            is_unclear, UNKNOWN_INSTANCE, np.where(is_target, TARGET, 0)
        ).astype(np.int32),
    )
