"""Classes as buttons: press one, or drop cells on it, to assign the class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QIcon,
    QPixmap,
)
from qtpy.QtWidgets import QPushButton, QWidget
from superqt import QFlowLayout

from napari_leukoseg.plugin.widgets.gallery_model import dragged_cells

if TYPE_CHECKING:
    from napari_leukoseg.classes import CellClass, ClassScheme

__all__ = ["ClassBar", "swatch"]

_SWATCH_PX = 12
_STYLE = "QPushButton { padding: 2px 5px; }"
"""As narrow as it can be read: there may be many classes."""


class ClassBar(QWidget):
    """One button a class, with its color, key and name.

    Attributes
    ----------
    chosen : Signal of int
        A class was pressed.
    dropped : Signal of (list of int, int)
        Cells were dragged onto a class.
    edit_wanted : Signal
        The user wants to change the classes.
    """

    chosen = Signal(int)
    dropped = Signal(object, int)
    edit_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._flow = QFlowLayout(self)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self._flow.setSpacing(3)
        self.setStyleSheet(_STYLE)
        self._scheme: ClassScheme | None = None
        self.buttons: dict[int, QPushButton] = {}
        self.edit_button = QPushButton()
        self.edit_button.setText("Classes…")
        self.edit_button.setToolTip(
            "Add, rename or remove classes, and change their keys"
        )
        self.edit_button.clicked.connect(self.edit_wanted)

    def show_classes(self, scheme: ClassScheme) -> None:
        """Show the classes of a scheme."""
        if scheme == self._scheme:
            return
        self._flow.removeWidget(self.edit_button)
        for button in self.buttons.values():
            self._flow.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._scheme = scheme
        self.buttons = {c.id: self._button(c) for c in scheme}
        self._flow.addWidget(self.edit_button)

    def set_can_edit(self, can_edit: bool) -> None:
        """Let classes be assigned and changed, or not."""
        for button in (*self.buttons.values(), self.edit_button):
            button.setEnabled(can_edit)

    def _button(self, cell_class: CellClass) -> QPushButton:
        """Make the button of a class."""
        button = _ClassButton(cell_class.id)
        button.setIcon(QIcon(swatch(cell_class.color)))
        button.setText(f"{cell_class.key} {cell_class.name}".strip())
        key = f" (key {cell_class.key})" if cell_class.key else ""
        button.setToolTip(
            f"Make the selected cells {cell_class.name}{key}; or drop cells here"
        )
        button.setAccessibleName(f"Assign {cell_class.name}")
        button.clicked.connect(lambda: self.chosen.emit(cell_class.id))
        button.dropped.connect(self.dropped)
        self._flow.addWidget(button)
        return button


class _ClassButton(QPushButton):
    """Button that takes cells."""

    dropped = Signal(object, int)

    def __init__(self, class_id: int) -> None:
        super().__init__()
        self._class_id = class_id
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # keys stay with the gallery
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Take cells only."""
        if dragged_cells(event.mimeData()):
            self.setDown(True)
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802
        """Look as before."""
        del event
        self.setDown(False)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Tell which cells were dropped."""
        self.setDown(False)
        event.acceptProposedAction()
        self.dropped.emit(dragged_cells(event.mimeData()), self._class_id)


def swatch(color: str) -> QPixmap:
    """Return a small square of a color."""
    pixmap = QPixmap(_SWATCH_PX, _SWATCH_PX)
    pixmap.fill(QColor(color))
    return pixmap
