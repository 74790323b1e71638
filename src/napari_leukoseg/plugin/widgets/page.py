"""What the pages have in common: a session, and an end with their widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QSize, Qt
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


class _PageArea(QScrollArea):
    """Area that is never narrower than its page, which does not scroll sideways."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return room for the page with a scroll bar beside it."""
        hint, page = super().minimumSizeHint(), self.widget()
        if page is None:
            return hint
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(page.minimumSizeHint().width() + bar, hint.height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Take note when the page needs another width."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


def scrolled(page: QWidget) -> QScrollArea:
    """Return a page in an area that scrolls when the window is low."""
    area = _PageArea()
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
