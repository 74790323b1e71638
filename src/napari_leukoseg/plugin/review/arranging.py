"""Which cells the gallery shows, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from napari_leukoseg.classes import ClassScheme

__all__ = ["Filters", "Group", "Order", "arrange", "reviewed_mask", "size_column"]


_CLASS, _REVIEWED = "class_id", "reviewed"


class Order(StrEnum):
    """Which cells of a class come first."""

    LEAST_CERTAIN = "least_certain"
    MOST_CERTAIN = "most_certain"
    LARGEST = "largest"
    SMALLEST = "smallest"
    BY_PLACE = "by_place"


@dataclass(frozen=True)
class Filters:
    """Which cells are shown; a cell has to meet all conditions.

    Parameters
    ----------
    hidden_classes : frozenset of int
        Classes of which no cell is shown.
    confidence : tuple of float
        Least and greatest confidence, 0 to 1. Cells without one, since a person
        drew them, are shown where the least is 0.
    reviewed : bool or None
        Whether only reviewed cells are shown, or only those that are not.
    diameter : tuple of float or None
        Least and greatest diameter, in the unit of `size_column`; none for any.
    touches_border : bool or None
        Whether only cells cut by the picture's border are shown, or only others.

    Raises
    ------
    SettingsError
        If a greatest value is below the least one.
    """

    hidden_classes: frozenset[int] = frozenset()
    confidence: tuple[float, float] = (0.0, 1.0)
    reviewed: bool | None = None
    diameter: tuple[float, float] | None = None
    touches_border: bool | None = None

    def __post_init__(self) -> None:
        for name in ("confidence", "diameter"):
            limits = getattr(self, name)
            if limits is not None and not limits[0] <= limits[1]:
                raise SettingsError(
                    f"A {name} of {limits[0]} to {limits[1]} shows nothing; give the "
                    "least value first."
                )

    def mask(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """Return which rows of a cell table are shown."""
        shown = ~np.isin(table[_CLASS], list(self.hidden_classes))
        low, high = self.confidence
        if (low, high) != (0.0, 1.0):
            confidence = _numbers(table, "confidence")
            unknown = np.isnan(confidence) & (low <= 0)
            shown &= unknown | ((confidence >= low) & (confidence <= high))
        if self.reviewed is not None:
            shown &= reviewed_mask(table) == self.reviewed
        if self.diameter is not None:
            diameter = _numbers(table, size_column(table))
            shown &= (diameter >= self.diameter[0]) & (diameter <= self.diameter[1])
        if self.touches_border is not None:
            shown &= _truths(table, "touches_border") == self.touches_border
        return np.asarray(shown, bool)


@dataclass(frozen=True, eq=False)
class Group:
    """Shown cells of one class.

    Parameters
    ----------
    class_id : int
        The class.
    cell_ids : ndarray of int64, shape (n_cells,)
        Cells in the order in which they are shown.
    n_all : int
        Cells of the class, hidden ones included.
    """

    class_id: int
    cell_ids: NDArray[np.int64]
    n_all: int


def arrange(
    table: pd.DataFrame,
    scheme: ClassScheme,
    filters: Filters,
    order: Order = Order.LEAST_CERTAIN,
) -> list[Group]:
    """Return the cells that are shown, by class.

    Parameters
    ----------
    table : DataFrame
        Cell table.
    scheme : ClassScheme
        Gives the order of classes; each has a group, also without cells, unless
        the filters hide it.
    filters : Filters
        Which cells are shown.
    order : Order, optional
        Which come first. Cells of equal rank are ordered by id; those of unknown
        confidence, which nobody has judged, count as least certain.
    """
    ids = table["cell_id"].to_numpy(np.int64)
    classes = table[_CLASS].to_numpy(np.int64)
    shown = filters.mask(table)
    ranked = np.lexsort((ids, *_ranks(table, order)))
    ranked = ranked[shown[ranked]]
    return [
        Group(
            entry.id,
            ids[ranked[classes[ranked] == entry.id]],
            int((classes == entry.id).sum()),
        )
        for entry in scheme
        if entry.id not in filters.hidden_classes
    ]


def reviewed_mask(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which cells a person has confirmed."""
    return _truths(table, _REVIEWED)


def size_column(table: pd.DataFrame) -> str:
    """Return the column that tells diameters: in µm where these are known."""
    um, px = "cell_diameter_um", "cell_diameter_px"
    return um if um in table and table[um].notna().any() else px


def _ranks(table: pd.DataFrame, order: Order) -> tuple[NDArray[np.float64], ...]:
    """Return sort keys, the most important one last."""
    if order is Order.BY_PLACE:
        names = ("centroid_column_px", "centroid_row_px")
        return tuple(_numbers(table, name) for name in names)
    if order in (Order.LARGEST, Order.SMALLEST):
        diameter = _numbers(table, "cell_diameter_px")
        return (-diameter if order is Order.LARGEST else diameter,)
    confidence = np.nan_to_num(_numbers(table, "confidence"), nan=-1.0)
    return (confidence if order is Order.LEAST_CERTAIN else -confidence,)


def _numbers(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where they are missing."""
    if name not in table:
        return np.full(len(table), np.nan)
    return table[name].to_numpy(np.float64, na_value=np.nan)


def _truths(table: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    """Return a column as truth values, false where they are missing."""
    if name not in table:
        return np.zeros(len(table), bool)
    return table[name].fillna(False).to_numpy(bool)
