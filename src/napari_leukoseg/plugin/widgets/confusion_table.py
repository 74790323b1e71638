"""Which classes a model takes for which, as a table with shades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

if TYPE_CHECKING:
    from qtpy.QtCore import QEvent

    from napari_leukoseg.training.finetuning import Side

__all__ = ["ConfusionTable"]

_RIGHT_COLOR = QColor("#3c9d5b")
_WRONG_COLOR = QColor("#d9534f")
_CHARACTERS = 4
"""Of a class's name above a column, where there is room."""

_NOT_FOUND = "none"
_MIN_SIDE_PX, _EASY_SIDE_PX, _MAX_SIDE_PX = 18, 26, 36
"""Of a cell of the table: smallest, easily read, and largest."""

_CENTER = Qt.AlignmentFlag.AlignCenter


class ConfusionTable(QWidget):
    """Rows are true classes, columns what the model says; the shade is the share."""

    def __init__(self) -> None:
        super().__init__()
        self._title = ""
        self._side = _MAX_SIDE_PX
        self._rows: list[str] = []
        self._columns: list[str] = []
        self._is_right: list[list[bool]] = []
        self._counts: list[list[int]] = []
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_side(self, side: Side, classes: Mapping[int, str], title: str) -> None:
        """Show the confusion of one model."""
        self._title = title
        self._rows = [classes.get(i, f"class {i}") for i in side.class_ids]
        self._columns = [
            classes.get(i, f"class {i}") if i else _NOT_FOUND
            for i in side.predicted_ids
        ]
        self._counts = [list(row) for row in side.confusion]
        self._is_right = [
            [true == said for said in side.predicted_ids] for true in side.class_ids
        ]
        self.setAccessibleName(f"Confusion: {title}")
        self.setAccessibleDescription(self.as_text())
        self.updateGeometry()
        self.update()

    @property
    def easy_width(self) -> int:
        """Width from which on it is easily read."""
        return self._header_width + _EASY_SIDE_PX * len(self._columns) + 1

    def fit(self, width_px: int) -> None:
        """Become no wider than there is room, if that can be read."""
        room = (width_px - self._header_width - 1) // max(1, len(self._columns))
        self._side = min(max(room, _MIN_SIDE_PX), _MAX_SIDE_PX)
        self.setFixedSize(self.sizeHint())
        self.update()

    def as_text(self) -> str:
        """Return what is shown, one sentence a cell of the table that is not 0."""
        return "\n".join(
            f"{self._sentence(row, column)}"
            for row, counts in enumerate(self._counts)
            for column, count in enumerate(counts)
            if count
        )

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size of all cells with their headers."""
        side, line = self._side, self.fontMetrics().height() + 4
        width = self._header_width + side * len(self._columns) + 1
        return QSize(width, side * len(self._rows) + 2 * line + 2)

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802
        """Draw title, headers and cells."""
        painter = QPainter(self)
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        painter.setPen(ink)
        line = self.fontMetrics().height() + 4
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, 0, self.width(), line), left, self._title)
        for column, name in enumerate(self._columns):
            box = self._box(0, column).translated(0, -line)
            box.setHeight(line)
            painter.drawText(box, _CENTER, self._short(name))
        for row, name in enumerate(self._rows):
            box = QRectF(0, self._box(row, 0).top(), self._header_width, self._side)
            painter.setPen(ink)
            painter.drawText(box, left, name[:_CHARACTERS])
            for column in range(len(self._columns)):
                self._paint_cell(painter, row, column, ink)

    def event(self, event: QEvent) -> bool:
        """Tell what the cell under the pointer means."""
        if isinstance(event, QHelpEvent):
            text = self._text_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return bool(super().event(event))

    def _paint_cell(
        self, painter: QPainter, row: int, column: int, ink: QColor
    ) -> None:
        """Draw one number on its shade."""
        count = self._counts[row][column]
        is_right = self._is_right[row][column]
        shade = QColor(_RIGHT_COLOR if is_right else _WRONG_COLOR)
        shade.setAlphaF(0.9 * count / max(1, sum(self._counts[row])))
        box = self._box(row, column).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.fillRect(box, shade)
        faint = QColor(ink)
        faint.setAlphaF(0.25)
        painter.setPen(faint)
        painter.drawRect(box)
        painter.setPen(ink if count else faint)
        painter.drawText(box, _CENTER, f"{count}")

    def _box(self, row: int, column: int) -> QRectF:
        """Return the place of one cell of the table."""
        top = 2 * (self.fontMetrics().height() + 4)
        side = self._side
        return QRectF(self._header_width + column * side, top + row * side, side, side)

    def _short(self, name: str) -> str:
        """Return as much of a name as fits above a column."""
        width = self.fontMetrics().horizontalAdvance
        fitting = (name[:n] for n in range(_CHARACTERS, 1, -1))
        return next((text for text in fitting if width(text) < self._side), name[:1])

    @property
    def _header_width(self) -> int:
        """Width of the names of the rows."""
        names = [name[:_CHARACTERS] for name in self._rows] or [""]
        widths = (self.fontMetrics().horizontalAdvance(name) for name in names)
        return max(widths) + 6

    def _text_at(self, place: QPointF) -> str:
        """Return what the cell of a place means, empty beside all."""
        for row in range(len(self._rows)):
            for column in range(len(self._columns)):
                if self._box(row, column).contains(place):
                    return self._sentence(row, column)
        return ""

    def _sentence(self, row: int, column: int) -> str:
        """Tell what one number means."""
        count, total = self._counts[row][column], sum(self._counts[row])
        said = self._columns[column]
        outcome = "not found" if said == _NOT_FOUND else f"called {said}"
        return f"{count} of {total} {self._rows[row]}: {outcome}"
