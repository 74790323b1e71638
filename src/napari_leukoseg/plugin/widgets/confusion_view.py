"""Confusion of the classes of two models, and how it was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_leukoseg.plugin.widgets.confusion_table import ConfusionTable
from napari_leukoseg.plugin.widgets.fold import fold

if TYPE_CHECKING:
    from napari_leukoseg.training.finetuning import FinetuneResult

__all__ = ["ConfusionView"]

_GAP_PX = 10


class ConfusionView(QWidget):
    """What the user sees: a table a model, side by side where there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.base, self.new = ConfusionTable(), ConfusionTable()
        self.protocol = QLabel()
        self.protocol.setWordWrap(True)
        self.protocol.setTextFormat(Qt.TextFormat.PlainText)
        self._tables = _Tables(self.base, self.new)
        self._fold = fold("Confusion of the classes", self._tables, is_open=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._fold)
        layout.addWidget(fold("How this was measured", self.protocol))
        self.hide()

    def show_result(self, result: FinetuneResult) -> None:
        """Show what a fine-tuning came to."""
        comparison, classes = result.comparison, result.classes
        self.base.show_side(comparison.base, classes, "Base")
        self.new.show_side(comparison.new, classes, "New model")
        self._tables.arrange()
        self.protocol.setText(comparison.protocol)
        self._fold.setVisible(bool(comparison.new.class_ids))
        self.show()


class _Tables(QWidget):
    """Two tables, side by side or one above the other; never asks for more width."""

    def __init__(self, base: ConfusionTable, new: ConfusionTable) -> None:
        super().__init__()
        self._first, self._second = base, new
        for table in (base, new):
            table.setParent(self)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Fit the tables to another width."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.arrange()

    def arrange(self) -> None:
        """Place the tables, and become as high as they are."""
        half = (self.width() - _GAP_PX) // 2
        wanted = max(self._first.easy_width, self._second.easy_width)
        is_beside = wanted <= half
        for table in (self._first, self._second):
            table.fit(half if is_beside else self.width())
        if is_beside:
            self._second.move(half + _GAP_PX, 0)
            bottom = max(self._first.height(), self._second.height())
        else:
            self._second.move(0, self._first.height() + _GAP_PX)
            bottom = self._second.geometry().bottom() + 1
        self.setFixedHeight(bottom)
