"""Differential count of a cell table, with confidence intervals."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_leukoseg.classes import ClassScheme, Counting
from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from napari_leukoseg.classes import CellClass

__all__ = ["ClassCount", "Differential", "differential"]

CONFIDENCE_LEVEL = 0.95
"""Of the intervals, two-sided."""


@dataclass(frozen=True)
class ClassCount:
    """Count of one class.

    Parameters
    ----------
    class_id : int
        Id of the class.
    name : str
        Name of the class.
    counting : Counting
        How the class is counted.
    count : int
        Number of cells.
    per_100 : float or None
        Cells per 100 white cells, which for a class of the differential is its
        percentage. None for a class that is not counted, and where there is no
        white cell to relate to.
    per_100_low, per_100_high : float or None
        Ends of the 95 % Wilson score interval of `per_100`.
    """

    class_id: int
    name: str
    counting: Counting
    count: int
    per_100: float | None = None
    per_100_low: float | None = None
    per_100_high: float | None = None

    @property
    def fraction(self) -> float | None:
        """Fraction of the white cells, none for a class outside the differential."""
        if self.counting is not Counting.DIFFERENTIAL or self.per_100 is None:
            return None
        return self.per_100 / 100


@dataclass(frozen=True)
class Differential:
    """Differential count of one table.

    Parameters
    ----------
    classes : tuple of ClassCount
        In the order of the scheme, classes without a cell included.
    total : int
        White cells: cells of the classes that enter the differential.
    """

    classes: tuple[ClassCount, ...]
    total: int

    @property
    def n_cells(self) -> int:
        """Number of cells in the table, of all classes."""
        return sum(c.count for c in self.classes)

    def rows(self) -> list[dict[str, Any]]:
        """Return one plain dict a class."""
        return [
            {**asdict(c), "counting": c.counting.value, "fraction": c.fraction}
            for c in self.classes
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can hold."""
        return {
            "total": self.total,
            "n_cells": self.n_cells,
            "confidence_level": CONFIDENCE_LEVEL,
            "classes": self.rows(),
        }


def differential(table: pd.DataFrame, scheme: ClassScheme) -> Differential:
    """Count the cells of a table by class.

    Parameters
    ----------
    table : DataFrame
        Cell table; only its column ``class_id`` is read.
    scheme : ClassScheme
        Says which classes there are and how each is counted.

    Returns
    -------
    differential : Differential
        Counts, and the figures that `ClassCount` describes.

    Raises
    ------
    SettingsError
        If the table holds a class that the scheme lacks.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and
       statistical inference", J. American Statistical Association 22, 1927.
    """
    counts = _counts(table, scheme)
    total = sum(counts[c.id] for c in scheme if c.counting is Counting.DIFFERENTIAL)
    return Differential(
        tuple(_class_count(c, counts[c.id], total) for c in scheme), total
    )


def _counts(table: pd.DataFrame, scheme: ClassScheme) -> dict[int, int]:
    """Return the number of cells of each class of the scheme."""
    counts = Counter(int(i) for i in table["class_id"]) if len(table) else Counter()
    strangers = sorted(i for i in counts if i not in scheme)
    if strangers:
        raise SettingsError(
            f"The cell table holds class {strangers[0]}, which the scheme lacks; "
            "add it to the scheme, or give these cells another class."
        )
    return {c.id: counts[c.id] for c in scheme}


def _class_count(cell_class: CellClass, count: int, total: int) -> ClassCount:
    """Relate one count to the white cells."""
    head = (cell_class.id, cell_class.name, cell_class.counting, count)
    if cell_class.counting is Counting.NONE or total == 0:
        return ClassCount(*head)
    per_100 = 100 * count / total
    if cell_class.counting is Counting.DIFFERENTIAL:
        low, high = _wilson(count, total)
    else:
        # Given how many cells there are of both kinds, the count is binomial with
        # p = r / (1 + r), where r is the number per white cell.
        low, high = (p / (1 - p) for p in _wilson(count, count + total))
    return ClassCount(*head, per_100, 100 * low, 100 * high)


def _wilson(count: int, total: int) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion."""
    # Takes half a second to import, which only those who count should pay.
    from scipy.stats import binomtest

    interval = binomtest(count, total).proportion_ci(CONFIDENCE_LEVEL, "wilson")
    return float(interval.low), float(interval.high)
