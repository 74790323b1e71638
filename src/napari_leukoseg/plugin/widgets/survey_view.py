"""What there is to train on: cells by class, enough or too few, what is kept aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from napari_leukoseg.training.finetuning import FieldFacts, Survey

__all__ = ["SurveyView"]

_SWATCH_PX = 12
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_WARNING_COLOR = "#e0a030"
_NAMED_FIELDS = 6


class SurveyView(QWidget):
    """One row a class: cells that are learned from, and cells that judge the model."""

    def __init__(self) -> None:
        super().__init__()
        self._table = QWidget()
        self._grid = QGridLayout(self._table)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.warning = QLabel()
        self.warning.setWordWrap(True)
        self.warning.setTextFormat(Qt.TextFormat.PlainText)
        self.warning.setStyleSheet(f"color: {_WARNING_COLOR};")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self._table, self.note, self.warning):
            layout.addWidget(widget)
            widget.hide()

    def texts(self) -> dict[str, tuple[str, str]]:
        """Return what is shown for each class: learned from, kept aside."""
        rows: dict[str, tuple[str, str]] = {}
        for row in range(1, self._grid.rowCount()):
            items = (self._grid.itemAtPosition(row, c) for c in (1, 2, 3))
            labels = [item.widget() for item in items if item is not None]
            texts = [label.text() for label in labels if isinstance(label, QLabel)]
            if len(texts) == 3:
                name, taught, kept = texts
                rows[name] = (taught, kept)
        return rows

    def say(self, text: str) -> None:
        """Show a sentence in place of the table."""
        self._table.hide()
        self.warning.hide()
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def show_survey(self, survey: Survey) -> None:
        """Show what was found."""
        taught, kept = _count(survey.taught), _count(survey.kept_aside)
        self._clear()
        for column, (title, tip) in enumerate(_TITLES, start=1):
            label = QLabel(title)
            label.setToolTip(tip)
            self._place(0, column, label)
        rows = [c for c in survey.scheme if taught[c.id] or kept[c.id]]
        for row, own in enumerate(rows, start=1):
            self._place(row, 0, _swatch(own.color))
            self._place(row, 1, QLabel(own.name))
            self._place(row, 2, QLabel(f"{taught[own.id]:,}"))
            self._place(row, 3, QLabel(f"{kept[own.id]:,}"))
        self._table.setVisible(bool(rows))
        self._show_text(self.note, _describe_kept(survey.kept_aside))
        sentences = [*survey.problems, survey.refusal, *survey.notices]
        self._show_text(self.warning, "\n".join(filter(None, sentences)))

    def _show_text(self, label: QLabel, text: str) -> None:
        """Show a text, or nothing."""
        label.setText(text)
        label.setVisible(bool(text))

    def _place(self, row: int, column: int, label: QLabel) -> None:
        """Put a label into the table; numbers stand right."""
        if column > 1:
            label.setAlignment(_RIGHT)
        self._grid.addWidget(label, row, column)

    def _clear(self) -> None:
        """Empty the table."""
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()


_TITLES = (
    ("Reviewed cells", "Cells that a person confirmed; others are not learned from"),
    ("to learn", "Cells that the model learns from"),
    ("to judge", "Cells of fields kept aside, which only judge the model"),
)


def _swatch(color: str) -> QLabel:
    """Return a small square."""
    square, label = QPixmap(_SWATCH_PX, _SWATCH_PX), QLabel()
    square.fill(QColor(color))
    label.setPixmap(square)
    return label


def _count(fields: Iterable[FieldFacts]) -> Counter[int]:
    """Count cells by class."""
    total: Counter[int] = Counter()
    for field in fields:
        total.update(field.cells)
    return total


def _describe_kept(fields: tuple[FieldFacts, ...]) -> str:
    """Name the fields that are kept aside."""
    if not fields:
        return ""
    names = [field.name for field in fields[:_NAMED_FIELDS]]
    more = len(fields) - len(names)
    tail = f" and {more} more" if more else ""
    lead = "Kept aside to judge the model, never learned from"
    return f"{lead}: {', '.join(names)}{tail}."
