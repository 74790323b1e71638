"""Buttons of the tools that change cells in the canvas."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QAction, QKeySequence
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_leukoseg.plugin.review.commands import COMMANDS, Command, action_text
from napari_leukoseg.plugin.widgets.tool_icons import tool_icon

if TYPE_CHECKING:
    from napari_leukoseg.plugin.session import Session

__all__ = ["KEYS", "ToolStrip"]

KEYS: tuple[tuple[str, str], ...] = (
    *((command.key.replace("Del", "Delete"), command.title) for command in COMMANDS),
    ("Esc", "Put the tool down; let go of the selection"),
    ("M", "While painting: begin a new cell"),
    ("[ and ]", "While painting: smaller and larger brush"),
)
"""Shortcuts and what they do, for the help panel."""

_ROWS = (
    ("undo", "redo", "delete", "merge", "split", "divide"),
    ("paint_nucleus", "paint_cytoplasm", "erase", "draw", "replace", "click"),
    ("fill", "smooth", "grow", "shrink"),
)

_ICON_PX = 20
_MAX_DISTANCE_PX = 50

_STYLE = """
QToolButton { padding: 3px; border-radius: 3px; }
QToolButton:checked { border: 1px solid palette(highlight); }
"""


class ToolStrip(QWidget):
    """Three rows of buttons, and a line that says what to do with the tool in hand.

    Every button has a key, which works on the canvas; add `actions` to a page for it
    to hear them, too.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._tools = session, session.tools
        self.buttons: dict[str, QToolButton] = {}
        self.part_box = QComboBox()
        self.distance_box = QSpinBox()
        self.hint = QLabel()
        self._build()
        self._fill_settings()
        self._color_icons()
        self._tools.changed.connect(self._update)
        session.viewer.events.theme.connect(self._on_theme)
        self._update()

    def _build(self) -> None:
        """Place buttons, settings and the hint."""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        commands = {command.name: command for command in COMMANDS}
        for names in _ROWS:
            row = QHBoxLayout()
            row.setSpacing(2)
            for name in names:
                row.addWidget(self._button(commands[name]))
            row.addStretch()
            layout.addLayout(row)
        layout.addLayout(self._settings_row())
        self.hint.setWordWrap(True)
        self.hint.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding
        )
        layout.addWidget(self.hint)
        self.setStyleSheet(_STYLE)

    def _button(self, command: Command) -> QToolButton:
        """Return the button of a command, whose action the page may take."""
        action = QAction(command.title, self)
        action.setShortcut(QKeySequence(command.key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setCheckable(command.is_tool)
        action.triggered.connect(partial(self._run, command.name))
        self.addAction(action)
        button = QToolButton()
        button.setDefaultAction(action)
        button.setIconSize(QSize(_ICON_PX, _ICON_PX))
        button.setAutoRaise(True)
        button.setAccessibleName(command.title)
        self.buttons[command.name] = button
        return button

    def _settings_row(self) -> QHBoxLayout:
        """Return what the buttons of the last row depend on."""
        self.part_box.addItem("Cell", "cell")
        self.part_box.addItem("Nucleus", "nucleus")
        self.part_box.setToolTip(
            "Part: what is filled, grown, shrunk and drawn: the whole cell or its "
            "nucleus"
        )
        self.part_box.setAccessibleName("Part")
        self.distance_box.setRange(1, _MAX_DISTANCE_PX)
        self.distance_box.setSuffix(" px")
        self.distance_box.setToolTip("How far outlines are moved, or smoothed")
        self.distance_box.setAccessibleName("Distance")
        row = QHBoxLayout()
        for title, box in (("Part", self.part_box), ("by", self.distance_box)):
            label = QLabel(title)
            label.setBuddy(box)
            row.addWidget(label)
            row.addWidget(box)
        row.addStretch()
        return row

    def _fill_settings(self) -> None:
        """Show what was chosen last, and remember what is chosen."""
        preferences = self._session.preferences
        index = self.part_box.findData(preferences.tool_part)
        self.part_box.setCurrentIndex(max(0, index))
        self.distance_box.setValue(self._tools.distance_px)
        self.part_box.currentIndexChanged.connect(self._remember)
        self.distance_box.valueChanged.connect(self._remember)

    def _remember(self) -> None:
        """Keep the settings for the tools, and for the next start."""
        preferences = self._session.preferences
        preferences.tool_part = self.part_box.currentData()
        preferences.tool_distance_px = self.distance_box.value()
        preferences.save()

    def _run(self, name: str, *_: object) -> None:
        """Do what a button means; a tool shows whether it is in hand."""
        self._tools.run(name)
        self._update()

    def _update(self) -> None:
        """Show what can be done, what is in hand, and what to do with it."""
        active = self._tools.active
        for command in COMMANDS:
            action = self.buttons[command.name].defaultAction()
            trouble = self._tools.trouble(command.name)
            is_held = command.name == active
            action.setEnabled(is_held or not trouble)
            if command.is_tool:
                action.setChecked(is_held)
            action.setToolTip(_tip(command, trouble, self._history(command.name)))
        self.hint.setText(self._tools.hint)
        self.hint.setVisible(bool(self._tools.hint))

    def _history(self, name: str) -> str:
        """Return what undo or redo would do; empty for other commands."""
        desk = self._session.desk
        actions = {"undo": desk.undo_action, "redo": desk.redo_action}
        action = actions.get(name)
        return action_text(action) if action else ""

    def _on_theme(self, _: object = None) -> None:
        """Take the colors of another theme, unless the widget is gone."""
        with suppress(RuntimeError):
            self._color_icons()

    def _color_icons(self) -> None:
        """Draw the icons in the color of the theme's text."""
        theme = get_theme(self._session.viewer.theme)
        for name, button in self.buttons.items():
            button.defaultAction().setIcon(tool_icon(name, theme.text.as_hex("long")))


def _tip(command: Command, trouble: str, history: str) -> str:
    """Return the tooltip of a command."""
    what = f"{command.title}: {history}" if history else command.title
    return f"{what} ({command.key})\n{trouble or command.tip}"
