"""Gallery that is used by mouse and keys: select, frame, drag to a class."""

from __future__ import annotations

from qtpy.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    Qt,
    Signal,
)
from qtpy.QtGui import (
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPixmap,
)
from qtpy.QtWidgets import QApplication, QWidget

from napari_leukoseg.plugin.review.crops import CropStore
from napari_leukoseg.plugin.review.gallery_layout import Move
from napari_leukoseg.plugin.widgets.gallery_model import dragged_cells
from napari_leukoseg.plugin.widgets.gallery_view import GalleryView

__all__ = ["Gallery"]

_EDGE_PX = 24
"""Distance from the edge within which dragging scrolls."""

_DRAGGED_PX = 48

_MOVES = {
    Qt.Key.Key_Left: Move.LEFT,
    Qt.Key.Key_Right: Move.RIGHT,
    Qt.Key.Key_Up: Move.UP,
    Qt.Key.Key_Down: Move.DOWN,
    Qt.Key.Key_PageUp: Move.PAGE_UP,
    Qt.Key.Key_PageDown: Move.PAGE_DOWN,
    Qt.Key.Key_Home: Move.FIRST,
    Qt.Key.Key_End: Move.LAST,
}

_Flag = QItemSelectionModel.SelectionFlag
_CONTROL = Qt.KeyboardModifier.ControlModifier
_SHIFT = Qt.KeyboardModifier.ShiftModifier


class Gallery(GalleryView):
    """Crops by class, to select and to drag.

    A press on a cell that is not selected begins a frame (rubber band), one on a
    selected cell drags the selection to another class.

    Parameters
    ----------
    crops : CropStore
        Pictures of cells.
    parent : QWidget, optional
        Owner.

    Attributes
    ----------
    picked : Signal
        The user has chosen cells, by mouse or keys.
    dropped : Signal of (list of int, int)
        Cells were dragged to a class.
    """

    picked = Signal()
    dropped = Signal(object, int)

    def __init__(self, crops: CropStore, parent: QWidget | None = None) -> None:
        super().__init__(crops, parent)
        self._press: QPoint | None = None  # of the content
        self._band_base = QItemSelection()
        self._may_drag = False
        self._anchor: int | None = None  # row at which a range begins
        self.setAcceptDrops(True)
        self.cells.modelReset.connect(self._forget_anchor)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Select, or begin a frame or a drag."""
        point = event.position().toPoint()
        content = point + QPoint(0, self.verticalOffset())
        index, keys = self.indexAt(point), event.modifiers()
        is_selected = index.isValid() and self.selectionModel().isSelected(index)
        if event.button() != Qt.MouseButton.LeftButton:
            if index.isValid() and not is_selected:
                self._choose(index, _Flag.ClearAndSelect)
            return
        header = self.header_at(point)
        if header is not None:
            class_id = self.cells.groups[header].class_id
            self.fold(class_id, is_folded=class_id not in self.folded)
            return
        self._press = content
        is_plain = not keys & (_CONTROL | _SHIFT)
        self._may_drag = is_plain and is_selected
        if not self._may_drag:
            self._press_on(index, keys)
        base = QItemSelection() if is_plain else self.selectionModel().selection()
        self._band_base = QItemSelection(base)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag the selection, or draw the rubber band."""
        if self._press is None:
            return
        point = event.position().toPoint()
        content = point + QPoint(0, self.verticalOffset())
        way = (content - self._press).manhattanLength()
        if self.band is None and way < QApplication.startDragDistance():
            return
        if self._may_drag:
            self._press = None
            self._drag()
            return
        self._scroll_at_edge(point)
        self.band = QRect(self._press, content).normalized()
        chosen = QItemSelection(self._band_base)
        chosen.merge(self.spans_in(self.band), _Flag.Select)
        self.selectionModel().select(chosen, _Flag.ClearAndSelect)
        self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """End what the press began."""
        if self._press is None:
            return
        was_band, self.band, self._press = self.band is not None, None, None
        if self._may_drag:  # it was no drag, but a click into the selection
            index = self.indexAt(event.position().toPoint())
            if index.isValid():
                self._choose(index, _Flag.ClearAndSelect)
        elif was_band:
            self.picked.emit()
        self._may_drag = False
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take the second click as another press."""
        self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Move by keys, and tell what is selected then."""
        move = _MOVES.get(Qt.Key(event.key()))
        if move is not None and event.modifiers() & _SHIFT:
            self._extend(move)
            return
        before = self.selected_ids
        super().keyPressEvent(event)
        if self.selected_ids != before:
            self._anchor = None
            self.picked.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Take cells only."""
        if dragged_cells(event.mimeData()):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:  # noqa: N802
        """Show the class that would take the cells."""
        point = event.position().toPoint()
        self._scroll_at_edge(point)
        group = self.places.group_at(point.y() + self.verticalOffset())
        found = None if group is None else self.cells.groups[group].class_id
        if found != self.drop_class:
            self.drop_class = found
            self.viewport().update()
        if found is None:
            event.ignore()
        else:
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802
        """Show no class any more."""
        del event
        self.drop_class = None
        self.viewport().update()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Tell which cells go to which class."""
        class_id, self.drop_class = self.drop_class, None
        self.viewport().update()
        if class_id is not None:
            event.acceptProposedAction()
            self.dropped.emit(dragged_cells(event.mimeData()), class_id)

    def _press_on(self, index: QModelIndex, keys: Qt.KeyboardModifier) -> None:
        """Select what was pressed on, as the modifier keys say."""
        selection = self.selectionModel()
        if not index.isValid():
            if not keys & (_CONTROL | _SHIFT) and selection.hasSelection():
                selection.clearSelection()
                self.picked.emit()
        elif keys & _SHIFT:
            self._reach(index.row(), is_more=bool(keys & _CONTROL))
        else:
            self._choose(
                index, _Flag.Toggle if keys & _CONTROL else _Flag.ClearAndSelect
            )

    def _extend(self, move: Move) -> None:
        """Move the end of a range of selected cells."""
        row, page = max(self.currentIndex().row(), 0), self.viewport().height()
        self._reach(self.places.moved(row, move, page), is_more=False)

    def _reach(self, row: int, *, is_more: bool) -> None:
        """Select from where the last choice began to a cell, in reading order."""
        if not self.cells.rowCount():
            return
        if self._anchor is None:
            self._anchor = max(self.currentIndex().row(), 0)
        low, high = sorted((self._anchor, row))
        selection = self.selectionModel()
        spans = QItemSelection(self.cells.index(low), self.cells.index(high))
        selection.select(spans, _Flag.Select if is_more else _Flag.ClearAndSelect)
        selection.setCurrentIndex(self.cells.index(row), _Flag.NoUpdate)
        self.picked.emit()

    def _choose(
        self, index: QModelIndex, flag: QItemSelectionModel.SelectionFlag
    ) -> None:
        """Select a cell and make it the one that keys begin at."""
        self._anchor = None
        self.selectionModel().setCurrentIndex(index, flag)
        self.viewport().update()
        self.picked.emit()

    def _drag(self) -> None:
        """Let the user drag the selection somewhere."""
        indexes = self.selectionModel().selectedIndexes()
        drag = QDrag(self)
        drag.setMimeData(self.cells.mimeData(indexes))
        image = self.crops.get(self.selected_ids[0])
        if image is not None:
            drag.setPixmap(QPixmap.fromImage(image.scaledToWidth(_DRAGGED_PX)))
        drag.exec(Qt.DropAction.MoveAction)

    def _forget_anchor(self) -> None:
        """Begin ranges at the current cell, since rows are others now."""
        self._anchor = None

    def _scroll_at_edge(self, point: QPoint) -> None:
        """Scroll while something is dragged near the upper or lower edge."""
        bar, height = self.verticalScrollBar(), self.viewport().height()
        if point.y() < _EDGE_PX:
            bar.setValue(bar.value() - bar.singleStep())
        elif point.y() > height - _EDGE_PX:
            bar.setValue(bar.value() + bar.singleStep())
