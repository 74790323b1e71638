"""Label that breaks its lines, and is as high as they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent

__all__ = ["WrappedLabel"]


class WrappedLabel(QLabel):
    """Plain text in as many lines as it takes.

    A part that folds asks its content for a height without saying how wide it is,
    so a label that breaks its lines must know for itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)

    def setText(self, text: str) -> None:  # noqa: N802
        """Show another text."""
        super().setText(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Break the lines anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Ask for the height of the lines at the present width."""
        self.setMinimumHeight(0)  # below which it would give no answer
        self.setMinimumHeight(max(0, self.heightForWidth(self.width())))
