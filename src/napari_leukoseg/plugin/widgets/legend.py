"""Legend of the classes with the differential count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

if TYPE_CHECKING:
    from napari_leukoseg.cells import ClassCount, Differential
    from napari_leukoseg.classes import ClassScheme

__all__ = ["Legend"]

_SWATCH_PX = 12
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class Legend(QWidget):
    """One row a class: color, name, number of cells, share of the white cells."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self._scheme: ClassScheme | None = None
        self._rows: dict[int, tuple[QLabel, QLabel]] = {}
        self._total = QLabel()
        self.hide()

    def show_count(self, count: Differential, scheme: ClassScheme) -> None:
        """Show how many cells there are of each class."""
        if scheme != self._scheme:
            self._build(scheme)
        for entry in count.classes:
            cells, share = self._rows[entry.class_id]
            cells.setText(f"{entry.count:,}")
            share.setText("" if entry.per_100 is None else f"{entry.per_100:.1f} %")
            share.setToolTip(_interval(entry))
        self._total.setText(f"{count.n_cells:,}")
        self.show()

    def texts(self) -> dict[int, str]:
        """Return the number shown for each class."""
        return {class_id: cells.text() for class_id, (cells, _) in self._rows.items()}

    def _build(self, scheme: ClassScheme) -> None:
        """Make the rows of a scheme."""
        self._scheme = scheme
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        self._rows = {}
        for row, cell_class in enumerate(scheme):
            swatch = QPixmap(_SWATCH_PX, _SWATCH_PX)
            swatch.fill(QColor(cell_class.color))
            color, cells, share = QLabel(), QLabel(), QLabel()
            color.setPixmap(swatch)
            self._rows[cell_class.id] = (cells, share)
            self._add_row(row, color, QLabel(cell_class.name), cells, share)
        self._total = QLabel()
        self._add_row(len(scheme), QLabel(), QLabel("all cells"), self._total, QLabel())

    def _add_row(self, row: int, *labels: QLabel) -> None:
        """Place a row; numbers stand right."""
        for column, label in enumerate(labels):
            if column > 1:
                label.setAlignment(_RIGHT)
            self._grid.addWidget(label, row, column)


def _interval(entry: ClassCount) -> str:
    """Return the confidence interval of a share."""
    if entry.per_100_low is None or entry.per_100_high is None:
        return ""
    return (
        f"95 % confidence interval {entry.per_100_low:.1f} to "
        f"{entry.per_100_high:.1f} per 100 white cells"
    )
