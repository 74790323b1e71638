"""Which cases and folders a model is trained on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QShortcut,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from napari_leukoseg.training.finetuning import SourceFacts, Survey

__all__ = ["SourceList"]

_PATH = Qt.ItemDataRole.UserRole
_MIN_ROWS, _MAX_ROWS = 2, 5
_MAX_RECENT = 15


class SourceList(QWidget):
    """What the user sees: a list with check marks, and buttons to add and remove.

    Parameters
    ----------
    case_folder : Path
        Whose cases the menu *Recent* offers.

    Attributes
    ----------
    changed : Signal
        Other sources are chosen.
    """

    changed = Signal()

    def __init__(self, case_folder: Path) -> None:
        super().__init__()
        self.case_folder = case_folder
        self.list = _DropList()
        self.list.dropped.connect(self._take_dropped)
        self.list.itemChanged.connect(self._on_checked)
        self.add_button = QPushButton("&Add…")
        self.recent_button = QPushButton("Rec&ent")
        self.remove_button = QPushButton("Re&move")
        self._set_up_buttons()
        row = QHBoxLayout()
        row.setSpacing(4)
        for button in (self.add_button, self.recent_button, self.remove_button):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addLayout(row)
        self._fit()

    @property
    def paths(self) -> list[Path]:
        """Chosen sources."""
        return [
            Path(item.data(_PATH))
            for item in self._items()
            if item.checkState() == Qt.CheckState.Checked
        ]

    def add(self, path: Path, *, is_chosen: bool = True) -> None:
        """Add a source; one that is there already is only chosen."""
        item = self._find(path)
        state = Qt.CheckState.Checked if is_chosen else Qt.CheckState.Unchecked
        if item is not None:
            if is_chosen:
                item.setCheckState(state)
            return
        item = QListWidgetItem(path.name)
        item.setData(_PATH, str(path))
        item.setToolTip(str(path))
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(state)
        self.list.addItem(item)
        self._fit()
        self.changed.emit()

    def has(self, path: Path) -> bool:
        """Whether a source is in the list, chosen or not."""
        return self._find(path) is not None

    def show_survey(self, survey: Survey) -> None:
        """Show what was found in each source."""
        chosen = self.paths
        self.list.blockSignals(True)
        for item in self._items():
            path = Path(item.data(_PATH))
            text = path.name
            if path in chosen:
                text += f"\n{_describe(path, survey.sources)}"
            item.setText(text)
        self.list.blockSignals(False)
        self._fit()

    def _set_up_buttons(self) -> None:
        """Connect buttons and keys."""
        self.add_button.setToolTip(
            "Add a case, a folder of cases, or a folder of pictures with masks; they "
            "can be dropped on the list as well"
        )
        self.add_button.clicked.connect(self._ask)
        self.recent_button.setToolTip("Add one of the last cases")
        menu = QMenu(self.recent_button)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(lambda: self._fill_recent(menu))
        self.recent_button.setMenu(menu)
        self.remove_button.setToolTip(
            "Take the selected sources from the list (Del); their files stay"
        )
        self.remove_button.clicked.connect(self._remove)
        shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.list)
        shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        shortcut.activated.connect(self._remove)

    def _ask(self) -> None:
        """Let the user choose a folder; a case is one."""
        title = "Case, folder of cases, or folder of pictures with masks"
        folder = QFileDialog.getExistingDirectory(self, title, str(self.case_folder))
        if folder:
            self.add(Path(folder))

    def _fill_recent(self, menu: QMenu) -> None:
        """List the cases that were changed last."""
        menu.clear()
        for path in _recent_cases(self.case_folder):
            if not self.has(path):
                action = menu.addAction(path.name)
                action.setToolTip(str(path))
                action.triggered.connect(lambda _=False, path=path: self.add(path))
        if menu.isEmpty():
            menu.addAction("There is no other case").setEnabled(False)

    def _remove(self) -> None:
        """Take the selected sources away."""
        for item in self.list.selectedItems():
            self.list.takeItem(self.list.row(item))
        self._fit()
        self.changed.emit()

    def _take_dropped(self, paths: list[Path]) -> None:
        """Add what was dropped."""
        for path in paths:
            self.add(path)

    def _on_checked(self) -> None:
        """Take note of a check mark."""
        self.changed.emit()

    def _items(self) -> Iterable[QListWidgetItem]:
        """Return the entries in order."""
        for row in range(self.list.count()):
            item = self.list.item(row)
            if item is not None:
                yield item

    def _find(self, path: Path) -> QListWidgetItem | None:
        """Return the entry of a source."""
        wanted = str(path)
        return next((i for i in self._items() if i.data(_PATH) == wanted), None)

    def _fit(self) -> None:
        """Make the list as high as its entries, within limits."""
        rows = min(max(self.list.count(), _MIN_ROWS), _MAX_ROWS)
        lines = 2 * self.list.fontMetrics().lineSpacing() + 6
        self.list.setFixedHeight(rows * lines + 2 * self.list.frameWidth())


class _DropList(QListWidget):
    """List on which folders can be dropped."""

    dropped = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.setAccessibleName("Cases and folders to train on")
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for no more width than there is."""
        return QSize(120, super().sizeHint().height())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Accept files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:  # noqa: N802
        """Accept files anywhere on the list."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Tell which files were dropped."""
        urls = event.mimeData().urls()
        self.dropped.emit(
            [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
        )
        event.acceptProposedAction()


def _recent_cases(folder: Path) -> list[Path]:
    """Return the cases of a folder that were changed last."""
    from napari_leukoseg.case import CASE_SUFFIX, is_case

    cases = [path for path in folder.glob(f"*{CASE_SUFFIX}") if is_case(path)]
    cases.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return cases[:_MAX_RECENT]


def _describe(path: Path, sources: Iterable[SourceFacts]) -> str:
    """Tell what a source has, or that it has nothing to learn from."""
    place = path.resolve()
    own = [s for s in sources if s.path == place or place in s.path.parents]
    if not own:
        return "cannot be used, see below"
    n_reviewed = sum(source.n_reviewed for source in own)
    n_cells = n_reviewed + sum(source.n_unreviewed for source in own)
    n_fields = sum(len(source.fields) for source in own)
    fields = f"{n_fields} field{'s' * (n_fields != 1)}"
    return f"{n_reviewed:,} of {n_cells:,} cells reviewed · {fields}"
