"""Editor of the class scheme: names, keys, colors, how each class counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon
from qtpy.QtWidgets import (
    QColorDialog,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_leukoseg.classes import (
    FIRST_OWN_CLASS,
    CellClass,
    ClassScheme,
    Counting,
)
from napari_leukoseg.errors import LeukosegError, SettingsError
from napari_leukoseg.plugin.widgets.class_bar import swatch
from napari_leukoseg.plugin.widgets.message_bar import MessageBar, Tone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_leukoseg.plugin.review.desk import ReviewDesk

__all__ = ["PRESETS", "ClassEditor"]

PRESETS: tuple[tuple[str, str, str, Counting], ...] = (
    ("blast", "b", "#ff00ff", Counting.DIFFERENTIAL),
    ("promyelocyte", "p", "#b05a00", Counting.DIFFERENTIAL),
    ("myelocyte", "y", "#d98e00", Counting.DIFFERENTIAL),
    ("metamyelocyte", "m", "#ffb84d", Counting.DIFFERENTIAL),
    ("band", "n", "#ff8080", Counting.DIFFERENTIAL),
    ("reactive lymphocyte", "r", "#b8b800", Counting.DIFFERENTIAL),
    ("plasma cell", "l", "#7f7fff", Counting.DIFFERENTIAL),
    ("nucleated red cell", "e", "#ffffff", Counting.PER_100_WHITE_CELLS),
    ("smudge cell", "s", "#8c6d5a", Counting.NONE),
    ("artifact", "a", "#606060", Counting.NONE),
)
"""Name, key, color and counting of classes that laboratories often add."""

_COUNTINGS = {
    Counting.DIFFERENTIAL: "in the differential",
    Counting.PER_100_WHITE_CELLS: "per 100 white cells",
    Counting.NONE: "not at all",
}

_TITLES = ("", "Name", "Key", "Counts", "Cells", "")
_SIZE_PX = (560, 460)
_FILE_KINDS = "Class scheme (*.json)"


@dataclass(eq=False)
class _Row:
    """Inputs of one class."""

    class_id: int
    color: str
    color_button: QToolButton
    name: QLineEdit
    key: QLineEdit
    counting: QComboBox
    cells: QLabel
    remove: QToolButton

    def cell_class(self) -> CellClass:
        """Return the class as it stands in the inputs."""
        name, key = self.name.text().strip(), self.key.text().strip().lower()
        if not name:
            raise SettingsError(
                f"Class {self.class_id} has no name; give it one, or remove it."
            )
        if key and not key.isalnum():
            raise SettingsError(
                f"The key {key!r} of {name} is no letter or digit; those alone are "
                "free for classes."
            )
        counting = Counting(self.counting.currentData())
        return CellClass(self.class_id, name, key, self.color, counting)

    @property
    def widgets(self) -> tuple[QWidget, ...]:
        """Inputs from left to right."""
        return (
            self.color_button,
            self.name,
            self.key,
            self.counting,
            self.cells,
            self.remove,
        )


class ClassEditor(QDialog):
    """One row a class; nothing changes until OK.

    Parameters
    ----------
    desk : ReviewDesk
        Case whose classes are changed.
    parent : QWidget
        Page that it belongs to.
    """

    def __init__(self, desk: ReviewDesk, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Classes")
        self._desk = desk
        classes = desk.table["class_id"].to_numpy(np.int64)
        self._counts = np.bincount(classes, minlength=256)
        self.rows: list[_Row] = []
        self.message = MessageBar()
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        for column, title in enumerate(_TITLES):
            self._grid.addWidget(QLabel(title), 0, column)
        self.add_button = QPushButton("&Add class")
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self._lay_out()
        self.show_scheme(desk.scheme)
        self.resize(*_SIZE_PX)

    def scheme(self) -> ClassScheme:
        """Return the scheme as it stands in the inputs.

        Raises
        ------
        SettingsError
            If a name is missing, or a name or key is given twice.
        """
        return ClassScheme(tuple(row.cell_class() for row in self.rows))

    def show_scheme(self, scheme: ClassScheme) -> None:
        """Fill the inputs with the classes of a scheme."""
        for row in list(self.rows):
            self._drop(row)
        for cell_class in scheme:
            self._add_row(cell_class)

    def add_class(self, name: str, key: str, color: str, counting: Counting) -> None:
        """Add a row for a new class; a key that is taken is left out."""
        taken = {row.key.text() for row in self.rows}
        used = {row.class_id for row in self.rows}
        class_id = next(i for i in range(FIRST_OWN_CLASS, 256) if i not in used)
        key = "" if key in taken else key
        self._add_row(CellClass(class_id, name, key, color, counting))
        self.rows[-1].name.setFocus()

    def accept(self) -> None:
        """Change the classes of the case; stay open where that is not possible."""
        from napari_leukoseg.correct import change_scheme

        try:
            scheme = self.scheme()
        except SettingsError as error:
            self.message.say(str(error), Tone.ERROR)
            return
        if scheme == self._desk.scheme:
            super().accept()
            return
        said: list[str] = []
        self._desk.failed.connect(said.append)
        is_done = self._desk.change(lambda case: change_scheme(case, scheme))
        self._desk.failed.disconnect(said.append)
        if is_done:
            super().accept()
        else:
            self.message.say(" ".join(said), Tone.ERROR)

    def _lay_out(self) -> None:
        """Stack table, buttons and message."""
        table = QWidget()
        stack = QVBoxLayout(table)
        stack.addLayout(self._grid)
        stack.addStretch(1)
        area = QScrollArea()
        area.setWidget(table)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        menu = QMenu(self.add_button)
        for preset in PRESETS:
            action = menu.addAction(swatch(preset[2]), preset[0])
            action.triggered.connect(lambda _=False, p=preset: self.add_class(*p))
        menu.addSeparator()
        own = menu.addAction("Another…")
        own.triggered.connect(
            lambda: self.add_class("", "", "#c080ff", Counting.DIFFERENTIAL)
        )
        self.add_button.setMenu(menu)
        row = QHBoxLayout()
        row.addWidget(self.add_button)
        for text, tip, do in (
            ("&Load…", "Take the classes of a file", self._load),
            ("&Save…", "Write the classes to a file, for other cases", self._save),
        ):
            button = QPushButton(text)
            button.setToolTip(tip)
            button.setAutoDefault(False)
            button.clicked.connect(do)
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.buttons)
        layout = QVBoxLayout(self)
        layout.addWidget(area, 1)
        layout.addWidget(self.message)
        layout.addLayout(row)
        self.add_button.setAutoDefault(False)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    def _add_row(self, cell_class: CellClass) -> None:
        """Add the inputs of a class."""
        row = _Row(
            cell_class.id,
            cell_class.color,
            QToolButton(),
            QLineEdit(cell_class.name),
            QLineEdit(cell_class.key),
            QComboBox(),
            QLabel(f"{self._counts[cell_class.id]:,}"),
            QToolButton(),
        )
        row.color_button.setIcon(QIcon(swatch(cell_class.color)))
        row.color_button.setToolTip("Color of the class")
        row.color_button.setAccessibleName(f"Color of {cell_class.name}")
        row.color_button.clicked.connect(lambda: self._choose_color(row))
        row.name.setToolTip(f"Name of class {cell_class.id}")
        row.key.setMaxLength(1)
        row.key.setFixedWidth(40)
        row.key.setToolTip("Letter or digit that assigns the class; may be empty")
        for counting, text in _COUNTINGS.items():
            row.counting.addItem(text, counting)
        row.counting.setCurrentIndex(row.counting.findData(cell_class.counting))
        row.counting.setToolTip("How cells of the class enter the differential count")
        row.cells.setAlignment(
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )
        self._set_up_remove(row)
        self.rows.append(row)
        place = self._grid.rowCount()
        for column, widget in enumerate(row.widgets):
            self._grid.addWidget(widget, place, column)

    def _set_up_remove(self, row: _Row) -> None:
        """Let a class be removed, unless cells have it or all schemes share it."""
        n_cells = int(self._counts[row.class_id])
        row.remove.setText("×")
        row.remove.setAccessibleName("Remove the class")
        row.remove.clicked.connect(lambda: self._drop(row))
        if row.class_id < FIRST_OWN_CLASS:
            row.remove.setEnabled(False)
            row.remove.setToolTip("All schemes share this class")
        elif n_cells:
            row.remove.setEnabled(False)
            row.remove.setToolTip("Give its cells another class first")
        else:
            row.remove.setToolTip("Remove the class")

    def _drop(self, row: _Row) -> None:
        """Remove the inputs of a class."""
        self.rows.remove(row)
        for widget in row.widgets:
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()

    def _choose_color(self, row: _Row) -> None:
        """Let the user choose a color."""
        color = QColorDialog.getColor(QColor(row.color), self, "Color of the class")
        if color.isValid():
            row.color = color.name()
            row.color_button.setIcon(QIcon(swatch(row.color)))

    def _load(self) -> None:
        """Take the classes of a file."""
        path, _ = QFileDialog.getOpenFileName(self, "Load classes", "", _FILE_KINDS)
        if path:
            self.load(Path(path))

    def load(self, path: Path) -> None:
        """Take the classes of a file, and keep those that cells have.

        Parameters
        ----------
        path : Path
            JSON file that `save` or `ClassScheme.save` wrote.
        """
        try:
            loaded = ClassScheme.load(path)
            self.show_scheme(_joined(loaded, self._needed(), self._desk.scheme))
        except LeukosegError as error:
            self.message.say(str(error), Tone.ERROR)
            return
        self.message.clear()

    def _save(self) -> None:
        """Write the classes to a file."""
        path, _ = QFileDialog.getSaveFileName(
            self, "Save classes", "classes.json", _FILE_KINDS
        )
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write the classes as they stand in the inputs to a file."""
        try:
            self.scheme().save(path)
        except LeukosegError as error:
            self.message.say(str(error), Tone.ERROR)
        except OSError as error:
            self.message.say(
                f"{path} cannot be written ({error.strerror}); choose another folder.",
                Tone.ERROR,
            )
        else:
            self.message.say(f"Written to {path}.", Tone.SUCCESS)

    def _needed(self) -> Sequence[int]:
        """Return the classes that must stay."""
        shared = range(1, FIRST_OWN_CLASS)
        return sorted({*shared, *np.flatnonzero(self._counts).tolist()})


def _joined(
    loaded: ClassScheme, needed: Sequence[int], present: ClassScheme
) -> ClassScheme:
    """Return loaded classes, with those of the present scheme that must stay."""
    kept = [present[i] for i in needed if i not in loaded and i in present]
    classes = sorted((*loaded, *kept), key=lambda c: c.id)
    return ClassScheme(tuple(classes))
