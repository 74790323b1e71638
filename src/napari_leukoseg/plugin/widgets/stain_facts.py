"""What standardizing does to the colors in view: stain vectors and mean colors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.plugin.stain_jobs import StainFacts
    from napari_leukoseg.stain import ColorChange

__all__ = ["StainFactsView"]

SWATCH_PX = 14

_DYES = ("Thiazine", "Eosin")


class StainFactsView(QWidget):
    """What the user sees: two lines, before and after, for a dye or a part."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(0, 1)

    def show_facts(self, facts: StainFacts | None) -> None:
        """Show what is known of a view; nothing without it."""
        while item := self._grid.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        self.setVisible(facts is not None)
        if facts is not None:
            self._show_dyes(facts)
            self._show_changes(facts.changes)

    def _show_dyes(self, facts: StainFacts) -> None:
        """Show the stain vectors of picture and reference, if the method has them."""
        own = getattr(facts.step.source, "stain_matrix", None)
        reference = getattr(facts.step.normalizer, "reference", None)
        look = getattr(reference, "stain_matrix", None)
        if own is None or look is None:
            return
        self._head("Stain vectors", ("R", "G", "B"), "Optical density of a stain")
        for name, *pair in zip(_DYES, own, look, strict=True):
            numbers = [[f"{value:.2f}" for value in dye] for dye in pair]
            colors = [_color_of_dye(dye) for dye in pair]
            self._lines((name, "reference"), colors, numbers)

    def _show_changes(self, changes: tuple[ColorChange, ...]) -> None:
        """Show mean colors before and after."""
        self._head("Mean colors", ("L*", "a*", "b*"), "CIELAB, of what is in view")
        for change in changes:
            pair = (change.before, change.after)
            numbers = [[str(round(value)) for value in lab] for lab in pair]
            names = (
                change.part.capitalize(),
                f"after, \u0394E {change.difference:.0f}",
            )
            self._lines(names, [_rgb_of_lab(lab) for lab in pair], numbers)

    def _head(self, title: str, axes: Sequence[str], tip: str) -> None:
        """Add a title with the names of three columns."""
        row = self._grid.rowCount()
        label = QLabel(f"<b>{title}</b>")
        label.setToolTip(tip)
        self._grid.addWidget(label, row, 0, 1, 2)
        self._add_numbers(row, axes)

    def _lines(
        self, names: Sequence[str], colors: Sequence[QColor], numbers: Sequence[Any]
    ) -> None:
        """Add two lines with a swatch each."""
        for name, color, values in zip(names, colors, numbers, strict=True):
            row = self._grid.rowCount()
            self._grid.addWidget(QLabel(name), row, 0)
            self._grid.addWidget(_swatch(color), row, 1)
            self._add_numbers(row, values)

    def _add_numbers(self, row: int, values: Sequence[str]) -> None:
        """Fill the last three columns of a line."""
        for column, value in enumerate(values, start=2):
            label = QLabel(value)
            label.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(label, row, column)


def _swatch(color: QColor) -> QLabel:
    """Return a patch of a color."""
    pixmap = QPixmap(SWATCH_PX, SWATCH_PX)
    pixmap.fill(color)
    label = QLabel()
    label.setPixmap(pixmap)
    label.setToolTip(color.name())
    label.setAccessibleName(color.name())
    return label


def _color_of_dye(density: NDArray[np.float64]) -> QColor:
    """Return the color of light that has passed a dye of unit density."""
    return _color(255 * np.exp(-density))


def _rgb_of_lab(lab: NDArray[np.float64]) -> QColor:
    """Return a CIELAB color for the screen."""
    from napari_leukoseg.stain.planes import byte_levels, rgb_of

    light, green_red, blue_yellow = (np.array([value]) for value in lab)
    return _color(np.ravel(byte_levels(rgb_of((light, green_red, blue_yellow)))))


def _color(levels: NDArray[np.float64]) -> QColor:
    """Return gray levels as a color."""
    red, green, blue = (int(level) for level in np.clip(np.rint(levels), 0, 255))
    return QColor(red, green, blue)
