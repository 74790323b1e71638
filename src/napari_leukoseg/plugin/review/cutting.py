"""Cutting one cell out of a slide, in a thread; imported where it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPolygonF
from skimage.measure import find_contours

from napari_leukoseg.case import LABEL_NAMES
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.plugin.review.crops import CropSource

__all__ = ["cut_crop"]

_GROUND = 128
"""Gray beyond the border of the slide."""

_HALO = QColor(0, 0, 0, 150)
_CELL, _NUCLEUS = QColor("#ffffff"), QColor("#ffd23f")
_HALO_WIDTH, _LINE_WIDTH = 3.0, 1.4


def cut_crop(source: CropSource, cell_id: int, region: Region) -> QImage:
    """Return the picture of a cell.

    Parameters
    ----------
    source : CropSource
        What to cut from.
    cell_id : int
        Cell, for its contours.
    region : Region
        Square at level 0; gray where it leaves the slide.
    """
    side, factor = source.side_px, source.side_px / region.width
    inside = region.intersection(Region.of_shape(source.slide.shape))
    canvas = np.full((side, side, 3), _GROUND, np.uint8)
    if not inside.is_empty:
        pixels = source.slide.read_scaled(inside, factor)
        row, column = (
            min(round(offset * factor), side - 1)
            for offset in (inside.row - region.row, inside.column - region.column)
        )
        part = pixels[: side - row, : side - column]
        canvas[row : row + part.shape[0], column : column + part.shape[1]] = part
    image = QImage(canvas.data, side, side, 3 * side, QImage.Format.Format_RGB888)
    image = image.convertToFormat(QImage.Format.Format_RGB32)  # owns its pixels
    if source.has_contours and not inside.is_empty:
        _outline(image, source, cell_id, inside, region)
    return image


def _outline(
    image: QImage, source: CropSource, cell_id: int, inside: Region, region: Region
) -> None:
    """Draw the contours of cell and nucleus."""
    nucleus, cytoplasm = (
        source.case.read_labels(name, inside) == cell_id for name in LABEL_NAMES
    )
    origin = (inside.row - region.row, inside.column - region.column)
    factor = source.side_px / region.width
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for mask, color in ((nucleus | cytoplasm, _CELL), (nucleus, _NUCLEUS)):
        for line in _lines(mask, origin, factor):
            for pen in (QPen(_HALO, _HALO_WIDTH), QPen(color, _LINE_WIDTH)):
                painter.setPen(pen)
                painter.drawPolyline(line)
    painter.end()


def _lines(
    mask: NDArray[np.bool_], origin: tuple[int, int], factor: float
) -> list[QPolygonF]:
    """Return the contours of a mask in pixels of the crop."""
    padded = np.pad(mask, 1).astype(np.float32)  # contours are closed
    lines = []
    for contour in find_contours(padded, 0.5):
        # Pixel centers are whole in contours, and a half in pictures.
        points = (contour - 0.5 + origin) * factor
        lines.append(QPolygonF([QPointF(x, y) for y, x in points.tolist()]))
    return lines
