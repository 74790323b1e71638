"""Asks before the window closes on work that would be cut short."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QMessageBox, QWidget

__all__ = ["CloseGuard"]


class CloseGuard(QObject):
    """Asks when a main window is about to close while there is a reason not to.

    napari asks only for workers of its own, so the close event is watched before the
    window sees it. `Viewer.close` of a program is not asked: it takes the window
    apart before it closes it.

    Parameters
    ----------
    window : QMainWindow
        Window that is watched as long as it lives.
    reason : callable
        Gives a sentence on what would be cut short; empty if nothing is.
    """

    def __init__(self, window: QMainWindow, reason: Callable[[], str]) -> None:
        super().__init__(window)
        self.reason = reason
        self._window = window
        window.installEventFilter(self)

    @classmethod
    def watch(cls, widget: QWidget, reason: Callable[[], str]) -> CloseGuard | None:
        """Watch the main window around a widget, once; none where there is none."""
        window = _main_window(widget)
        if window is None:
            return None
        guard = window.findChild(cls)
        if guard is None:
            return cls(window, reason)
        guard.reason = reason
        return guard

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Keep the window open if the user wants that."""
        if event.type() != QEvent.Type.Close or watched is not self._window:
            return False
        reason = self.reason()
        if not reason or _is_taken_apart(self._window) or self._may_close(reason):
            return False
        event.ignore()
        return True

    def _may_close(self, reason: str) -> bool:
        """Ask the user."""
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self._window,
            "Close the window?",
            f"{reason} Close the window all the same?",
            buttons.Close | buttons.Cancel,
            buttons.Cancel,
        )
        return answer == buttons.Close


def _main_window(widget: QWidget) -> QMainWindow | None:
    """Return the main window around a widget, also through a floating dock."""
    parent: QObject | None = widget
    while parent is not None and not isinstance(parent, QMainWindow):
        parent = parent.parent()
    return parent


def _is_taken_apart(window: QMainWindow) -> bool:
    """Whether the content of a window is closed already."""
    central = window.centralWidget()
    if central is None:
        return True
    content = [c for c in central.children() if isinstance(c, QWidget)]
    return all(child.isHidden() for child in content)
