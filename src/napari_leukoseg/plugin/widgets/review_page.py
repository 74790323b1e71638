"""Review page: a gallery of cells to judge, with everything that corrects them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QKeySequence, QShowEvent
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QShortcut,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_leukoseg.plugin.cell_text import describe_cell
from napari_leukoseg.plugin.review.arranging import arrange, reviewed_mask
from napari_leukoseg.plugin.review.crops import CropStore
from napari_leukoseg.plugin.widgets.class_bar import ClassBar
from napari_leukoseg.plugin.widgets.class_editor import ClassEditor
from napari_leukoseg.plugin.widgets.crop_choice import CropChoice
from napari_leukoseg.plugin.widgets.differential_panel import DifferentialPanel
from napari_leukoseg.plugin.widgets.filter_bar import FilterBar
from napari_leukoseg.plugin.widgets.fold import fold
from napari_leukoseg.plugin.widgets.gallery import Gallery
from napari_leukoseg.plugin.widgets.gallery_bar import GalleryBar
from napari_leukoseg.plugin.widgets.gallery_menu import CellMenu
from napari_leukoseg.plugin.widgets.message_bar import MessageBar, Tone
from napari_leukoseg.plugin.widgets.page import Panel, fill
from napari_leukoseg.plugin.widgets.picture_box import PictureBox
from napari_leukoseg.plugin.widgets.review_help import HelpPanel
from napari_leukoseg.plugin.widgets.tool_strip import KEYS, ToolStrip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari

    from napari_leukoseg.correct import Edit
    from napari_leukoseg.plugin.session import Session

__all__ = ["ReviewPage", "ReviewWidget"]

_GALLERY_MIN_PX = 240


class ReviewPage(QWidget):
    """What the user sees: progress, classes, filters, gallery, tools, count.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self.desk = session, session.desk
        self.bar = GalleryBar(session.preferences)
        self.crops = CropStore(session.background)
        self.gallery = Gallery(self.crops)
        self.crop_choice = CropChoice(session, self.bar, self.gallery)
        self.filter_bar = FilterBar()
        self.class_bar = ClassBar()
        self.progress = QProgressBar()
        self.next_button = QPushButton("&Next unreviewed")
        self.reviewed_button = QPushButton("&Reviewed")
        self.help_button = QToolButton()
        self.cell_label = QLabel()
        self.tool_strip = ToolStrip(session)
        self.differential_panel = DifferentialPanel(session)
        self.message = MessageBar()
        self._help: HelpPanel | None = None
        self._class_keys: dict[str, int] = {}
        self._class_shortcuts: list[QShortcut] = []
        self._is_stale = True
        self._set_up()
        self._lay_out()
        self._connect()
        self._set_keys()
        self.refresh()

    def assign(self, class_id: int, cell_ids: Sequence[int] | None = None) -> None:
        """Give cells a class; the selected ones, if no others are named.

        Parameters
        ----------
        class_id : int
            Class of the scheme.
        cell_ids : sequence of int, optional
            Cells.
        """
        from napari_leukoseg.correct import AssignClass

        ids = self.desk.selected if cell_ids is None else tuple(cell_ids)
        self._judge(ids, partial(AssignClass, class_id=class_id))

    def mark_reviewed(self, *, reviewed: bool = True) -> None:
        """Say that the selected cells are right, or take that back."""
        from napari_leukoseg.correct import MarkReviewed

        edit = partial(MarkReviewed, reviewed=reviewed)
        self._judge(self.desk.selected, edit, is_advancing=reviewed)

    def delete(self) -> None:
        """Remove the selected cells."""
        from napari_leukoseg.correct import DeleteCells

        self._judge(self.desk.selected, DeleteCells, is_advancing=False)

    def go_on(self) -> None:
        """Select the next cell that waits for review."""
        row = self.gallery.currentIndex().row() if self.desk.selected else -1
        following = self.gallery.cells.next_unreviewed(row, self.desk.selected)
        if following is None:
            self._notice("Every cell that is shown has been reviewed.", Tone.SUCCESS)
            return
        self._select((following,))

    def edit_classes(self) -> None:
        """Let the user change the classes of the case."""
        if self.desk.can_edit:
            ClassEditor(self.desk, self).exec()
        else:
            self._notice(self.desk.refusal)

    def show_help(self) -> None:
        """Show every key, or hide the panel again."""
        if self._help is None:
            self._help = HelpPanel(self)
        if self._help.isVisible():
            self._help.close()
            return
        self._help.show_keys(self.desk.scheme, KEYS)
        self._help.show()

    def refresh(self) -> None:
        """Show the cells as they are now; when the page is looked at next."""
        if not self.isVisible():
            self._is_stale = True
            return
        self._is_stale = False
        desk = self.desk
        table, scheme = desk.table, desk.scheme
        has_case = desk.view is not None
        self.class_bar.show_classes(scheme)
        self.filter_bar.show_classes(scheme, table)
        groups = arrange(table, scheme, self.filter_bar.filters, self.bar.order)
        self.gallery.hint = desk.refusal
        self.gallery.cells.set_cells(groups if has_case else [], table, scheme)
        self.gallery.show_selection(desk.selected, scroll=False)
        self._show_progress(int(reviewed_mask(table).sum()), len(table))
        self.progress.setVisible(has_case)
        self._show_selection_text()
        self._show_state()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Catch up with what happened while the page was hidden."""
        super().showEvent(event)
        if self._is_stale:
            self.refresh()

    def _judge(
        self,
        ids: tuple[int, ...],
        edit: Callable[[tuple[int, ...]], Edit],
        *,
        is_advancing: bool = True,
    ) -> None:
        """Carry out an edit of cells, and go on to the next one if that is wished."""
        if not ids:
            self._notice("Select cells first: click on one, or press Space.")
            return
        self.message.clear()
        cells, following = self.gallery.cells, None
        if is_advancing and self.bar.is_advancing and len(ids) == 1:
            row = cells.row_of(ids[0])
            following = cells.next_unreviewed(-1 if row is None else row, ids)
        if self.desk.apply(edit(ids)) is not None and following is not None:
            self._select((following,))

    def _select(self, ids: Sequence[int]) -> None:
        """Select cells, bring them into view here and in the picture."""
        self.desk.select(ids, center=True)
        self.gallery.show_selection(ids, scroll=True)

    def _on_picked(self) -> None:
        """Take the user's selection; a single cell is gone to."""
        ids = self.gallery.selected_ids
        self.desk.select(ids, center=len(ids) == 1)

    def _on_selection(self) -> None:
        """Show what is selected, wherever that was done."""
        if set(self.gallery.selected_ids) != set(self.desk.selected):
            self.gallery.show_selection(self.desk.selected, scroll=True)
        self._show_selection_text()
        self._show_state()

    def _on_click(self, cell_id: int) -> None:
        """Give the keys to the gallery when a cell of the picture was clicked on."""
        if cell_id and self.isVisible():
            self.gallery.setFocus()

    def _on_dropped(self, ids: list[int], class_id: int) -> None:
        """Give cells the class that they were dragged to."""
        self.assign(class_id, ids)

    def _on_changed(self, ids: tuple[int, ...]) -> None:
        """Show the cells after an edit, or those of another case."""
        self.crop_choice.take_change(ids)
        self.refresh()

    def _on_state(self) -> None:
        """Take note that the case was opened, or may not be edited any more."""
        self.crop_choice.update()
        self.gallery.hint = self.desk.refusal
        self._show_state()

    def _show_progress(self, n_reviewed: int, n_cells: int) -> None:
        """Show how many cells have been judged."""
        # The bar would draw itself at once otherwise, and the canvas with it.
        self.progress.setUpdatesEnabled(False)
        self.progress.setMaximum(max(1, n_cells))
        self.progress.setValue(n_reviewed)
        self.progress.setFormat(f"%v of {n_cells:,} reviewed")
        self.progress.setUpdatesEnabled(True)

    def _show_selection_text(self) -> None:
        """Say what is selected."""
        ids, desk = self.desk.selected, self.desk
        text = f"{len(ids):,} cells selected" if len(ids) > 1 else ""
        if len(ids) == 1:
            text = describe_cell(desk.table, desk.scheme, ids[0])
        n_hidden = sum(self.gallery.cells.row_of(i) is None for i in ids)
        if n_hidden:
            text += f" ({n_hidden:,} hidden by the filters)"
        self.cell_label.setText(text)

    def _show_state(self) -> None:
        """Enable what can be done."""
        can_edit = self.desk.can_edit
        self.class_bar.set_can_edit(can_edit)
        self.reviewed_button.setEnabled(can_edit and bool(self.desk.selected))
        self.next_button.setEnabled(self.desk.view is not None)
        keys = {c.key: c.id for c in self.desk.scheme if c.key}
        if keys != self._class_keys:
            self._set_class_keys(keys)

    def _notice(self, text: str, tone: Tone = Tone.INFO) -> None:
        """Tell the user something."""
        self.message.say(text, tone)

    def _show_error(self, text: str) -> None:
        """Show what went wrong."""
        self.message.say(text, Tone.ERROR)

    def _set_up(self) -> None:
        """Give each part its look."""
        self.gallery.setMinimumHeight(_GALLERY_MIN_PX)
        self.cell_label.setWordWrap(True)
        self.next_button.setToolTip(
            "Go to the next cell that nobody has judged yet (Space)"
        )
        self.reviewed_button.setToolTip("The selected cells are right (Return)")
        self.help_button.setText("?")
        self.help_button.setToolTip("All keys and gestures (F1)")
        self.help_button.setAccessibleName("Help")

    def _lay_out(self) -> None:
        """Stack everything."""
        top = QHBoxLayout()
        top.addWidget(PictureBox(self._session), 1)
        top.addWidget(self.help_button)
        buttons = QHBoxLayout()
        buttons.addWidget(self.next_button, 1)
        buttons.addWidget(self.reviewed_button, 1)
        layout = QVBoxLayout(self)
        layout.setSpacing(5)
        layout.addLayout(top)
        layout.addWidget(self.progress)
        layout.addLayout(buttons)
        layout.addWidget(self.class_bar)
        layout.addWidget(self._section("Filters", self.filter_bar))
        layout.addWidget(self.bar)
        layout.addWidget(self.gallery, 1)
        layout.addWidget(self.cell_label)
        layout.addWidget(self.message)
        layout.addWidget(self._section("Tools", self.tool_strip))
        layout.addWidget(self._section("Differential", self.differential_panel))

    def _section(self, title: str, content: QWidget) -> QWidget:
        """Return a part that folds, open if it was so the last time."""
        preferences = self._session.preferences
        section = fold(title, content, is_open=title in preferences.review_sections)

        def remember(is_open: bool) -> None:
            others = [s for s in preferences.review_sections if s != title]
            preferences.review_sections = [*others, title] if is_open else others
            preferences.save()

        section.toggled.connect(remember)
        return section

    def _connect(self) -> None:
        """Listen to everything that matters."""
        desk, gallery = self.desk, self.gallery
        desk.changed.connect(self._on_changed)
        desk.selection_changed.connect(self._on_selection)
        desk.state_changed.connect(self._on_state)
        desk.failed.connect(self._show_error)
        desk.noticed.connect(self._notice)
        self._session.cell_clicked.connect(self._on_click)
        self.crops.failed.connect(self._show_error)
        self.crop_choice.failed.connect(self._show_error)
        gallery.picked.connect(self._on_picked)
        gallery.dropped.connect(self._on_dropped)
        gallery.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        gallery.customContextMenuRequested.connect(self._show_menu)
        self.class_bar.chosen.connect(self.assign)
        self.class_bar.dropped.connect(self._on_dropped)
        self.class_bar.edit_wanted.connect(self.edit_classes)
        self.filter_bar.changed.connect(self.refresh)
        self.filter_bar.failed.connect(self._show_error)
        self.bar.order_changed.connect(self.refresh)
        self.next_button.clicked.connect(self.go_on)
        self.reviewed_button.clicked.connect(lambda: self.mark_reviewed())
        self.help_button.clicked.connect(self.show_help)

    def _set_keys(self) -> None:
        """Bind keys: plain ones to the gallery, so that others may type them."""
        toggle = self.bar.contour_button.toggle
        for key, action in (
            ("Space", self.go_on),
            ("Return", self.mark_reviewed),
            ("Enter", self.mark_reviewed),
            ("Shift+Return", partial(self.mark_reviewed, reviewed=False)),
            (".", toggle),
            ("+", partial(self.bar.resize_crops, 1)),
            ("=", partial(self.bar.resize_crops, 1)),
            ("-", partial(self.bar.resize_crops, -1)),
            ("?", self.show_help),
        ):
            _bind(key, self.gallery, action)
        _bind("F1", self, self.show_help)
        self.addActions(self.tool_strip.actions())

    def _set_class_keys(self, keys: dict[str, int]) -> None:
        """Bind the keys of the classes."""
        for shortcut in self._class_shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._class_keys = keys
        self._class_shortcuts = [
            _bind(key, self, partial(self.assign, class_id))
            for key, class_id in keys.items()
        ]

    def _show_menu(self, point: QPoint) -> None:
        """Show what can be done with the selection, or with a class."""
        group = self.gallery.places.header_at(point.y() + self.gallery.verticalOffset())
        class_id = None if group is None else self.gallery.cells.groups[group].class_id
        CellMenu(self, class_id).exec(self.gallery.viewport().mapToGlobal(point))


class ReviewWidget(Panel):
    """Review page as a widget of its own."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.page = ReviewPage(self.session)
        fill(self, self.page)


def _bind(key: str, widget: QWidget, action: Callable[[], object]) -> QShortcut:
    """Bind a key while a widget, or a part of it, has the focus."""
    shortcut = QShortcut(QKeySequence(key), widget)
    shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    shortcut.activated.connect(lambda: action())
    return shortcut
