"""What the pages have in common: a session, and an end with their widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QComboBox, QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_leukoseg.plugin.session import Session

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["Panel", "narrow", "scrolled"]

_NARROW_CHARACTERS = 8


class Panel(QWidget):
    """Widget that takes part in a viewer's session until it is closed.

    Parameters
    ----------
    viewer : ViewerModel
        Viewer that it belongs to.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.session = session = Session.of(viewer)
        member = object()  # the widget itself may not be kept alive
        session.join(member)

        def leave(*_: object) -> None:
            session.leave(member)

        self._leave = leave
        self.destroyed.connect(self._leave)

    def event(self, event: QEvent) -> bool:
        """Leave the session when napari takes the widget out of its dock."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._leave()
        return bool(super().event(event))


def scrolled(page: QWidget) -> QScrollArea:
    """Return a page in an area that scrolls when the window is low."""
    area = QScrollArea()
    area.setWidget(page)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def fill(widget: QWidget, page: QWidget) -> None:
    """Put a page into a widget, scrolled, without margins."""
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(scrolled(page))


def narrow(box: QComboBox) -> QComboBox:
    """Let a combo box become narrower than its longest entry."""
    policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    box.setSizeAdjustPolicy(policy)
    box.setMinimumContentsLength(_NARROW_CHARACTERS)
    return box
