"""A case as arrays for the viewer: read in a thread, shown without waiting."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case import CLASS_COLUMN, LABEL_NAMES
from napari_leukoseg.cells import Differential, differential
from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.label_blocks import BlockKey, LabelBlocks
from napari_leukoseg.plugin.roles import CLASSES, ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd
    from numpy.typing import DTypeLike, NDArray

    from napari_leukoseg.case import Case, Touched
    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.plugin.roles import Seen

__all__ = ["CaseLevel", "CaseView", "Snapshot"]

_logger = logging.getLogger(__name__)

PLAIN_PX = 4096 * 4096
"""Up to this size labels are whole arrays in memory, which napari can paint on."""

_BLOCK_PX = 512
_CACHE_BYTES = 192 << 20


@dataclass(frozen=True, eq=False)
class Snapshot:
    """State of a case at one moment.

    Parameters
    ----------
    revision : int
        Revision of the case that it shows at least.
    position : int
        Position in the journal of the case that it shows at least.
    table : DataFrame
        Cell table.
    count : Differential
        Cells by class.
    lut : ndarray of uint8
        Class id of each cell id.
    blocks : LabelBlocks
        Label blocks read since.
    whole : dict of str to ndarray
        By role: all labels of a plain view, or those of the coarsest level.
    """

    revision: int
    position: int
    table: pd.DataFrame
    count: Differential
    lut: NDArray[np.uint8]
    blocks: LabelBlocks
    whole: dict[str, NDArray[Any]]


class CaseView:
    """Labels of a case for three layers.

    Parameters
    ----------
    case : Case
        Open for reading; another process may write it.

    Attributes
    ----------
    is_plain : bool
        Whether labels are whole arrays rather than pyramids read on demand.
    snapshot : Snapshot
        State that is shown.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.is_plain = case.shape[0] * case.shape[1] <= PLAIN_PX
        self._n_levels = 1 if self.is_plain else case.n_levels
        self.snapshot = self.read()
        # These arrays live as long as the layers and are written in place.
        self._whole = self.snapshot.whole
        self.show(self.snapshot)

    @property
    def scheme(self) -> ClassScheme:
        """Cell classes."""
        return self.case.scheme

    def data(self, role: str) -> Any:
        """Return what a layer takes: an array, or a list of levels."""
        if self.is_plain:
            return self._whole[role]
        lazy = [CaseLevel(self, role, i) for i in range(self._n_levels - 1)]
        return [*lazy, self._whole[role]]

    def read(
        self, seen: Iterable[Seen] = (), before: Snapshot | None = None
    ) -> Snapshot:
        """Read the case anew; may run in any thread.

        Parameters
        ----------
        seen : iterable of Seen
            What is on screen, so that showing it needs no file.
        before : Snapshot, optional
            Earlier state; labels are read again only where the table has
            changed since.
        """
        revision, position = self.case.revision, self.case.position
        lut = self.case.class_lut()
        table = self.case.table()
        if CLASS_COLUMN not in table:  # no cell yet
            table[CLASS_COLUMN] = np.zeros(0, np.int64)
        count = differential(table, self.scheme)
        blocks = LabelBlocks(_CACHE_BYTES)
        if before is not None:
            blocks = before.blocks.without(_changed_regions(before.table, table))
        snapshot = Snapshot(revision, position, table, count, lut, blocks, {})
        last = self._n_levels - 1
        whole = Region.of_shape(self.level_shape(last))
        for role in ROLES:
            snapshot.whole[role] = self._read(snapshot, role, last, whole)
        for part in seen:
            if part.level < last:
                self._read(snapshot, part.role, part.level, part.region)
        return snapshot

    def changes(self, snapshot: Snapshot, role: str) -> NDArray[np.intp]:
        """Return the flat indices of pixels that a snapshot changes; any thread."""
        return np.flatnonzero(snapshot.whole[role] != self._whole[role])

    def show(self, snapshot: Snapshot) -> None:
        """Take a snapshot's blocks and table; layers show it when refreshed.

        A plain view's arrays stay as they are, for the caller to write.
        """
        # Neither arrays nor the blocks they were made of are needed twice.
        blocks = LabelBlocks(_CACHE_BYTES) if self.is_plain else snapshot.blocks
        self.snapshot = replace(snapshot, whole={}, blocks=blocks)
        if not self.is_plain:
            for role, labels in snapshot.whole.items():
                self._whole[role][:] = labels

    def take_edit(self, touched: Touched) -> None:
        """Take what edits have changed into the snapshot, but for its count.

        A plain view's arrays stay as they are, for the caller to write what
        `edited` yields.
        """
        before = self.snapshot
        blocks = (
            before.blocks.without(touched.boxes) if touched.boxes else before.blocks
        )
        self.snapshot = replace(
            before,
            revision=self.case.revision,
            position=touched.position,
            table=self._edited_table(touched),
            lut=self.case.class_lut(),
            blocks=blocks,
        )
        if not self.is_plain:
            self._renew_coarsest(touched)

    def edited(self, touched: Touched) -> Iterator[tuple[Region, dict[str, Any]]]:
        """Yield what a plain view's arrays are to hold after edits.

        Yields
        ------
        region : Region
            Part of the arrays.
        labels : dict of str to ndarray, shape (height, width) of `region`
            By role, those that may differ.
        """
        for box in touched.boxes:
            ids = [self.case.read_labels(name, box) for name in LABEL_NAMES]
            labels = dict(zip(LABEL_NAMES, ids, strict=True))
            yield box, {**labels, CLASSES: self._classes(*ids)}
        for box in self._recolored(touched):
            ids = [self._whole[name][box.slices] for name in LABEL_NAMES]
            yield box, {CLASSES: self._classes(*ids)}

    def _classes(
        self, nucleus: NDArray[np.uint32], cytoplasm: NDArray[np.uint32]
    ) -> NDArray[np.uint8]:
        """Return the class of each pixel, 0 where a label is of no known cell."""
        ids, lut = np.maximum(nucleus, cytoplasm), self.snapshot.lut
        return np.where(ids < len(lut), lut[np.minimum(ids, len(lut) - 1)], 0)

    def _recolored(self, touched: Touched) -> list[Region]:
        """Return the boxes of cells whose class may have changed, and no pixel."""
        rest = set(touched.cell_ids) - touched.drawn_ids
        if CLASS_COLUMN not in touched.columns or not rest:
            return []
        cell_ids, boxes = self.case.cell_boxes()
        chosen = boxes[np.isin(cell_ids, list(rest))].tolist()
        return [Region.from_bounds(*box) for box in chosen]

    def _edited_table(self, touched: Touched) -> pd.DataFrame:
        """Return the table after edits; few columns are read anew where that does."""
        before = self.snapshot.table
        if touched.drawn_ids or not touched.columns <= set(before):
            return self.case.table()
        columns = self.case.table(touched.columns)
        if not touched.columns <= set(columns):  # one was dropped
            return self.case.table()
        return before.assign(**{str(name): columns[name] for name in columns})

    def _renew_coarsest(self, touched: Touched) -> None:
        """Write into the coarsest level what edits have changed."""
        last = self._n_levels - 1
        for box in (*touched.boxes, *self._recolored(touched)):
            region = box.scaled(0.5**last).intersection(
                Region.of_shape(self.level_shape(last))
            )
            for role in ROLES:
                self._whole[role][region.slices] = self.region(role, last, region)

    def region(self, role: str, level: int, region: Region) -> NDArray[Any]:
        """Return labels of a region inside a level; empty where they are damaged."""
        try:
            return self._read(self.snapshot, role, level, region)
        except LeukosegError as error:
            _logger.warning("Labels are not shown: %s", error)
            dtype = self._whole[role].dtype
            return np.zeros((region.height, region.width), dtype)

    def cell_at(self, row: float, column: float) -> int:
        """Return the id of the cell at a pixel of level 0, 0 where there is none."""
        region = Region(int(np.floor(row + 0.5)), int(np.floor(column + 0.5)), 1, 1)
        if region.intersection(Region.of_shape(self.case.shape)) != region:
            return 0
        return max(int(self.region(name, 0, region)[0, 0]) for name in LABEL_NAMES)

    def level_shape(self, level: int) -> tuple[int, int]:
        """Return rows and columns of a level."""
        rows, columns = self.case.shape
        return -(-rows // 2**level), -(-columns // 2**level)

    def _read(
        self, snapshot: Snapshot, role: str, level: int, region: Region
    ) -> NDArray[Any]:
        """Assemble a region from blocks; classes come from ids and the table."""
        if role != CLASSES:
            return self._read_ids(snapshot, role, level, region)
        nucleus, cytoplasm = (
            self._read_ids(snapshot, name, level, region) for name in LABEL_NAMES
        )
        ids = np.maximum(nucleus, cytoplasm)  # they never overlap
        # A tile in flight shows ids that the table does not have yet.
        ids[ids >= len(snapshot.lut)] = 0
        return snapshot.lut[ids]

    def _read_ids(
        self, snapshot: Snapshot, name: str, level: int, region: Region
    ) -> NDArray[np.uint32]:
        """Assemble cell ids from blocks."""
        labels = np.empty((region.height, region.width), np.uint32)
        level_region = Region.of_shape(self.level_shape(level))
        for block in _blocks(region, level_region):
            load = partial(self.case.read_labels, name, block, level)
            pixels = snapshot.blocks.get(BlockKey(name, level, block), load)
            part = block.intersection(region)
            inside = part.shifted(-block.row, -block.column).slices
            labels[part.shifted(-region.row, -region.column).slices] = pixels[inside]
        return labels


class CaseLevel:
    """Lazy (rows, columns) array of one level of a layer.

    Parameters
    ----------
    view : CaseView
        Where pixels come from.
    role : str
        One of `ROLES`.
    level : int
        Level, 0 the finest.
    """

    ndim = 2

    def __init__(self, view: CaseView, role: str, level: int) -> None:
        self._view, self._role, self._level = view, role, level
        self.shape = view.level_shape(level)
        self.dtype = np.dtype(np.uint8 if role == CLASSES else np.uint32)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __deepcopy__(self, memo: dict[int, Any]) -> CaseLevel:
        return self

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        if copy is False:
            raise ValueError("A level of a case is read from disk; it has to be copied")
        return self[:, :].astype(dtype or self.dtype, copy=False)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        rows, columns = _expand(index)
        row_start, row_stop, row_step = _as_slice(rows).indices(self.shape[0])
        start, stop, step = _as_slice(columns).indices(self.shape[1])
        if row_step < 1 or step < 1:
            raise IndexError("A level of a case is read forwards; reverse the result")
        region = Region.from_bounds(
            row_start, start, max(row_start, row_stop), max(start, stop)
        )
        labels = self._view.region(self._role, self._level, region)[::row_step, ::step]
        return labels[_drop(rows), _drop(columns)]


def _expand(index: Any) -> tuple[Any, Any]:
    """Return the index of rows and that of columns."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in parts:
        place = parts.index(Ellipsis)
        parts[place : place + 1] = [slice(None)] * (3 - len(parts))
    parts += [slice(None)] * (2 - len(parts))
    if len(parts) != 2:
        raise IndexError(f"A level has two axes; {index!r} names others")
    return parts[0], parts[1]


def _as_slice(part: Any) -> slice:
    """Return an integer's place as a slice."""
    if isinstance(part, slice):
        return part
    position = int(part)
    return slice(position, position + 1 if position != -1 else None)


def _drop(part: Any) -> int | slice:
    """Return the index that removes an axis that was indexed by an integer."""
    return slice(None) if isinstance(part, slice) else 0


def _blocks(region: Region, level: Region) -> Iterator[Region]:
    """Yield the blocks of a level that a region touches."""
    if region.is_empty:
        return
    first_row = region.row // _BLOCK_PX * _BLOCK_PX
    first_column = region.column // _BLOCK_PX * _BLOCK_PX
    for row in range(first_row, region.row_stop, _BLOCK_PX):
        for column in range(first_column, region.column_stop, _BLOCK_PX):
            yield Region(row, column, _BLOCK_PX, _BLOCK_PX).intersection(level)


_BOX = ("box_row_px", "box_column_px", "box_row_stop_px", "box_column_stop_px")


def _changed_regions(before: pd.DataFrame, after: pd.DataFrame) -> list[Region]:
    """Return the boxes of cells that only one of two tables has."""
    regions = []
    for table, other in ((before, after), (after, before)):
        if not set(_BOX) <= set(table) and len(table):
            raise KeyError(f"The cell table lacks one of {_BOX}")
        new = table[~table["cell_id"].isin(other["cell_id"])]
        if len(new):
            boxes = new[list(_BOX)].to_numpy().astype(int)
            regions += [Region.from_bounds(*box) for box in boxes.tolist()]
    return regions
