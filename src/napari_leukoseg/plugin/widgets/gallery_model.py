"""Cells of the gallery as a list, group after group."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from qtpy.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

from napari_leukoseg.plugin.cell_text import describe_cell
from napari_leukoseg.plugin.review.arranging import Group, reviewed_mask
from napari_leukoseg.plugin.review.crops import crop_region

if TYPE_CHECKING:
    import pandas as pd

    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.geometry import Region

    _Index = QModelIndex | QPersistentModelIndex

__all__ = ["CELLS_MIME", "GalleryCell", "GalleryModel", "dragged_cells"]

CELLS_MIME = "application/x-leukoseg-cells"
"""Kind of what is dragged: ids of cells as a JSON list."""

_BOX = ("box_row_px", "box_column_px", "box_row_stop_px", "box_column_stop_px")

_MARGIN = 1.25
"""Side of a crop over that of the cells."""

_COMMON_SHARE = 0.9
"""Share of the cells that are shown at the same scale; larger ones are reduced."""


class GalleryCell(NamedTuple):
    """What is shown of one cell.

    Parameters
    ----------
    cell_id, class_id : int
        Cell and its class.
    confidence : float
        Of the model, NaN where it is unknown.
    is_reviewed : bool
        Whether a person has confirmed it.
    """

    cell_id: int
    class_id: int
    confidence: float
    is_reviewed: bool


class GalleryModel(QAbstractListModel):
    """One row a cell; the rows of a group follow each other.

    Parameters
    ----------
    parent : QObject
        Owner.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.groups: list[Group] = []
        self.scheme: ClassScheme | None = None
        self.cell_ids = np.zeros(0, np.int64)
        self._rows: dict[int, int] = {}
        self._places = np.zeros(0, np.int64)
        self._table: pd.DataFrame | None = None
        self._confidence = np.zeros(0)
        self._reviewed = np.zeros(0, bool)
        self._classes = np.zeros(0, np.int64)
        self._boxes = np.zeros((0, 4))
        self._side = 1.0

    def set_cells(
        self, groups: Sequence[Group], table: pd.DataFrame, scheme: ClassScheme
    ) -> None:
        """Show other cells, or the same ones in another order.

        Parameters
        ----------
        groups : sequence of Group
            Shown cells.
        table : DataFrame
            Cell table, sorted by id, with all of them.
        scheme : ClassScheme
            Names and colors.
        """
        self.beginResetModel()
        self.groups, self.scheme, self._table = list(groups), scheme, table
        ids = [group.cell_ids for group in groups]
        self.cell_ids = np.concatenate(ids) if ids else np.zeros(0, np.int64)
        self._rows = {i: row for row, i in enumerate(self.cell_ids.tolist())}
        self._places = np.searchsorted(table["cell_id"], self.cell_ids)
        self._reviewed = reviewed_mask(table)
        self._classes = table["class_id"].to_numpy(np.int64)
        self._confidence = _column(table, "confidence")
        self._boxes = np.stack([_column(table, name) for name in _BOX], axis=1)
        self._side = _common_side(self._boxes)
        self.endResetModel()

    def rowCount(self, parent: _Index | None = None) -> int:  # noqa: N802
        """Return the number of cells."""
        return 0 if parent is not None and parent.isValid() else len(self.cell_ids)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what is said of a cell; the delegate asks `cell` instead."""
        if not index.isValid() or self.scheme is None or self._table is None:
            return None
        cell_id = int(self.cell_ids[index.row()])
        if role == Qt.ItemDataRole.ToolTipRole:
            cell = self.cell(index.row())
            state = "reviewed" if cell.is_reviewed else "not reviewed"
            return f"{describe_cell(self._table, self.scheme, cell_id)}, {state}"
        if role in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.AccessibleTextRole,
        ):
            return describe_cell(self._table, self.scheme, cell_id)
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Return that cells can be selected and dragged."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return (
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemIsDragEnabled
        )

    def mimeTypes(self) -> list[str]:  # noqa: N802
        """Return what can be dragged."""
        return [CELLS_MIME]

    def mimeData(self, indexes: Iterable[QModelIndex]) -> QMimeData:  # noqa: N802
        """Return the ids of dragged cells."""
        rows = sorted(index.row() for index in indexes)
        data = QMimeData()
        data.setData(CELLS_MIME, json.dumps(self.cell_ids[rows].tolist()).encode())
        return data

    def cell(self, row: int) -> GalleryCell:
        """Return what is shown of a row."""
        place = self._places[row]
        return GalleryCell(
            int(self.cell_ids[row]),
            int(self._classes[place]),
            float(self._confidence[place]),
            bool(self._reviewed[place]),
        )

    def region(self, row: int) -> Region:
        """Return the square of the slide that a row shows."""
        box = self._boxes[self._places[row]]
        side = max(self._side, _MARGIN * max(box[2] - box[0], box[3] - box[1]))
        return crop_region(box.tolist(), side)

    def row_of(self, cell_id: int) -> int | None:
        """Return the row of a cell, none where it is not shown."""
        return self._rows.get(cell_id)

    def next_unreviewed(self, row: int, leaving: Iterable[int] = ()) -> int | None:
        """Return the next cell after a row that waits for review, from the start on.

        Parameters
        ----------
        row : int
            Row to begin after; -1 for the first.
        leaving : iterable of int, optional
            Cells that are passed over.

        Returns
        -------
        cell_id : int or None
            None where every cell that is shown has been reviewed.
        """
        waiting = ~self._reviewed[self._places]
        for cell_id in leaving:
            if cell_id in self._rows:
                waiting[self._rows[cell_id]] = False
        rows = np.flatnonzero(waiting)
        if not len(rows):
            return None
        later = rows[rows > row]
        return int(self.cell_ids[later[0] if len(later) else rows[0]])


def dragged_cells(data: QMimeData) -> list[int]:
    """Return the ids of cells that are being dragged; none if it is something else."""
    if not data.hasFormat(CELLS_MIME):
        return []
    return [int(i) for i in json.loads(bytes(data.data(CELLS_MIME).data()))]


def _column(table: pd.DataFrame, name: str) -> Any:
    """Return a column as numbers, NaN where they are missing."""
    if name not in table:
        return np.full(len(table), np.nan)
    return table[name].to_numpy(np.float64, na_value=np.nan)


def _common_side(boxes: Any) -> float:
    """Return the side of crops that suits most cells."""
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) if len(boxes) else np.ones(1)
    return _MARGIN * float(np.quantile(sides, _COMMON_SHARE))
