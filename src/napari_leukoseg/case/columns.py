"""Rows of the cell table held as columns, so that a large case stays small."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["CellColumns", "Column", "Kind", "plain_row"]


class Kind(StrEnum):
    """What the values of a column are."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    TEXT = "text"


_NUMERIC_ORDER = (Kind.BOOL, Kind.INT, Kind.FLOAT)

_FEW = 8
"""Cells that are removed one by one, which leaves the rest of a column in place."""


def plain_row(row: Mapping[str, Any]) -> dict[str, bool | int | float | str | None]:
    """Return a row as plain values that JSON holds exactly.

    Parameters
    ----------
    row : mapping of str to bool, int, float or str
        Python or NumPy scalars. What is not finite becomes none: missing.

    Raises
    ------
    SettingsError
        If a value is none of these.
    """
    return {str(name): _plain(name, value) for name, value in row.items()}


def _plain(name: str, value: object) -> bool | int | float | str | None:
    """Return one value as a plain one."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    raise SettingsError(
        f"Cell value {name!r} is of type {type(value).__name__}; give a number, "
        "a truth value or a text."
    )


def _kind_of(value: object) -> Kind | None:
    """Return the kind of a plain value, none where it is missing."""
    if value is None:
        return None
    if isinstance(value, bool):
        return Kind.BOOL
    if isinstance(value, int):
        return Kind.INT
    return Kind.FLOAT if isinstance(value, float) else Kind.TEXT


@dataclass
class Column:
    """Values of one column; what is missing is NaN, or none in a text column.

    Parameters
    ----------
    name : str
        Name in the table.
    kind : Kind or None
        What the values are; none while all are missing.
    values : array of float, or list of str and none
        One value a cell.
    """

    name: str
    kind: Kind | None
    values: array[float] | list[str | None]

    @classmethod
    def missing(cls, name: str, length: int) -> Column:
        """Return a column without a value yet."""
        return cls(name, None, array("d", [math.nan]) * length)

    def put(self, index: int, value: bool | int | float | str | None) -> None:
        """Set one value; `index` may be the length, which appends."""
        kind = _kind_of(value)
        if kind is not self.kind:
            self._widen(kind)
        if isinstance(self.values, list):
            self.values[index : index + 1] = [None if value is None else str(value)]
        else:
            number = math.nan if value is None else float(value)
            self.values[index : index + 1] = array("d", [number])

    def get(self, index: int) -> bool | int | float | str | None:
        """Return one value as `put` takes it."""
        value = self.values[index]
        if value is None or isinstance(value, str):
            return value
        if math.isnan(value):
            return None
        if self.kind is Kind.FLOAT:
            return value
        return bool(value) if self.kind is Kind.BOOL else int(value)

    @property
    def is_empty(self) -> bool:
        """Whether no value is known."""
        if isinstance(self.values, list):
            return all(value is None for value in self.values)
        return bool(np.isnan(np.asarray(self.values)).all())

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Drop the values where `mask` is false."""
        if isinstance(self.values, list):
            kept = zip(self.values, mask, strict=True)
            self.values = [value for value, is_kept in kept if is_kept]
        else:
            self.values = array("d", np.asarray(self.values)[mask].tobytes())

    def to_array(self) -> NDArray[Any]:
        """Return the values as the narrowest array that holds all of them.

        Returns
        -------
        values : ndarray
            bool or int64 where none is missing, else float64; object of str and
            none for text.
        """
        if isinstance(self.values, list):
            return np.array(self.values, dtype=object)
        values = np.array(self.values, dtype=np.float64)
        if self.kind in (Kind.BOOL, Kind.INT) and not np.isnan(values).any():
            return values.astype(bool if self.kind is Kind.BOOL else np.int64)
        return values

    def to_series(self) -> pd.Series[Any]:
        """Return the values as a table shows them."""
        values = self.to_array()
        if self.kind is Kind.BOOL and values.dtype != bool:
            known: Any = [None if np.isnan(value) else bool(value) for value in values]
            return pd.Series(known, dtype="boolean")
        return pd.Series(values.tolist() if self.kind is Kind.TEXT else values)

    def _widen(self, kind: Kind | None) -> None:
        """Let the column hold values of another kind as well."""
        if kind is None or self.kind is Kind.TEXT:
            return
        if kind is Kind.TEXT:
            known = self.to_array().tolist()
            # Only NaN differs from itself.
            self.values = [str(v) if v == v else None for v in known]
            self.kind = kind
        else:
            self.kind = max(kind, self.kind or kind, key=_NUMERIC_ORDER.index)


class CellColumns:
    """Cell table in memory: about eight bytes a number.

    Columns whose name begins with an underscore are the case's own and left out
    of `to_frame`.
    """

    def __init__(self) -> None:
        self._columns: dict[str, Column] = {
            "cell_id": Column("cell_id", Kind.INT, array("d"))
        }
        self._places: dict[int, int] = {}

    @classmethod
    def of_columns(cls, columns: list[Column]) -> CellColumns:
        """Build from columns of equal length; one is ``cell_id``."""
        cells = cls()
        cells._columns = {column.name: column for column in columns}
        cells._index()
        return cells

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Column]:
        return iter(self._columns.values())

    def __contains__(self, cell_id: object) -> bool:
        return cell_id in self._places

    @property
    def names(self) -> frozenset[str]:
        """Names of all columns."""
        return frozenset(self._columns)

    @property
    def ids(self) -> NDArray[np.int64]:
        """Ids of the cells, in the order in which they came."""
        return np.fromiter(self._places, np.int64, len(self._places))

    def values(self, name: str) -> NDArray[Any]:
        """Return a column's values in the order of `ids`; NaN where it is unknown."""
        column = self._columns.get(name) or Column.missing(name, len(self))
        return column.to_array()

    def value(self, cell_id: int, name: str) -> Any:
        """Return one value of a cell; none where it is missing."""
        column = self._columns.get(name)
        return None if column is None else column.get(self._places[cell_id])

    def row(self, cell_id: int) -> dict[str, bool | int | float | str | None]:
        """Return a cell's values but its id, those of private columns left out."""
        place = self._places[cell_id]
        return {
            name: column.get(place)
            for name, column in self._columns.items()
            if name != "cell_id" and name[0] != "_"
        }

    def append(self, cell_id: int, row: Mapping[str, Any]) -> None:
        """Add a cell with plain values."""
        place = len(self._places)
        row = {**row, "cell_id": cell_id}
        for name in row:
            if name not in self._columns:
                self._columns[name] = Column.missing(name, place)
        for name, column in self._columns.items():
            column.put(place, row.get(name))
        self._places[cell_id] = place

    def update(self, cell_id: int, row: Mapping[str, Any]) -> None:
        """Change values of a cell; those not in `row` stay."""
        place = self._places[cell_id]
        for name, value in row.items():
            if name not in self._columns:
                self._columns[name] = Column.missing(name, len(self))
            self._columns[name].put(place, value)

    def remove(self, cell_ids: Collection[int]) -> None:
        """Drop cells; those that are not there are passed over."""
        gone = {cell_id for cell_id in cell_ids if cell_id in self._places}
        if len(gone) > _FEW:
            keep = np.array([i not in gone for i in self._places], dtype=bool)
            for column in self:
                column.keep(keep)
        else:
            for place in sorted((self._places[i] for i in gone), reverse=True):
                for column in self:
                    del column.values[place]
        if gone:
            kept = [cell_id for cell_id in self._places if cell_id not in gone]
            self._places = {cell_id: place for place, cell_id in enumerate(kept)}

    def drop_empty(self, names: Collection[str]) -> None:
        """Drop those of the named columns in which no value is known."""
        for name in names:
            column = self._columns.get(name)
            if column is not None and column.is_empty:
                del self._columns[name]

    def to_frame(self, only: Collection[str] | None = None) -> pd.DataFrame:
        """Return the table, sorted by cell id, ``cell_id`` first.

        Parameters
        ----------
        only : collection of str, optional
            Columns to give besides the id; those that are not there are passed over.
        """
        names = [
            "cell_id",
            *(
                name
                for name in self._columns
                if name != "cell_id"
                and name[0] != "_"
                and (only is None or name in only)
            ),
        ]
        frame = pd.DataFrame({name: self._columns[name].to_series() for name in names})
        return frame.sort_values("cell_id", ignore_index=True)

    def _index(self) -> None:
        """Find the places of the cells anew."""
        ids = self._columns["cell_id"].to_array().astype(int).tolist()
        self._places = {cell_id: place for place, cell_id in enumerate(ids)}
