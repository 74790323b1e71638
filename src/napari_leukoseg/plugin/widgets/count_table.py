"""Table of the differential count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QGuiApplication, QIcon, QKeySequence, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QShortcut,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
)

from napari_leukoseg.classes import Counting

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent

    from napari_leukoseg.cells import ClassCount, Differential
    from napari_leukoseg.classes import ClassScheme

__all__ = ["CountTable"]

_HEADERS = ("Class", "Cells", "%", "95 %", "10⁹/L")
_HINTS = (
    "",
    "Cells counted",
    "Share of the white cells; of others, how many there are per 100 white cells",
    "Exact 95 % interval of the share (Clopper and Pearson)",
    "Share of the total of white cells",
)
_SHARE, _INTERVAL, _ABSOLUTE = 2, 3, 4
"""Of the columns; the last is there only where a total is given."""

_SWATCH_PX = 12
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class CountTable(QTableWidget):
    """One row a class with count, share and interval, and the sum; never scrolls."""

    def __init__(self) -> None:
        super().__init__(0, len(_HEADERS))
        self._rows: list[list[str]] = []
        for column, (title, hint) in enumerate(zip(_HEADERS, _HINTS, strict=True)):
            head = QTableWidgetItem(title)
            head.setToolTip(hint)
            self.setHorizontalHeaderItem(column, head)
        self.verticalHeader().hide()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Differential count")
        header = self.horizontalHeader()
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        copy = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self)
        copy.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy.activated.connect(self.copy)

    def show_count(self, counts: Differential, scheme: ClassScheme) -> None:
        """Show a count; classes beside the differential only where they have cells."""
        entries = [
            c for c in counts.classes if c.counting is Counting.DIFFERENTIAL or c.count
        ]
        entries.sort(key=lambda c: c.counting is not Counting.DIFFERENTIAL)
        total = counts.settings.total_wbc
        last = "" if total is None else f"{total:.2f}"
        self._rows = [
            *map(_texts, entries),
            ["White cells", str(counts.total), "", "", last],
        ]
        self.setRowCount(len(self._rows))
        items = [self._fill(row, texts) for row, texts in enumerate(self._rows)]
        for entry, row in zip(entries, items, strict=False):
            row[0].setIcon(_swatch(scheme[entry.class_id].color))
            row[0].setToolTip(_hint(entry))
            row[_SHARE].setToolTip(_interval(entry))
            row[_ABSOLUTE].setToolTip(_absolute_interval(entry))
        self.setColumnHidden(_ABSOLUTE, total is None)
        self._fit()
        self._fold()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Show as many columns as there is room for."""
        super().resizeEvent(event)
        self._fold()

    def rows(self) -> list[list[str]]:
        """Return the headers and the rows, with intervals in any case."""
        stop = _ABSOLUTE if self.isColumnHidden(_ABSOLUTE) else len(_HEADERS)
        return [row[:stop] for row in ([*_HEADERS], *self._rows)]

    def copy(self) -> None:
        """Put the table into the clipboard, as spreadsheets take it."""
        text = "\n".join("\t".join(row) for row in self.rows())
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(text)

    def _fill(self, row: int, texts: list[str]) -> list[QTableWidgetItem]:
        """Write a row, whose numbers stand right, and return its items."""
        items = [QTableWidgetItem(text) for text in texts]
        for column, item in enumerate(items):
            if column:
                item.setTextAlignment(_RIGHT)
            self.setItem(row, column, item)
        return items

    def _fold(self) -> None:
        """Leave the intervals to the tooltips where names would be cut."""
        is_shown = [c for c in range(len(_HEADERS)) if not self.isColumnHidden(c)]
        wanted = sum(
            max(self.sizeHintForColumn(c), self.horizontalHeader().sectionSizeHint(c))
            for c in {*is_shown, _INTERVAL}
        )
        self.setColumnHidden(_INTERVAL, wanted > self.viewport().width())

    def _fit(self) -> None:
        """Make the table as high as its rows."""
        self.resizeRowsToContents()
        rows = sum(self.rowHeight(row) for row in range(self.rowCount()))
        frame = 2 * self.frameWidth()
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + rows + frame)


def _texts(entry: ClassCount) -> list[str]:
    """Return what a row says of a class."""
    interval = share = absolute = ""
    if entry.per_100 is not None:
        share = f"{entry.per_100:.1f}"
        interval = f"{entry.per_100_low:.1f}–{entry.per_100_high:.1f}"
    if entry.absolute is not None:
        absolute = f"{entry.absolute:.2f}"
    return [entry.name, str(entry.count), share, interval, absolute]


def _hint(entry: ClassCount) -> str:
    """Tell what the numbers of a class mean."""
    if entry.counting is Counting.DIFFERENTIAL:
        return f"{entry.name}: counts among the white cells"
    if entry.counting is Counting.PER_100_WHITE_CELLS:
        return f"{entry.name}: given per 100 white cells"
    return f"{entry.name}: not counted among the white cells"


def _interval(entry: ClassCount) -> str:
    """Return the interval of a share."""
    if entry.per_100_low is None or entry.per_100_high is None:
        return ""
    return f"95 % interval {entry.per_100_low:.1f} to {entry.per_100_high:.1f}"


def _absolute_interval(entry: ClassCount) -> str:
    """Return the interval of an absolute count."""
    if entry.absolute_low is None or entry.absolute_high is None:
        return ""
    return (
        f"95 % interval {entry.absolute_low:.2f} to {entry.absolute_high:.2f} × 10⁹/L"
    )


def _swatch(color: str) -> QIcon:
    """Return a square in the color of a class."""
    pixmap = QPixmap(_SWATCH_PX, _SWATCH_PX)
    pixmap.fill(QColor(color))
    return QIcon(pixmap)
