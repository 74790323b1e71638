"""Keep or discard a new model."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

__all__ = ["KeepBar"]


class KeepBar(QWidget):
    """What the user sees: a name for the new model, *Keep* and *Discard*.

    Attributes
    ----------
    keep_wanted : Signal of str
        The model is to be kept under a name.
    discard_wanted : Signal
        Nothing of it is to be kept.
    """

    keep_wanted = Signal(str)
    discard_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.name_box = QLineEdit()
        self.name_box.setAccessibleName("Name of the new model")
        self.name_box.setPlaceholderText("Name of the new model")
        self.name_box.setToolTip("Under this name it appears in the Segment page")
        self.name_box.textChanged.connect(self._allow)
        self.name_box.returnPressed.connect(self._keep)
        self.keep_button = QPushButton("&Keep")
        self.keep_button.setToolTip(
            "Add the model to your library; it can be used for segmentation at once"
        )
        self.keep_button.clicked.connect(self._keep)
        self.discard_button = QPushButton("&Discard")
        self.discard_button.setToolTip("Delete the model and all that it left")
        self.discard_button.clicked.connect(self.discard_wanted)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.keep_button, 2)
        row.addWidget(self.discard_button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Keep the new model as"))
        layout.addWidget(self.name_box)
        layout.addLayout(row)
        self.hide()

    def ask(self, name: str) -> None:
        """Show the question, with a name to begin with."""
        self.name_box.setText(name)
        self.show()

    def _allow(self) -> None:
        """Ask for a name before the model can be kept."""
        self.keep_button.setEnabled(bool(self.name_box.text().strip()))

    def _keep(self) -> None:
        """Tell the name."""
        name = self.name_box.text().strip()
        if name:
            self.keep_wanted.emit(name)
