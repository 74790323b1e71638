"""Filters of the gallery: class, confidence, review, size, border."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSpinBox,
    QWidget,
)

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.plugin.review.arranging import Filters, size_column
from napari_leukoseg.plugin.widgets.class_bar import swatch
from napari_leukoseg.plugin.widgets.page import narrow

if TYPE_CHECKING:
    import pandas as pd

    from napari_leukoseg.classes import ClassScheme

__all__ = ["FilterBar"]

_MOST_DIAMETER = 9_999.0
_STYLE = "QAbstractSpinBox { min-width: 48px; padding: 2px; }"
"""napari's own style makes inputs too wide for a narrow dock."""

_REVIEWED = {"All": None, "Not reviewed": False, "Reviewed": True}
_BORDER = {"All": None, "Cut by the border": True, "Whole": False}


class FilterBar(QWidget):
    """What decides which cells are shown; nothing is hidden at first.

    Attributes
    ----------
    changed : Signal
        See `filters`.
    failed : Signal of str
        A sentence about values that do not fit together.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.filters = Filters()
        self._scheme: ClassScheme | None = None
        self.class_button = QPushButton()
        self.class_button.setToolTip("Classes that are shown")
        self._menu = QMenu(self.class_button)
        self.class_button.setMenu(self._menu)
        self.reviewed_box = _choices(_REVIEWED, "Show reviewed cells, or others")
        self.border_box = _choices(_BORDER, "Show cells cut by the border, or others")
        self.least_box, self.most_box = _percent(0), _percent(100)
        self.smallest_box, self.largest_box = _diameter(), _diameter()
        self.reset_button = QPushButton("Show all")
        self.reset_button.setToolTip("Take all filters back")
        self.setStyleSheet(_STYLE)
        self._lay_out()
        self._connect()
        self._name_classes()

    def show_classes(self, scheme: ClassScheme, table: pd.DataFrame) -> None:
        """Offer the classes of a scheme, and sizes in the table's unit."""
        if scheme != self._scheme:
            self._scheme = scheme
            self._fill_menu(scheme)
        unit = " µm" if size_column(table).endswith("um") else " px"
        for box in (self.smallest_box, self.largest_box):
            box.setSuffix(unit)

    def reset(self) -> None:
        """Show all cells."""
        widgets: tuple[Any, ...] = (
            self.reviewed_box,
            self.border_box,
            self.least_box,
            self.most_box,
            self.smallest_box,
            self.largest_box,
        )
        values = (0, 0, 0, 100, 0.0, 0.0)
        for widget, value in zip(widgets, values, strict=True):
            widget.blockSignals(True)
            if isinstance(widget, QComboBox):
                widget.setCurrentIndex(int(value))
            else:
                widget.setValue(value)
            widget.blockSignals(False)
        for action in self._menu.actions():
            action.blockSignals(True)
            action.setChecked(True)
            action.blockSignals(False)
        self._take()

    def _lay_out(self) -> None:
        """Stack rows of labels and inputs."""
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        form.addRow("Classes", self.class_button)
        form.addRow("Confidence", _pair(self.least_box, self.most_box))
        form.addRow("Review", self.reviewed_box)
        form.addRow("Diameter", _pair(self.smallest_box, self.largest_box))
        form.addRow("Border", self.border_box)
        form.addRow("", self.reset_button)

    def _connect(self) -> None:
        """Listen to every input."""
        for box in (self.reviewed_box, self.border_box):
            box.currentIndexChanged.connect(self._take)
        for spin in (
            self.least_box,
            self.most_box,
            self.smallest_box,
            self.largest_box,
        ):
            spin.valueChanged.connect(self._take)
        self.reset_button.clicked.connect(self.reset)

    def _fill_menu(self, scheme: ClassScheme) -> None:
        """List the classes; those that were hidden stay so."""
        self._menu.clear()
        for cell_class in scheme:
            action = self._menu.addAction(swatch(cell_class.color), cell_class.name)
            action.setData(cell_class.id)
            action.setCheckable(True)
            action.setChecked(cell_class.id not in self.filters.hidden_classes)
            action.toggled.connect(self._take)
        self._name_classes()

    def _take(self) -> None:
        """Read all inputs."""
        low, high = self.smallest_box.value(), self.largest_box.value()
        diameter = (low, high or _MOST_DIAMETER) if low or high else None
        hidden = {a.data() for a in self._menu.actions() if not a.isChecked()}
        try:
            self.filters = Filters(
                hidden_classes=frozenset(hidden),
                confidence=(self.least_box.value() / 100, self.most_box.value() / 100),
                reviewed=self.reviewed_box.currentData(),
                diameter=diameter,
                touches_border=self.border_box.currentData(),
            )
        except SettingsError as error:
            self.failed.emit(str(error))
            return
        self.failed.emit("")
        self._name_classes()
        self.changed.emit()

    def _name_classes(self) -> None:
        """Say on the button how many classes are shown."""
        n_all, n_hidden = len(self._menu.actions()), len(self.filters.hidden_classes)
        text = f"{n_all - n_hidden} of {n_all}" if n_hidden else "All"
        self.class_button.setText(text)


def _choices(entries: dict[str, bool | None], tip: str) -> QComboBox:
    """Return a box with some choices."""
    box = narrow(QComboBox())
    for text, value in entries.items():
        box.addItem(text, value)
    box.setToolTip(tip)
    return box


def _percent(value: int) -> QSpinBox:
    """Return an input for a share."""
    box = QSpinBox()
    box.setRange(0, 100)
    box.setSuffix(" %")
    box.setValue(value)
    box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
    box.setKeyboardTracking(False)
    box.setToolTip("Confidence of the model that is shown")
    return box


def _diameter() -> QDoubleSpinBox:
    """Return an input for a diameter; 0 is any."""
    box = QDoubleSpinBox()
    box.setRange(0, _MOST_DIAMETER)
    box.setDecimals(0)
    box.setSpecialValueText("any")
    box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
    box.setKeyboardTracking(False)
    box.setToolTip("Diameter of the cell; 0 for any")
    return box


def _pair(low: QWidget, high: QWidget) -> QHBoxLayout:
    """Return two inputs side by side."""
    row = QHBoxLayout()
    row.setSpacing(4)
    row.addWidget(low, 1)
    row.addWidget(QLabel("to"))
    row.addWidget(high, 1)
    return row
