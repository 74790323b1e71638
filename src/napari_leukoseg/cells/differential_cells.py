"""Which cells a differential count of a given size takes, and in what order."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["CountSettings", "Order", "choose_cells", "scan_order"]

FIELD_UM = 220.0
"""Height of a strip of the meander: the field of a 100x objective, field number 22."""

FIELD_DIAMETERS = 18.0
"""The same in diameters of a white cell, where the pixel size is unknown."""


class Order(StrEnum):
    """In what order the cells of a partial count are taken."""

    SCAN = "scan"
    RANDOM = "random"


@dataclass(frozen=True)
class CountSettings:
    """What is asked of a differential count.

    Parameters
    ----------
    count : int, optional
        White cells to count, such as 100, 200 or 500; all of them by default.
    order : Order, optional
        Which ones those are: the first of a meander over the smear, or a random
        draw. Never the least certain ones, which would bias the count.
    seed : int, optional
        Of the random draw; an equal seed draws the same cells.
    total_wbc : float, optional
        White cells in 10⁹ per liter of blood, nucleated red cells left out.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    count: int | None = None
    order: Order = Order.SCAN
    seed: int = 0
    total_wbc: float | None = None

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise SettingsError(
                f"A count of {self.count} cells is none; give 1 or more, usually 100, "
                "200 or 500."
            )
        if self.order not in list(Order):
            raise SettingsError(
                f"Order {self.order!r} is unknown; give {' or '.join(Order)}."
            )
        if self.seed < 0:
            raise SettingsError(f"Seed {self.seed} is negative; give 0 or more.")
        total = self.total_wbc
        if total is not None and not (math.isfinite(total) and total > 0):
            raise SettingsError(
                f"A total of {total} white cells cannot be; give 10⁹ per liter, "
                "such as 6.4."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CountSettings:
        """Build from what `to_dict` gave; what it lacks takes its default.

        Raises
        ------
        SettingsError
            If a value is out of range, or unknown.
        """
        try:
            return cls(**data)
        except TypeError as error:
            raise SettingsError(
                f"Settings of a count are not readable ({error}); give count, order, "
                "seed and total_wbc."
            ) from error

    @classmethod
    def of_sign_off(cls, signed_off: Mapping[str, Any] | None) -> CountSettings:
        """Return the settings of a count that was signed off.

        Parameters
        ----------
        signed_off : mapping or None
            What `Case.signed_off` gives.

        Returns
        -------
        settings : CountSettings
            The default where nothing is signed, or the sign-off has no settings.
        """
        count = (signed_off or {}).get("count") or {}
        try:
            return cls.from_dict(count.get("settings", {}))
        except SettingsError:
            return cls()


def choose_cells(
    table: pd.DataFrame,
    counted: Collection[int],
    settings: CountSettings,
    *,
    mpp: float | None = None,
) -> pd.DataFrame:
    """Return the cells that a count takes, in the order in which it takes them.

    Counting ends with the last white cell that was asked for; nucleated red cells
    and others met on the way are among the result.

    Parameters
    ----------
    table : DataFrame
        Cell table. Unless all cells are counted, it has the columns ``cell_id`` and
        ``class_id``, and those that `scan_order` reads.
    counted : collection of int
        Ids of the classes that enter the differential.
    settings : CountSettings
        How many, and in what order.
    mpp : float, optional
        µm per pixel.

    Returns
    -------
    chosen : DataFrame
        Rows of `table`; all, in its own order, where no number was asked for.
    """
    if settings.count is None or table.empty:
        return table
    table = table.sort_values("cell_id")
    if settings.order == Order.SCAN:
        order = scan_order(table, mpp)
    else:
        order = np.random.default_rng(settings.seed).permutation(len(table))
    ordered = table.iloc[order]
    n_white = ordered["class_id"].isin(list(counted)).to_numpy().cumsum()
    stop = int(np.searchsorted(n_white, settings.count)) + 1
    return ordered.iloc[:stop]


def scan_order(table: pd.DataFrame, mpp: float | None = None) -> NDArray[np.intp]:
    """Order cells as a meander over the smear meets them.

    The slide is cut into strips as high as the field of a 100x objective. The first
    is walked from left to right, the next from right to left, and so on downwards.

    Parameters
    ----------
    table : DataFrame
        Cell table with ``cell_id``, ``centroid_row_px``, ``centroid_column_px``
        and, for an unknown pixel size, ``cell_diameter_px``.
    mpp : float, optional
        µm per pixel.

    Returns
    -------
    order : ndarray of int, shape (n_cells,)
        Positions in the table.
    """
    if table.empty:
        return np.zeros(0, np.intp)
    if mpp is None:
        field_px = FIELD_DIAMETERS * float(table["cell_diameter_px"].median())
    else:
        field_px = FIELD_UM / mpp
    strips = np.floor(table["centroid_row_px"].to_numpy(float) / field_px)
    columns = table["centroid_column_px"].to_numpy(float)
    walked = np.where(strips % 2, -columns, columns)
    return np.lexsort((table["cell_id"].to_numpy(), walked, strips))
