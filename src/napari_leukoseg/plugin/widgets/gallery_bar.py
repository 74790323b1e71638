"""How the gallery shows its cells: order, size, contours, stain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_leukoseg.plugin.review.arranging import Order
from napari_leukoseg.plugin.widgets.page import narrow

if TYPE_CHECKING:
    from napari_leukoseg.plugin.preferences import Preferences

__all__ = ["GalleryBar"]

_ORDERS = {
    Order.LEAST_CERTAIN: "Least certain first",
    Order.MOST_CERTAIN: "Most certain first",
    Order.LARGEST: "Largest first",
    Order.SMALLEST: "Smallest first",
    Order.BY_PLACE: "By place",
}

_MIN_SLIDER_PX = 50
_MIN_SIDE_PX, _MAX_SIDE_PX, _STEP_PX = 48, 240, 16


class GalleryBar(QWidget):
    """Choices that are remembered for the next time.

    Parameters
    ----------
    preferences : Preferences
        Choices of the last time.

    Attributes
    ----------
    order_changed, side_changed, crops_changed : Signal
        See `order`, `side_px`, and `has_contours` with `is_standardized`.
    """

    order_changed = Signal()
    side_changed = Signal()
    crops_changed = Signal()

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self.order_box = narrow(QComboBox())
        for order, text in _ORDERS.items():
            self.order_box.addItem(text, order)
        found = self.order_box.findData(preferences.gallery_order)
        self.order_box.setCurrentIndex(max(found, 0))
        self.order_box.setToolTip("Order of the cells of a class")
        self.side_slider = QSlider(Qt.Orientation.Horizontal)
        self.side_slider.setRange(_MIN_SIDE_PX, _MAX_SIDE_PX)
        self.side_slider.setSingleStep(_STEP_PX)
        self.side_slider.setValue(preferences.gallery_side_px)
        self.side_slider.setToolTip("Size of the crops (+ and −)")
        self.side_slider.setAccessibleName("Size of the crops")
        self.contour_button = QPushButton("Contours")
        self.contour_button.setCheckable(True)
        self.contour_button.setChecked(preferences.gallery_contours)
        self.contour_button.setToolTip("Outline cell and nucleus on the crops (.)")
        self.stain_box = narrow(QComboBox())
        self.stain_box.addItems(["Original stain", "Standardized stain"])
        self.stain_box.setToolTip("Stain of the crops; see the Stain page")
        self.stain_box.hide()
        self.advance_box = QCheckBox("Go on after each")
        self.advance_box.setChecked(preferences.gallery_advance)
        self.advance_box.setToolTip(
            "When one cell was given its class, select the next that waits for review"
        )
        self._lay_out()
        self._connect()

    @property
    def order(self) -> Order:
        """Order of the cells of a class."""
        return Order(self.order_box.currentData())

    @property
    def side_px(self) -> int:
        """Side of a crop on the screen."""
        return int(self.side_slider.value())

    @property
    def has_contours(self) -> bool:
        """Whether crops are outlined."""
        return bool(self.contour_button.isChecked())

    @property
    def is_standardized(self) -> bool:
        """Whether crops are shown in the standardized stain, where there is one."""
        return not self.stain_box.isHidden() and self.stain_box.currentIndex() == 1

    @property
    def is_advancing(self) -> bool:
        """Whether the next cell is selected when one has been judged."""
        return bool(self.advance_box.isChecked())

    def offer_standardized(self, *, is_there: bool) -> None:
        """Let the user choose the standardized stain, or not."""
        self.stain_box.setVisible(is_there)

    def resize_crops(self, steps: int) -> None:
        """Show larger crops, or smaller ones."""
        self.side_slider.setValue(self.side_px + steps * _STEP_PX)

    def _lay_out(self) -> None:
        """Stack rows; sizes shrink with the dock."""
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.order_box, 1)
        first.addWidget(self.contour_button)
        second.addWidget(self.advance_box)
        second.addWidget(self.side_slider, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(first)
        layout.addWidget(self.stain_box)
        layout.addLayout(second)
        self.side_slider.setMinimumWidth(_MIN_SLIDER_PX)

    def _connect(self) -> None:
        """Remember and tell each choice."""
        self.order_box.currentIndexChanged.connect(self._on_order)
        self.side_slider.valueChanged.connect(self._on_side)
        self.contour_button.toggled.connect(self._on_crops)
        self.stain_box.currentIndexChanged.connect(self._on_crops)
        self.advance_box.toggled.connect(self._remember)

    def _on_order(self) -> None:
        """Another order was chosen."""
        self._remember()
        self.order_changed.emit()

    def _on_side(self) -> None:
        """Another size was chosen."""
        self._remember()
        self.side_changed.emit()

    def _on_crops(self) -> None:
        """Crops are to look otherwise."""
        self._remember()
        self.crops_changed.emit()

    def _remember(self) -> None:
        """Keep the choices for the next time."""
        self._preferences.gallery_order = self.order.value
        self._preferences.gallery_side_px = self.side_px
        self._preferences.gallery_contours = self.has_contours
        self._preferences.gallery_advance = self.is_advancing
        self._preferences.save()
