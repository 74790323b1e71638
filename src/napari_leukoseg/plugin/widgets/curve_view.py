"""Live curves of a fine-tuning, painted by Qt itself.

They are not drawn by matplotlib in a thread: what draws the canvas of napari gives the
interpreter away hundreds of times a frame, and waits for the thread each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, QTimer
from qtpy.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPolygonF,
)
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_leukoseg.plugin.training_curves import panels_of, ticks
from napari_leukoseg.plugin.training_history import TrainingHistory

if TYPE_CHECKING:
    from napari_leukoseg.plugin.training_curves import CurvePanel, Line

__all__ = ["CurveView"]

_HEIGHT_PX = 300
_MIN_WIDTH_PX = 160
_FONT_PX = 10
_SETTLE_MS = 150

_LEFT_PX, _RIGHT_PX = 32.0, 8.0
_GAP_PX = 4.0
_SIGN_PX = 12.0
"""Width of the piece of line before a name in the legend."""

_MARK_PX = 2.0
_TICK_PX = 3.0
_TICKS_EVERY_PX = 22.0
"""Height that a number at the side needs."""

_EPOCH_TICKS = 6


class CurveView(QWidget):
    """What the user sees: the loss, and how good the fields kept aside are."""

    def __init__(self) -> None:
        super().__init__()
        self._history = TrainingHistory()
        self._n_epochs = 1
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self.update)
        self.setFixedHeight(_HEIGHT_PX)
        self.setMinimumWidth(_MIN_WIDTH_PX)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Curves of the training")
        self.setToolTip(
            "Above: loss, lower is better. Below: the fields kept aside, where epoch 0 "
            "is the model that training starts from. The dotted line is the best epoch."
        )

    def show_history(self, history: TrainingHistory, n_epochs: int) -> None:
        """Paint what was told so far, soon.

        Parameters
        ----------
        history : TrainingHistory
            May grow; `show_history` is called again then.
        n_epochs : int
            Epochs planned.
        """
        self._history, self._n_epochs = history, max(1, n_epochs)
        if not self._settle.isActive():
            self._settle.start()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size that fits a dock."""
        return QSize(_MIN_WIDTH_PX, _HEIGHT_PX)

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802
        """Paint both panels."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPixelSize(_FONT_PX)
        painter.setFont(font)
        best = self._history.best
        brush = _PanelBrush(
            painter,
            self.palette().color(QPalette.ColorRole.WindowText),
            self._n_epochs,
            None if best is None else best.epoch,
        )
        height = self.height() / 2
        for index, panel in enumerate(panels_of(self._history)):
            brush.paint(panel, QRectF(0, index * height, self.width(), height))
        painter.end()


class _PanelBrush:
    """Paints a panel: title, legend, axes and lines.

    Parameters
    ----------
    painter : QPainter
        Has the font.
    ink : QColor
        Of text and axes.
    n_epochs : int
        End of the axis.
    best_epoch : int or None
        Epoch that is marked.
    """

    def __init__(
        self, painter: QPainter, ink: QColor, n_epochs: int, best_epoch: int | None
    ) -> None:
        self._painter, self._ink = painter, ink
        self._n_epochs, self._best_epoch = n_epochs, best_epoch
        self._metrics = QFontMetricsF(painter.font())
        self._row = self._metrics.height()
        self._frame = QRectF()
        self._low, self._high = 0.0, 1.0

    def paint(self, panel: CurvePanel, room: QRectF) -> None:
        """Paint a panel into its room."""
        top = self._paint_head(panel, room)
        self._frame = room.adjusted(_LEFT_PX, 0, -_RIGHT_PX, -self._row - _GAP_PX)
        self._frame.setTop(top + _GAP_PX)
        self._low, self._high = panel.range
        self._paint_axes()
        self._painter.save()
        self._painter.setClipRect(self._frame.adjusted(-4, -4, 4, 4))
        for line in panel.lines:
            self._paint_line(line)
        self._painter.restore()

    def _paint_head(self, panel: CurvePanel, room: QRectF) -> float:
        """Write title and legend, in as many rows as they take; return their end."""
        self._write(room.left(), room.top(), panel.title)
        left = room.left() + self._width(panel.title) + 3 * _GAP_PX
        top = room.top()
        for line in panel.lines:
            if not line.label:
                continue
            width = _SIGN_PX + self._width(line.label) + 2 * _GAP_PX
            if left + width > room.right():
                left, top = room.left(), top + self._row
            middle = top + self._row / 2
            self._painter.setPen(QPen(QColor(line.color), 2))
            self._painter.drawLine(
                QPointF(left, middle), QPointF(left + _SIGN_PX, middle)
            )
            self._write(left + _SIGN_PX + _GAP_PX, top, line.label)
            left += width + _GAP_PX
        return top + self._row

    def _paint_axes(self) -> None:
        """Paint axes, ticks, a faint grid, and the best epoch."""
        frame, grid = self._frame, QColor(self._ink)
        grid.setAlphaF(0.15)
        most = max(1, int(frame.height() // _TICKS_EVERY_PX))
        for value, text in ticks(self._low, self._high, most):
            y = self._at(0, value).y()
            self._painter.setPen(grid)
            self._painter.drawLine(QPointF(frame.left(), y), QPointF(frame.right(), y))
            left = frame.left() - _TICK_PX - self._width(text)
            self._write(left, y - self._row / 2, text)
        for epoch, text in ticks(0, self._n_epochs, _EPOCH_TICKS, is_whole=True):
            x = self._at(epoch, self._low).x()
            self._painter.setPen(self._ink)
            self._painter.drawLine(
                QPointF(x, frame.bottom()), QPointF(x, frame.bottom() + _TICK_PX)
            )
            left = min(x - self._width(text) / 2, frame.right() - self._width(text))
            self._write(left, frame.bottom() + _TICK_PX, text)
        self._painter.setPen(self._ink)
        self._painter.drawLine(frame.topLeft(), frame.bottomLeft())
        self._painter.drawLine(frame.bottomLeft(), frame.bottomRight())
        if self._best_epoch is not None:
            x = self._at(self._best_epoch, self._low).x()
            self._painter.setPen(QPen(self._ink, 1, Qt.PenStyle.DotLine))
            self._painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))

    def _paint_line(self, line: Line) -> None:
        """Paint one curve."""
        color = QColor(line.color)
        color.setAlphaF(line.opacity)
        points = [self._at(*point) for point in line.points]
        self._painter.setPen(QPen(color, 1.5 if line.label else 1))
        self._painter.drawPolyline(QPolygonF(points))
        if line.has_marks:
            self._painter.setBrush(color)
            for point in points:
                self._painter.drawEllipse(point, _MARK_PX, _MARK_PX)
            self._painter.setBrush(Qt.BrushStyle.NoBrush)

    def _at(self, epoch: float, value: float) -> QPointF:
        """Return where a value of an epoch is painted."""
        frame = self._frame
        height = (value - self._low) / (self._high - self._low)
        return QPointF(
            frame.left() + frame.width() * epoch / self._n_epochs,
            frame.bottom() - frame.height() * height,
        )

    def _write(self, left: float, top: float, text: str) -> None:
        """Write a text, whose upper left corner is given."""
        self._painter.setPen(self._ink)
        self._painter.drawText(QPointF(left, top + self._metrics.ascent()), text)

    def _width(self, text: str) -> float:
        """Width of a text."""
        return float(self._metrics.horizontalAdvance(text))
