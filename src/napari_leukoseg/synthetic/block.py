"""One block of a smear while it is painted: optical density and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.geometry import Region
    from napari_leukoseg.synthetic.placement import DrawnCell
    from napari_leukoseg.synthetic.shapes import Plane
    from napari_leukoseg.synthetic.white_cells import CellPatch

__all__ = ["BlockPainter", "paste"]


class BlockPainter:
    """Lays white cells over the red ones, first come on top.

    Parameters
    ----------
    region : Region
        Of the smear.
    density : ndarray of float32, shape (3, height, width)
        Optical density of all that lies below the white cells; painted upon.

    Attributes
    ----------
    labels : ndarray of uint32, shape (2, height, width)
        Cell ids of nucleus and cytoplasm.
    classes : ndarray of uint8, shape (height, width)
        Class id of the pixel's cell.
    """

    def __init__(self, region: Region, density: NDArray[np.float32]) -> None:
        shape = (region.height, region.width)
        self.labels = np.zeros((2, *shape), dtype=np.uint32)
        self.classes = np.zeros(shape, dtype=np.uint8)
        self._region = region
        self._below = density
        self._above = np.zeros_like(density)
        self._clear = np.ones(shape, dtype=np.float32)

    def add_cell(self, cell: DrawnCell, patch: CellPatch) -> None:
        """Put a cell behind those already there; it gets the pixels still free."""
        square = cell.square
        part = square.intersection(self._region)
        to = part.shifted(-self._region.row, -self._region.column).slices
        of = part.shifted(-square.row, -square.column).slices
        self._above[:, *to] += patch.dyes[:, *of] * self._clear[to]
        self._clear[to] *= 1.0 - patch.opacity[of]
        is_free = self.classes[to] == 0
        for layer, mask in enumerate((patch.nucleus[of], patch.cytoplasm[of])):
            mine = mask & is_free
            self.labels[layer, *to][mine] = cell.cell_id
            self.classes[to][mine] = cell.class_id

    def density(self) -> NDArray[np.float32]:
        """Return the optical density of all layers; shape (3, height, width)."""
        return self._below * self._clear + self._above


def paste(canvas: Plane, stamp: Plane, row: int, column: int, strength: float) -> None:
    """Add a stamp, its middle at (row, column) of the canvas, clipped to it."""
    top, left = row - stamp.shape[0] // 2, column - stamp.shape[1] // 2
    rows = slice(max(top, 0), min(top + stamp.shape[0], canvas.shape[0]))
    columns = slice(max(left, 0), min(left + stamp.shape[1], canvas.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    part = stamp[
        rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ]
    canvas[rows, columns] += part * np.float32(strength)
