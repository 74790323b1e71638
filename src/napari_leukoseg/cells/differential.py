"""Differential count of a cell table, with exact confidence intervals."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from napari_leukoseg.cells.differential_cells import CountSettings, choose_cells
from napari_leukoseg.classes import UNCLASSIFIED, ClassScheme, Counting
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
        Ends of the exact 95 % interval of `per_100` (Clopper and Pearson).
    absolute : float or None
        Cells in 10⁹ per liter of blood, none where the total is not given.
    absolute_low, absolute_high : float or None
        Ends of its 95 % interval, as far as counting decides it: the total is
        taken as exact.
    """

    class_id: int
    name: str
    counting: Counting
    count: int
    per_100: float | None = None
    per_100_low: float | None = None
    per_100_high: float | None = None
    absolute: float | None = None
    absolute_low: float | None = None
    absolute_high: float | None = None

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
        White cells counted: cells of the classes that enter the differential.
    n_available : int
        White cells in the table.
    n_unreviewed, n_unclassified : int
        Cells, among those counted, that no person has confirmed, and white ones
        without a class.
    settings : CountSettings
        What was asked for.
    """

    classes: tuple[ClassCount, ...]
    total: int
    n_available: int
    n_unreviewed: int
    n_unclassified: int
    settings: CountSettings = field(default_factory=CountSettings)

    @property
    def n_cells(self) -> int:
        """Number of cells counted, of all classes."""
        return sum(c.count for c in self.classes)

    @property
    def reminders(self) -> tuple[str, ...]:
        """What a person should know before signing, one sentence each."""
        wanted = self.settings.count
        found = (
            (
                wanted is not None and self.total < wanted,
                f"Too few white cells were found: {self.total} of {wanted}.",
            ),
            (
                self.n_unreviewed,
                f"{self.n_unreviewed} of {self.n_cells} cells are not reviewed.",
            ),
            (
                self.n_unclassified,
                f"{self.n_unclassified} of {self.total} white cells have no class.",
            ),
        )
        return tuple(sentence for applies, sentence in found if applies)

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
            "n_available": self.n_available,
            "n_unreviewed": self.n_unreviewed,
            "n_unclassified": self.n_unclassified,
            "settings": self.settings.to_dict(),
            "confidence_level": CONFIDENCE_LEVEL,
            "classes": self.rows(),
        }


def differential(
    table: pd.DataFrame,
    scheme: ClassScheme,
    settings: CountSettings | None = None,
    *,
    mpp: float | None = None,
) -> Differential:
    """Count the cells of a table by class.

    Parameters
    ----------
    table : DataFrame
        Cell table. Only its column ``class_id`` is needed, and those that
        `choose_cells` reads where not all cells are counted.
    scheme : ClassScheme
        Says which classes there are and how each is counted.
    settings : CountSettings, optional
        Which cells are counted, and the total of white cells; all cells and no
        total by default.
    mpp : float, optional
        µm per pixel, for the order in which a smear is scanned.

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
    .. [1] C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial
       limits illustrated in the case of the binomial", Biometrika 26, 1934.
    .. [2] C. L. Rümke, "The statistically expected variability in differential
       leukocyte counting", in Differential Leukocyte Counting, College of American
       Pathologists, 1978.
    """
    settings = settings or CountSettings()
    counted = {c.id for c in scheme if c.counting is Counting.DIFFERENTIAL}
    available = _counts(table, scheme)
    chosen = choose_cells(table, counted, settings, mpp=mpp)
    counts = _counts(chosen, scheme)
    total = sum(counts[class_id] for class_id in counted)
    return Differential(
        tuple(_class_count(c, counts[c.id], total, settings) for c in scheme),
        total,
        sum(available[class_id] for class_id in counted),
        len(chosen) - _n_reviewed(chosen),
        counts.get(UNCLASSIFIED, 0) if UNCLASSIFIED in counted else 0,
        settings,
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


def _n_reviewed(table: pd.DataFrame) -> int:
    """Return the number of cells that a person has confirmed."""
    return int(table["reviewed"].sum()) if "reviewed" in table else 0


def _class_count(
    cell_class: CellClass, count: int, total: int, settings: CountSettings
) -> ClassCount:
    """Relate one count to the white cells, and to the blood where it can be."""
    head = (cell_class.id, cell_class.name, cell_class.counting, count)
    if cell_class.counting is Counting.NONE or total == 0:
        return ClassCount(*head)
    if cell_class.counting is Counting.DIFFERENTIAL:
        low, high = _exact(count, total)
    else:
        # Given how many cells there are of both kinds, the count is binomial with
        # p = r / (1 + r), where r is the number per white cell.
        low, high = (p / (1 - p) for p in _exact(count, count + total))
    per_100 = (100 * count / total, 100 * low, 100 * high)
    if settings.total_wbc is None:
        return ClassCount(*head, *per_100)
    return ClassCount(
        *head, *per_100, *(settings.total_wbc * value / 100 for value in per_100)
    )


@lru_cache(maxsize=4096)  # an edit leaves most classes as they were
def _exact(count: int, total: int) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a proportion."""
    # Takes half a second to import, which only those who count should pay.
    from scipy.stats import binomtest

    interval = binomtest(count, total).proportion_ci(CONFIDENCE_LEVEL, "exact")
    return float(interval.low), float(interval.high)
