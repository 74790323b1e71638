"""A line for what the user should know: an error, a warning, a success."""

from __future__ import annotations

from enum import StrEnum

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QWidget,
)

__all__ = ["MessageBar", "Tone"]


class Tone(StrEnum):
    """What kind of message it is."""

    INFO = "info"
    SUCCESS = "success"
    ERROR = "error"


_COLORS = {Tone.INFO: "#4a90d9", Tone.SUCCESS: "#3c9d5b", Tone.ERROR: "#d9534f"}
_SIGNS = {Tone.INFO: "Note", Tone.SUCCESS: "Done", Tone.ERROR: "Error"}


class MessageBar(QFrame):
    """Text with a colored edge, hidden while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("leukosegMessage")
        self._label = QLabel()
        self._label.setWordWrap(True)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
        )
        self._label.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding
        )
        dismiss = QToolButton()
        dismiss.setText("×")
        dismiss.setAutoRaise(True)
        dismiss.setToolTip("Hide this message")
        dismiss.setAccessibleName("Hide message")
        dismiss.clicked.connect(self.clear)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 2, 4)
        layout.addWidget(self._label, 1)
        layout.addWidget(dismiss, 0, Qt.AlignmentFlag.AlignTop)
        self.tone = Tone.INFO
        self.hide()

    @property
    def text(self) -> str:
        """What is said, empty if nothing."""
        return self._label.text()

    def say(self, text: str, tone: Tone = Tone.INFO) -> None:
        """Show a message; an empty one hides the bar."""
        if not text:
            self.clear()
            return
        self.tone = tone
        self._label.setText(text)
        self.setAccessibleName(f"{_SIGNS[tone]}: {text}")
        self.setStyleSheet(
            f"#leukosegMessage {{ border: 1px solid {_COLORS[tone]}; "
            f"border-left: 5px solid {_COLORS[tone]}; border-radius: 2px; }}"
        )
        self.show()

    def clear(self) -> None:
        """Hide the bar."""
        self._label.clear()
        self.hide()
