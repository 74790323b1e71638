"""Gallery of cells as it is laid out and drawn: crops under a header a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    Signal,
)
from qtpy.QtGui import (
    QColor,
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QPalette,
    QRegion,
    QResizeEvent,
)
from qtpy.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyleOptionViewItem,
    QWidget,
)

from napari_leukoseg.plugin.review.crops import CropStore
from napari_leukoseg.plugin.review.gallery_layout import Box, GalleryLayout, Move
from napari_leukoseg.plugin.widgets.gallery_delegate import GAP_PX, GalleryDelegate
from napari_leukoseg.plugin.widgets.gallery_model import GalleryModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_leukoseg.plugin.review.arranging import Group

__all__ = ["GalleryView"]

_HEADER_PX = 26
_SWATCH_PX = 12
_MOVES = {
    QAbstractItemView.CursorAction.MoveLeft: Move.LEFT,
    QAbstractItemView.CursorAction.MovePrevious: Move.LEFT,
    QAbstractItemView.CursorAction.MoveRight: Move.RIGHT,
    QAbstractItemView.CursorAction.MoveNext: Move.RIGHT,
    QAbstractItemView.CursorAction.MoveUp: Move.UP,
    QAbstractItemView.CursorAction.MoveDown: Move.DOWN,
    QAbstractItemView.CursorAction.MovePageUp: Move.PAGE_UP,
    QAbstractItemView.CursorAction.MovePageDown: Move.PAGE_DOWN,
    QAbstractItemView.CursorAction.MoveHome: Move.FIRST,
    QAbstractItemView.CursorAction.MoveEnd: Move.LAST,
}

_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)
_BAND_ALPHA, _DROP_ALPHA = 60, 120

_Flag = QItemSelectionModel.SelectionFlag


class GalleryView(QAbstractItemView):
    """Crops under a header for each class; only what is in view is drawn or cut.

    Parameters
    ----------
    crops : CropStore
        Pictures of cells.
    parent : QWidget, optional
        Owner.

    Attributes
    ----------
    cells : GalleryModel
        Cells that are shown.
    places : GalleryLayout
        Where they are.
    folded : set of int
        Classes of which only the header is shown.
    band : QRect or None
        Frame that is being drawn, in the coordinates of the content.
    drop_class : int or None
        Class that would take what is being dragged.
    hint : str
        What is said while there is no class to show.
    folds_changed : Signal
        A class was folded or opened.
    """

    folds_changed = Signal()

    def __init__(self, crops: CropStore, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cells = GalleryModel(self)
        self.crops = crops
        self.folded: set[int] = set()
        self._delegate = GalleryDelegate(crops.get, self)
        self.places = self._laid_out()
        self.band: QRect | None = None
        self.drop_class: int | None = None
        self.hint = ""
        self.setModel(self.cells)
        self.setItemDelegate(self._delegate)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setAccessibleName("Cells by class")
        self.cells.modelReset.connect(self._on_reset)
        crops.cut.connect(self._on_cut)

    @property
    def side_px(self) -> int:
        """Side of a crop on the screen."""
        return self._delegate.side_px

    def set_side(self, side_px: int) -> None:
        """Show crops of another size."""
        self._delegate.side_px = side_px
        self._on_reset()

    @property
    def selected_ids(self) -> list[int]:
        """Selected cells in the order in which they are shown."""
        spans: Any = self.selectionModel().selection()  # a list, which stubs hide
        rows = sorted(
            row for span in spans for row in range(span.top(), span.bottom() + 1)
        )
        return [int(i) for i in self.cells.cell_ids[rows]]

    def show_selection(self, cell_ids: Iterable[int], *, scroll: bool) -> None:
        """Select cells without telling anyone.

        Parameters
        ----------
        cell_ids : iterable of int
            Cells; those that are not shown are passed over.
        scroll : bool
            Whether the first of them is brought into view.
        """
        rows = [r for r in map(self.cells.row_of, cell_ids) if r is not None]
        model = self.selectionModel()
        model.select(self._spans(rows), _Flag.ClearAndSelect)
        if rows:
            index = self.cells.index(rows[0])
            model.setCurrentIndex(index, _Flag.NoUpdate)
            if scroll:
                self._unfold(rows[0])
                self.scrollTo(index)

    def fold(self, class_id: int, *, is_folded: bool) -> None:
        """Show only the header of a class, or its cells again."""
        (self.folded.add if is_folded else self.folded.discard)(class_id)
        self._on_reset()
        self.folds_changed.emit()

    def header_at(self, point: QPoint) -> int | None:
        """Return the group whose header is at a point of the viewport."""
        numbers = range(len(self.cells.groups))
        return next((n for n in numbers if self._header_rect(n).contains(point)), None)

    def horizontalOffset(self) -> int:  # noqa: N802
        """Return 0; the gallery never scrolls sideways."""
        return 0

    def verticalOffset(self) -> int:  # noqa: N802
        """Return how far the content is scrolled."""
        return self.verticalScrollBar().value()

    def indexAt(self, point: QPoint) -> QModelIndex:  # noqa: N802
        """Return the cell at a point of the viewport."""
        if self.header_at(point) is not None:
            return QModelIndex()
        row = self.places.item_at(point.x(), point.y() + self.verticalOffset())
        return QModelIndex() if row is None else self.cells.index(row)

    def visualRect(self, index: QModelIndex | QPersistentModelIndex) -> QRect:  # noqa: N802
        """Return where a cell is in the viewport."""
        if not index.isValid() or index.row() >= self.places.n_items:
            return QRect()
        return QRect(*self.places.box(index.row())).translated(
            0, -self.verticalOffset()
        )

    def isIndexHidden(self, index: QModelIndex | QPersistentModelIndex) -> bool:  # noqa: N802
        """Return whether the class of a cell is folded."""
        return self.places.box(index.row()).height == 0

    def scrollTo(  # noqa: N802
        self,
        index: QModelIndex | QPersistentModelIndex,
        hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible,
    ) -> None:
        """Bring a cell into view, by the shortest way unless asked otherwise."""
        rect, view = self.visualRect(index), self.viewport().rect()
        bar = self.verticalScrollBar()
        if hint == QAbstractItemView.ScrollHint.PositionAtCenter:
            bar.setValue(bar.value() + rect.center().y() - view.center().y())
        elif rect.top() < view.top() + _HEADER_PX:  # which a header covers
            bar.setValue(bar.value() + rect.top() - _HEADER_PX)
        elif rect.bottom() > view.bottom():
            bar.setValue(bar.value() + rect.bottom() - view.bottom() + GAP_PX)

    def moveCursor(  # noqa: N802
        self,
        action: QAbstractItemView.CursorAction,
        modifiers: Qt.KeyboardModifier,  # noqa: ARG002
    ) -> QModelIndex:
        """Return where a key takes the cursor."""
        current = self.currentIndex()
        if not current.isValid():
            return self.cells.index(0)
        page = self.viewport().height()
        return self.cells.index(self.places.moved(current.row(), _MOVES[action], page))

    def setSelection(  # noqa: N802
        self, rect: QRect, command: QItemSelectionModel.SelectionFlag
    ) -> None:
        """Select what a rectangle of the viewport touches."""
        spans = self.spans_in(rect.normalized().translated(0, self.verticalOffset()))
        self.selectionModel().select(spans, command)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:  # noqa: N802
        """Return what has to be drawn again where a selection changes."""
        del selection  # cheaper to draw all that is in view than to find out
        return QRegion(self.viewport().rect())

    def updateGeometries(self) -> None:  # noqa: N802
        """Lay out for the present width."""
        self.places = self._laid_out()
        bar, page = self.verticalScrollBar(), self.viewport().height()
        bar.setRange(0, max(0, self.places.height - page))
        bar.setPageStep(page)
        bar.setSingleStep(max(1, self.side_px // 3))
        super().updateGeometries()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw what is in view, and have its crops cut."""
        del event
        painter = QPainter(self.viewport())
        shown = self._in_view()
        for row in shown:
            index = self.cells.index(row)
            self._delegate.paint(painter, self._option(index), index)
        for group in range(len(self.cells.groups)):
            self._paint_header(painter, group)
        if self.band is not None:
            painter.setPen(self._highlight(255))
            painter.setBrush(self._highlight(_BAND_ALPHA))
            painter.drawRect(self.band.translated(0, -self.verticalOffset()))
        if not self.cells.groups:
            self._paint_hint(painter)
        painter.end()
        ids = self.cells.cell_ids
        self.crops.want({int(ids[row]): self.cells.region(row) for row in shown})

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Lay out again; the cell at the top stays in view."""
        top = self.indexAt(QPoint(1, 1))
        super().resizeEvent(event)
        self.updateGeometries()
        if top.isValid() and self.visualRect(top).bottom() < 0:
            self.scrollTo(top)

    def _laid_out(self) -> GalleryLayout:
        """Return the layout for the present width, groups and folds."""
        groups = self.cells.groups
        folded = {i for i, group in enumerate(groups) if group.class_id in self.folded}
        size = self._delegate.sizeHint(QStyleOptionViewItem(), QModelIndex())
        return GalleryLayout(
            [len(group.cell_ids) for group in groups],
            self.viewport().width(),
            (size.width(), size.height()),
            _HEADER_PX,
            frozenset(folded),
        )

    def _on_reset(self) -> None:
        """Lay out anew and draw everything."""
        self.updateGeometries()
        self.viewport().update()

    def _on_cut(self, cell_ids: tuple[int, ...]) -> None:
        """Draw crops that have come."""
        for row in map(self.cells.row_of, cell_ids):
            if row is not None:
                self.viewport().update(self.visualRect(self.cells.index(row)))

    def _in_view(self) -> list[int]:
        """Return the rows that can be seen."""
        view = self.viewport().rect()
        box = Box(0, self.verticalOffset(), view.width(), view.height())
        return [row for rows in self.places.items_in(box) for row in rows]

    def _option(self, index: QModelIndex) -> QStyleOptionViewItem:
        """Return how a cell is to be drawn."""
        option = QStyleOptionViewItem()
        option.rect = self.visualRect(index)
        if self.selectionModel().isSelected(index):
            option.state |= QStyle.StateFlag.State_Selected
        if self.hasFocus() and index == self.currentIndex():
            option.state |= QStyle.StateFlag.State_HasFocus
        return option

    def _paint_header(self, painter: QPainter, number: int) -> None:
        """Draw the header of a class: arrow, color, name, number of cells."""
        group, scheme = self.cells.groups[number], self.cells.scheme
        place = self._header_rect(number)
        if scheme is None or not place.intersects(self.viewport().rect()):
            return
        palette = self.palette()
        painter.fillRect(place, palette.color(QPalette.ColorRole.Base))
        if self.drop_class == group.class_id:
            painter.fillRect(place, self._highlight(_DROP_ALPHA))
        painter.setPen(palette.color(QPalette.ColorRole.WindowText))
        row = place.adjusted(4, 0, -6, 0)
        arrow = "▸" if group.class_id in self.folded else "▾"
        painter.drawText(row, _MIDDLE, arrow)
        top = place.top() + (place.height() - _SWATCH_PX) // 2
        square = QRect(row.left() + 16, top, _SWATCH_PX, _SWATCH_PX)
        painter.fillRect(square, QColor(scheme[group.class_id].color))
        count = _count(group)
        painter.drawText(row, _MIDDLE | int(Qt.AlignmentFlag.AlignRight), count)
        metrics = QFontMetrics(painter.font())
        name = row.adjusted(34, 0, -metrics.horizontalAdvance(count) - 8, 0)
        text = metrics.elidedText(
            scheme[group.class_id].name, Qt.TextElideMode.ElideRight, name.width()
        )
        painter.drawText(name, _MIDDLE, text)

    def _header_rect(self, number: int) -> QRect:
        """Return where a header is in the viewport; it stays while its cells do."""
        place = QRect(*self.places.header_box(number))
        place.translate(0, -self.verticalOffset())
        last = self.places.bottom(number) - self.verticalOffset() - place.height()
        place.moveTop(max(place.top(), min(0, last)))
        return place

    def _highlight(self, alpha: int) -> QColor:
        """Return the color of selections, transparent."""
        color = QColor(self.palette().color(QPalette.ColorRole.Highlight))
        color.setAlpha(alpha)
        return color

    def _paint_hint(self, painter: QPainter) -> None:
        """Say why there is nothing."""
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        place = self.viewport().rect().adjusted(12, 12, -12, -12)
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(place, int(flags), self.hint)

    def _unfold(self, row: int) -> None:
        """Open the class of a cell."""
        class_id = self.cells.groups[self.places.group_of(row)].class_id
        if class_id in self.folded:
            self.fold(class_id, is_folded=False)

    def spans_in(self, content: QRect) -> QItemSelection:
        """Return what a rectangle of the content touches."""
        box = Box(content.x(), content.y(), content.width(), content.height())
        spans = QItemSelection()
        for rows in self.places.items_in(box):
            spans.select(self.cells.index(rows.start), self.cells.index(rows.stop - 1))
        return spans

    def _spans(self, rows: list[int]) -> QItemSelection:
        """Return rows as spans of neighbors."""
        spans = QItemSelection()
        start = None
        rows = sorted(rows)
        for place, row in enumerate(rows):
            start = row if start is None else start
            if place + 1 == len(rows) or rows[place + 1] != row + 1:
                spans.select(self.cells.index(start), self.cells.index(row))
                start = None
        return spans


def _count(group: Group) -> str:
    """Return how many cells of a class are shown."""
    shown = len(group.cell_ids)
    return f"{shown:,}" if shown == group.n_all else f"{shown:,} of {group.n_all:,}"
