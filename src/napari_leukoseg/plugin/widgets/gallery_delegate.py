"""How one cell of the gallery looks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_leukoseg.plugin.widgets.gallery_model import GalleryModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QObject
    from qtpy.QtGui import QImage

    from napari_leukoseg.plugin.widgets.gallery_model import GalleryCell

__all__ = ["GAP_PX", "GalleryDelegate"]

GAP_PX = 6
"""Space between crops, in which the selection shows."""

_SELECTED = QColor("#3d8bff")
_REVIEWED = QColor("#2fa866")
_FRAME_PX = 3
_BAR_PX = 4
_TICK_PX = 15
_TICK = ((0.27, 0.53), (0.43, 0.7), (0.73, 0.33))


class GalleryDelegate(QStyledItemDelegate):
    """Draws the crop, the class as a colored bar, the confidence, and a tick.

    The length of the bar is the confidence; it is full where nothing is known, since
    a person drew the cell.

    Parameters
    ----------
    crop_of : callable
        Gives the picture of a cell, none as long as there is none.
    parent : QObject
        Owner.
    """

    def __init__(
        self, crop_of: Callable[[int], QImage | None], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._crop_of = crop_of
        self.side_px = 96

    def sizeHint(  # noqa: N802
        self,
        option: QStyleOptionViewItem,  # noqa: ARG002
        index: QModelIndex | QPersistentModelIndex,  # noqa: ARG002
    ) -> QSize:
        """Return the size of a crop with bar and gap."""
        return QSize(self.side_px + GAP_PX, self.side_px + _BAR_PX + GAP_PX)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Draw one cell."""
        model = index.model()
        if not isinstance(model, GalleryModel) or model.scheme is None:
            return
        cell = model.cell(index.row())
        color = QColor("#a0a0a0")
        if cell.class_id in model.scheme:
            color = QColor(model.scheme[cell.class_id].color)
        half = GAP_PX // 2
        place = option.rect.adjusted(half, half, -half, -half)
        picture = QRect(place.left(), place.top(), place.width(), self.side_px)
        painter.save()
        self._paint_crop(painter, picture, cell)
        _paint_bar(painter, place, cell, color)
        if cell.is_reviewed:
            _paint_tick(painter, picture)
        if option.state & QStyle.StateFlag.State_Selected:
            _paint_frame(painter, place)
        elif option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(_SELECTED, 1, Qt.PenStyle.DotLine))
            painter.drawRect(place.adjusted(-1, -1, 0, 0))
        painter.restore()

    def _paint_crop(self, painter: QPainter, place: QRect, cell: GalleryCell) -> None:
        """Draw the picture, or its place while it is being cut."""
        image = self._crop_of(cell.cell_id)
        if image is None:
            painter.fillRect(place, QColor(128, 128, 128, 60))
        else:
            painter.drawImage(place, image)


def _paint_bar(
    painter: QPainter, place: QRect, cell: GalleryCell, color: QColor
) -> None:
    """Draw the class as a bar as long as the confidence."""
    bar = QRect(place.left(), place.bottom() - _BAR_PX + 1, place.width(), _BAR_PX)
    painter.fillRect(bar, QColor(128, 128, 128, 90))
    if math.isnan(cell.confidence):
        painter.fillRect(bar, color)
        return
    bar.setWidth(max(_BAR_PX, round(place.width() * min(cell.confidence, 1.0))))
    painter.fillRect(bar, color)


def _paint_tick(painter: QPainter, place: QRect) -> None:
    """Draw the sign of a reviewed cell into a corner."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    disk = QRectF(place.right() - _TICK_PX - 1, place.top() + 2, _TICK_PX, _TICK_PX)
    painter.setPen(QPen(QColor("white"), 1))
    painter.setBrush(_REVIEWED)
    painter.drawEllipse(disk)
    painter.setPen(QPen(QColor("white"), 2))
    ends = [disk.topLeft() + QPointF(x, y) * _TICK_PX for x, y in _TICK]
    painter.drawPolyline(QPolygonF(ends))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _paint_frame(painter: QPainter, place: QRect) -> None:
    """Draw the sign of a selected cell."""
    pen = QPen(_SELECTED, _FRAME_PX)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(place.adjusted(-1, -1, 1, 1))
