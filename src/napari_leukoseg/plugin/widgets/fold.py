"""A part of a page that is folded away until it is wanted."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QIcon, QPixmap
from qtpy.QtWidgets import QWidget
from superqt import QCollapsible

__all__ = ["fold"]

_STYLE = """
QPushButton { text-align: left; border: none; outline: none; }
QPushButton:checked { background: transparent; }
"""


_ROOM_PX = 10
"""What the library leaves below the content."""


class _Fold(QCollapsible):
    """Follows its content where that becomes higher while it is shown."""

    def event(self, event: QEvent) -> bool:
        """Give the content the height that it asks for now."""
        if event.type() == QEvent.Type.LayoutRequest and self.isExpanded():
            wanted = self.content().sizeHint().height()
            self.content().setMaximumHeight(wanted + _ROOM_PX)
        return bool(super().event(event))


def fold(title: str, content: QWidget, *, is_open: bool = False) -> QCollapsible:
    """Return a title that shows and hides what is below it.

    Parameters
    ----------
    title : str
        Always shown.
    content : QWidget
        Shown when it is unfolded.
    is_open : bool, optional
        Whether it is to begin with.
    """
    folded = _Fold()
    # Its arrows are pictures, which do not follow the theme; letters do. It takes
    # an icon without any picture for none.
    nothing = QPixmap(1, 1)
    nothing.fill(Qt.GlobalColor.transparent)
    folded.setExpandedIcon(QIcon(nothing))
    folded.setCollapsedIcon(QIcon(nothing))
    folded.toggleButton().setIconSize(nothing.size())
    folded.toggleButton().setStyleSheet(_STYLE)
    layout = folded.layout()
    if layout is not None:
        layout.setContentsMargins(0, 0, 0, 0)

    def show_state(is_expanded: bool) -> None:
        folded.setText(f"{'▾' if is_expanded else '▸'} {title}")

    folded.toggled.connect(show_state)
    show_state(is_open)
    folded.addWidget(content)
    if is_open:
        folded.expand(animate=False)
    return folded
