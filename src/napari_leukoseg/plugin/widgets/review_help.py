"""Help panel: every key and gesture of the Review page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QDialog, QShortcut, QTextBrowser, QVBoxLayout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtWidgets import QWidget

    from napari_leukoseg.classes import ClassScheme

__all__ = ["HelpPanel"]

_SIZE_PX = (460, 600)

_GALLERY = (
    ("Space", "Go to the next cell that waits for review"),
    ("Return", "Mark as reviewed, and go on"),
    ("Shift+Return", "Mark as not reviewed"),
    (
        "Arrow keys, Page Up, Page Down, Home, End",
        "Move; with Shift, select on the way",
    ),
    ("Ctrl+A", "Select all cells that are shown"),
    (".", "Contours over the crops"),
    ("+ and −", "Larger and smaller crops"),
    ("F1 or ?", "This panel"),
)

_MOUSE = (
    ("Click", "Select a cell and go there; Ctrl adds one, Shift a range"),
    ("Drag from a cell that is not selected", "Select all that the frame touches"),
    ("Drag from a selected cell", "Take the selection to another class"),
    ("Click on a class", "Fold it; its cells stay where they are"),
    ("Right click", "Menu of what can be done"),
    (
        "Click on a cell in the picture",
        "Select it here, and give the keys to the gallery",
    ),
)


class HelpPanel(QDialog):
    """Table of keys in a small window beside the viewer.

    Parameters
    ----------
    parent : QWidget
        Page that it is about.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Tool)
        self.setWindowTitle("Keys of the Review page")
        self._text = QTextBrowser()
        self._text.setOpenLinks(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text)
        self.resize(*_SIZE_PX)
        for key in ("F1", "?"):
            QShortcut(QKeySequence(key), self).activated.connect(self.close)

    @property
    def text(self) -> str:
        """What the panel says, without markup."""
        return str(self._text.toPlainText())

    def show_keys(self, scheme: ClassScheme, tools: Iterable[tuple[str, str]]) -> None:
        """List the keys, those of the classes and of the tools included.

        Parameters
        ----------
        scheme : ClassScheme
            Classes.
        tools : iterable of (str, str)
            Key and meaning of each tool.
        """
        classes = [
            (c.key, f"Make the selected cells {c.name}") for c in scheme if c.key
        ]
        parts = (
            ("Classes", classes),
            ("Gallery", _GALLERY),
            ("Tools", tuple(tools)),
            ("Mouse", _MOUSE),
        )
        self._text.setHtml("".join(_table(*part) for part in parts if part[1]))


def _table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """Return a headed table."""
    lines = "".join(
        f"<tr><td width='38%'><b>{escape(keys)}</b></td><td>{escape(text)}</td></tr>"
        for keys, text in rows
    )
    return f"<h4>{title}</h4><table width='100%' cellpadding='2'>{lines}</table>"
