"""New model and base side by side on the cells kept aside, with a plain verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_leukoseg.plugin.widgets.wrapped_label import WrappedLabel
from napari_leukoseg.training.finetuning import COMPARED, Verdict

if TYPE_CHECKING:
    from napari_leukoseg.training.finetuning import (
        Comparison,
        FinetuneResult,
        Interval,
    )

__all__ = ["ComparisonView"]

_COLORS = {
    Verdict.BETTER: "#3c9d5b",
    Verdict.NO_CLEAR_DIFFERENCE: "#e0a030",
    Verdict.WORSE: "#d9534f",
}
_PER_100 = "corrections_per_100"
_UNKNOWN = "–"


class ComparisonView(QWidget):
    """What the user sees: the verdict, and figures of both models with intervals."""

    def __init__(self) -> None:
        super().__init__()
        self.verdict = QLabel()
        self.verdict.setObjectName("leukosegVerdict")
        self.verdict.setWordWrap(True)
        self.reason = WrappedLabel()
        self._table = QWidget()
        self._grid = QGridLayout(self._table)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(4)
        self._grid.setVerticalSpacing(1)
        for column in range(3):
            self._grid.setColumnStretch(column, 1)
        self._texts: list[list[str]] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.verdict, self.reason, self._table):
            layout.addWidget(widget)
        self.hide()

    def show_result(self, result: FinetuneResult) -> None:
        """Show what a fine-tuning came to."""
        new = result.comparison.new.name
        self.verdict.setText(f"{new}: {result.verdict}")
        color = _COLORS[result.verdict]
        self.verdict.setStyleSheet(
            f"#leukosegVerdict {{ color: {color}; font-weight: bold; "
            "font-size: 14pt; }"
        )
        self.reason.setText(result.reason)
        self._show_figures(result.comparison)
        self.show()

    def texts(self) -> list[list[str]]:
        """Return the table of figures as shown, row by row."""
        return [list(row) for row in self._texts]

    def _show_figures(self, comparison: Comparison) -> None:
        """Fill the table: below the name of each figure a row of three columns."""
        _clear(self._grid)
        self._texts = [["", "base", "new", "change"]]
        for name, title in _known(comparison).items():
            is_per_100 = name == _PER_100
            base, new, change = (
                _describe(figures.get(name), 1.0 if is_per_100 else 100.0, sign)
                for figures, sign in (
                    (comparison.base.figures, ""),
                    (comparison.new.figures, ""),
                    (comparison.differences, "+"),
                )
            )
            self._texts.append([title, base, new, change])
        for number, (title, *values) in enumerate(self._texts):
            if title:
                self._grid.addWidget(QLabel(title), 2 * number, 0, 1, len(values))
            for column, value in enumerate(values):
                self._grid.addWidget(_number(value), 2 * number + 1, column)


def _known(comparison: Comparison) -> dict[str, str]:
    """Return the figures that either model has, with their titles."""
    sides = comparison.base.figures, comparison.new.figures
    return {
        name: title if name == _PER_100 else f"{title}, %"
        for name, title in COMPARED.items()
        if any(name in side and side[name].value is not None for side in sides)
    }


def _number(text: str) -> QLabel:
    """Return a label at the right of its column, with a small interval."""
    value, _, interval = text.partition("\n")
    label = QLabel(f"{value}<br><small>{interval}</small>" if interval else value)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
    return label


def _describe(interval: Interval | None, scale: float, sign: str) -> str:
    """Return a figure above its interval."""
    if interval is None or interval.value is None:
        return _UNKNOWN
    text = f"{interval.value * scale:{sign}.1f}"
    if interval.low is None or interval.high is None:
        return text
    low, high = interval.low * scale, interval.high * scale
    return f"{text}\n{low:{sign}.1f}…{high:{sign}.1f}"


def _clear(grid: QGridLayout) -> None:
    """Empty a table."""
    while grid.count():
        item = grid.takeAt(0)
        widget = item.widget() if item is not None else None
        if widget is not None:
            widget.hide()
            widget.deleteLater()
