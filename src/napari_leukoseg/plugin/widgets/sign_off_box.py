"""Sign-off of a count: a name, and what is signed already."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget

from napari_leukoseg.plugin.widgets.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_leukoseg.plugin.preferences import Preferences

__all__ = ["SignOffBox"]


class SignOffBox(QWidget):
    """A field for a name and a button, or who has signed and when.

    Parameters
    ----------
    preferences : Preferences
        Remembers the name.

    Attributes
    ----------
    signed : Signal of str
        A person vouches for the count.
    """

    signed = Signal(str)

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self.state_label = WrappedLabel()
        self.name_edit = QLineEdit(preferences.signer)
        self.name_edit.setPlaceholderText("Your name")
        self.name_edit.setAccessibleName("Name of who signs off")
        self.sign_button = QPushButton()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.state_label, 1)
        layout.addWidget(self.name_edit, 1)
        layout.addWidget(self.sign_button)
        self._can_sign = False
        self.name_edit.textChanged.connect(self._enable)
        self.name_edit.returnPressed.connect(self.sign_button.click)
        self.sign_button.clicked.connect(self._sign)

    def show_state(
        self, signed: Mapping[str, Any] | None, *, is_this: bool, reminders: int
    ) -> None:
        """Show whether the count is signed.

        Parameters
        ----------
        signed : mapping or None
            Sign-off in force, as the case has it.
        is_this : bool
            Whether it is that of the count shown.
        reminders : int
            How many reminders a person should mind.
        """
        is_done = signed is not None and is_this
        self.state_label.setVisible(is_done)
        self.name_edit.setHidden(is_done)
        self.sign_button.setHidden(is_done)
        if signed is not None:
            self.state_label.setText(f"Signed off by {signed['name']}, {_time(signed)}")
        self.sign_button.setText("Sign off anyway" if reminders else "Sign off")
        self.sign_button.setToolTip(
            "Vouch for this count with your name and the time; the next edit undoes it"
        )

    def set_can_sign(self, can_sign: bool) -> None:
        """Allow to sign, or not."""
        self._can_sign = can_sign
        self._enable()

    def _enable(self) -> None:
        """Enable the button where there is a name."""
        has_name = bool(self.name_edit.text().strip())
        self.sign_button.setEnabled(self._can_sign and has_name)

    def _sign(self) -> None:
        """Remember the name, and sign."""
        self._preferences.signer = self.name_edit.text().strip()
        self._preferences.save()
        self.signed.emit(self._preferences.signer)


def _time(signed: Mapping[str, Any]) -> str:
    """Return when it was signed, in the time of the place."""
    time = datetime.fromisoformat(signed["time"]).astimezone()
    return time.strftime("%Y-%m-%d %H:%M")
