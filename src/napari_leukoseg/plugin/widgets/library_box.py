"""The user's own models: export, import, remove."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from napari_leukoseg.plugin.background import Background

__all__ = ["LibraryBox"]

_ROWS = 4
_FILTER = "LeukoSeg models (*.leukoseg-model);;All files (*)"
_SUFFIX = ".leukoseg-model"


class LibraryBox(QWidget):
    """What the user sees: models by name, and buttons for the one that is selected.

    Parameters
    ----------
    background : Background
        Reads and writes models.

    Attributes
    ----------
    changed : Signal
        The library holds other models.
    listed : Signal of dict
        Folder of each model by name, bundled ones included.
    noticed, failed : Signal of str
        What was done, or could not be done.
    """

    changed = Signal()
    listed = Signal(dict)
    noticed = Signal(str)
    failed = Signal(str)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self.list = QListWidget()
        self.list.setAccessibleName("My models")
        self.list.setFixedHeight(_ROWS * (self.list.fontMetrics().lineSpacing() + 6))
        self.list.itemSelectionChanged.connect(self._allow)
        self.export_button = QPushButton("E&xport…")
        self.import_button = QPushButton("&Import…")
        self.remove_button = QPushButton("Remo&ve")
        row = QHBoxLayout()
        row.setSpacing(4)
        for button, tip, action in (
            (self.export_button, "Write the model as one file", self._ask_to_export),
            (self.import_button, "Add a model from such a file", self._ask_to_import),
            (self.remove_button, "Delete the model for good", self._ask_to_remove),
        ):
            button.setToolTip(tip)
            button.clicked.connect(action)
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addLayout(row)
        self._allow()

    def renew(self) -> None:
        """List the models anew."""
        self._background.run(_list_models, self._show, self.failed.emit, self)

    def export(self, name: str, file: Path) -> None:
        """Write a model as one file."""
        done = f"Exported {name} to {file}."
        self._do(partial(_export, name, file), done, is_change=False)

    def import_(self, file: Path) -> None:
        """Add a model from a file."""
        self._do(partial(_import, file), "Imported {}.", is_change=True)

    def remove(self, name: str) -> None:
        """Delete a model."""
        self._do(partial(_remove, name), f"Removed {name}.", is_change=True)

    @property
    def selected(self) -> str:
        """Name of the selected model, empty if none is."""
        item = self.list.currentItem()
        return item.text() if item is not None and item.isSelected() else ""

    def _do(self, work: partial[str], done: str, *, is_change: bool) -> None:
        """Do something in a thread, and tell of it."""

        def tell(name: str) -> None:
            self.noticed.emit(done.format(name))
            if is_change:
                self.changed.emit()

        self._background.run(work, tell, self.failed.emit, self)

    def _show(self, models: tuple[dict[str, Path], list[str]]) -> None:
        """Show the names of the user's models."""
        available, own = models
        chosen = self.selected
        self.list.clear()
        self.list.addItems(own)
        if chosen in own:
            self.list.setCurrentRow(own.index(chosen))
        self._allow()
        self.listed.emit(available)

    def _allow(self) -> None:
        """Enable what can be done with the selected model."""
        for button in (self.export_button, self.remove_button):
            button.setEnabled(bool(self.selected))

    def _ask_to_export(self) -> None:
        """Let the user say where a model goes."""
        proposed = str(Path.home() / f"{self.selected}{_SUFFIX}")
        title = "Export the model as one file"
        file, _ = QFileDialog.getSaveFileName(self, title, proposed, _FILTER)
        if file:
            self.export(self.selected, Path(file))

    def _ask_to_import(self) -> None:
        """Let the user choose a model file."""
        home = str(Path.home())
        file, _ = QFileDialog.getOpenFileName(self, "Import a model", home, _FILTER)
        if file:
            self.import_(Path(file))

    def _ask_to_remove(self) -> None:
        """Let the user confirm."""
        name = self.selected
        question = f"Delete the model {name}? It cannot be brought back."
        answer = QMessageBox.question(self, "Delete a model", question)
        if answer == QMessageBox.StandardButton.Yes:
            self.remove(name)


def _list_models() -> tuple[dict[str, Path], list[str]]:
    """List all models, and the names of the user's; runs in a thread."""
    from napari_leukoseg.segment.library import ModelLibrary, available_models

    return available_models(), list(ModelLibrary().names())


def _export(name: str, file: Path) -> str:
    """Write a model as one file; runs in a thread."""
    from napari_leukoseg.segment.library import ModelLibrary

    return str(ModelLibrary().export(name, file))


def _import(file: Path) -> str:
    """Add a model from a file; runs in a thread."""
    from napari_leukoseg.segment.library import ModelLibrary

    return ModelLibrary().import_(file)


def _remove(name: str) -> str:
    """Delete a model; runs in a thread."""
    from napari_leukoseg.segment.library import ModelLibrary

    ModelLibrary().remove(name)
    return name
