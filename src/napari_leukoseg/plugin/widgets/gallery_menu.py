"""Menu of the gallery: what can be done with the selected cells, or with a class."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtGui import QAction
from qtpy.QtWidgets import QMenu

from napari_leukoseg.plugin.widgets.class_bar import swatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_leukoseg.plugin.widgets.review_page import ReviewPage

__all__ = ["CellMenu"]


class CellMenu(QMenu):
    """Actions with the selection; over a header, those with its class come first.

    Parameters
    ----------
    page : ReviewPage
        Carries them out.
    class_id : int or None
        Class whose header was clicked on, none for a cell.
    """

    def __init__(self, page: ReviewPage, class_id: int | None) -> None:
        super().__init__(page)
        self._page = page
        if class_id is not None:
            self._add_class(class_id)
        self._add_selection()
        self.aboutToHide.connect(self.deleteLater)

    def _add_class(self, class_id: int) -> None:
        """Add what can be done with a class."""
        gallery, desk = self._page.gallery, self._page.desk
        group = next(g for g in gallery.cells.groups if g.class_id == class_id)
        ids = group.cell_ids.tolist()
        is_folded = class_id in gallery.folded
        self._add(f"Select all {len(ids):,}", partial(desk.select, ids), bool(ids))
        turn = partial(gallery.fold, class_id, is_folded=not is_folded)
        self._add("Open" if is_folded else "Fold", turn, True)
        self.addSeparator()

    def _add_selection(self) -> None:
        """Add what can be done with the selected cells."""
        page, desk = self._page, self._page.desk
        can_edit = desk.can_edit and bool(desk.selected)
        classes = self.addMenu("Class")
        classes.setEnabled(can_edit)
        for entry in desk.scheme:
            action = classes.addAction(
                swatch(entry.color), f"{entry.name}\t{entry.key}"
            )
            _connect(action, partial(page.assign, entry.id))
        self._add("Reviewed\tReturn", page.mark_reviewed, can_edit)
        unmark = partial(page.mark_reviewed, reviewed=False)
        self._add("Not reviewed\tShift+Return", unmark, can_edit)
        self._add("Delete\tDel", page.delete, can_edit)
        self.addSeparator()
        show = partial(desk.select, desk.selected, center=True)
        self._add("Show in the picture", show, bool(desk.selected))

    def _add(self, text: str, do: Callable[[], object], is_possible: bool) -> None:
        """Add an entry."""
        action = self.addAction(text)
        action.setEnabled(is_possible)
        _connect(action, do)


def _connect(action: QAction, do: Callable[[], object]) -> None:
    """Call a function, without what Qt adds, when an entry is chosen."""
    action.triggered.connect(lambda: do())
