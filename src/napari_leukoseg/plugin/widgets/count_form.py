"""How many cells are counted, in what order, and the total of white cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_leukoseg.plugin.widgets.page import narrow

if TYPE_CHECKING:
    from napari_leukoseg.cells import CountSettings
    from napari_leukoseg.plugin.preferences import Preferences

__all__ = ["CountForm"]

COUNTS = (100, 200, 500)
"""Sizes of a count that laboratories use."""

_MAX_WBC = 2000.0
"""10⁹ per liter; the highest counts of leukemias are below."""

_MAX_SEED = 9999


class CountForm(QWidget):
    """Fields of `CountSettings`; all but the total are remembered.

    Parameters
    ----------
    preferences : Preferences
        What was chosen last.

    Attributes
    ----------
    changed : Signal
        Another count is wanted.
    """

    changed = Signal()

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self.count_box = narrow(QComboBox())
        self.count_box.addItem("all cells", None)
        for count in COUNTS:
            self.count_box.addItem(f"{count} cells", count)
        self.count_box.setToolTip("How many white cells are counted")
        self.order_box = narrow(QComboBox())
        self.order_box.addItem("in scan order", "scan")
        self.order_box.addItem("at random", "random")
        self.order_box.setToolTip(
            "Which ones: the first of a meander over the smear, or a random draw"
        )
        self.seed_box = QSpinBox()
        self.seed_box.setMaximum(_MAX_SEED)
        self.seed_box.setPrefix("seed ")
        self.seed_box.setToolTip("An equal seed draws the same cells")
        self.wbc_box = QDoubleSpinBox()
        self.wbc_box.setRange(0, _MAX_WBC)
        self.wbc_box.setDecimals(2)
        self.wbc_box.setSuffix(" × 10⁹/L")
        self.wbc_box.setSpecialValueText("not given")
        self.wbc_box.setToolTip(
            "Total of white cells in blood, nucleated red cells left out, for "
            "absolute counts"
        )
        self._lay_out()
        self.show_choice(
            preferences.count_size or None,
            preferences.count_order,
            preferences.count_seed,
            None,
        )
        self.count_box.currentIndexChanged.connect(self._on_change)
        self.order_box.currentIndexChanged.connect(self._on_change)
        self.seed_box.valueChanged.connect(self._on_change)
        self.wbc_box.valueChanged.connect(self._on_change)

    @property
    def settings(self) -> CountSettings:
        """What is chosen."""
        from napari_leukoseg.cells import CountSettings, Order

        return CountSettings(
            self.count_box.currentData(),
            Order(self.order_box.currentData()),
            self.seed_box.value(),
            self.wbc_box.value() or None,
        )

    def show_settings(self, settings: CountSettings) -> None:
        """Show other settings, without a signal."""
        order, total = str(settings.order), settings.total_wbc
        self.show_choice(settings.count, order, settings.seed, total)

    def show_choice(
        self, count: int | None, order: str, seed: int, total_wbc: float | None
    ) -> None:
        """Show other values, without a signal."""
        boxes = (self.count_box, self.order_box, self.seed_box, self.wbc_box)
        blockers = [QSignalBlocker(box) for box in boxes]
        if self.count_box.findData(count) < 0:
            self.count_box.addItem(f"{count} cells", count)
        self.count_box.setCurrentIndex(self.count_box.findData(count))
        self.order_box.setCurrentIndex(max(0, self.order_box.findData(order)))
        self.seed_box.setValue(seed)
        self.wbc_box.setValue(total_wbc or 0)
        for blocker in blockers:
            blocker.unblock()
        self._show_fields()

    def _on_change(self) -> None:
        """Remember the choice and tell of it."""
        self._show_fields()
        chosen = self._preferences
        chosen.count_size = self.count_box.currentData() or 0
        chosen.count_order = self.order_box.currentData()
        chosen.count_seed = self.seed_box.value()
        chosen.save()
        self.changed.emit()

    def _show_fields(self) -> None:
        """Leave out what does not matter."""
        is_part = self.count_box.currentData() is not None
        self.order_box.setVisible(is_part)
        self.seed_box.setVisible(is_part and self.order_box.currentData() == "random")

    def _lay_out(self) -> None:
        """Put the fields below each other."""
        boxes = QVBoxLayout()
        for box in (self.count_box, self.order_box, self.seed_box):
            boxes.addWidget(box)
        label = QLabel("&Count")
        label.setBuddy(self.count_box)
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow(label, boxes)
        layout.addRow("&WBC", self.wbc_box)
