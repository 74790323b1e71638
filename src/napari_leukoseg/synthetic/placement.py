"""Where white cells lie: decided by seed and place alone, so tiles always agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.geometry import Region
from napari_leukoseg.synthetic.hashing import Purpose, place_rng, uniform_at
from napari_leukoseg.synthetic.white_cells import EXTENT, draw_radius

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_leukoseg.synthetic.settings import SmearSettings

__all__ = ["DrawnCell", "WhiteCellPlan"]

CELLS_PER_SITE = 3.0
"""Mean number of white cells planned together in one square of the slide."""

MAX_RADIUS = 1.4
"""No white cell's radius is larger, in neutrophil radii."""

MAX_TRIES = 60


@dataclass(frozen=True)
class DrawnCell:
    """One white cell of a drawn smear.

    Parameters
    ----------
    cell_id : int
        Its value in the nucleus and cytoplasm labels.
    class_id : int
        1 neutrophil, 2 lymphocyte, 3 monocyte, 4 eosinophil, 5 basophil.
    row, column : int
        Pixel of its middle; may lie outside the picture for a cell cut by
        the border.
    diameter_px : float
        Diameter of the circle from which its outline departs.
    """

    cell_id: int
    class_id: int
    row: int
    column: int
    diameter_px: float

    @property
    def square(self) -> Region:
        """Where the cell is drawn; no pixel of it lies outside."""
        reach = math.ceil(self.diameter_px / 2 * EXTENT)
        return Region(self.row, self.column, 1, 1).padded(reach)


class WhiteCellPlan:
    """Places white cells in square sites, each planned from its own numbers.

    Parameters
    ----------
    settings : SmearSettings
        Of the smear.
    """

    def __init__(self, settings: SmearSettings) -> None:
        self._settings = settings
        unit = settings.cell_diameter_px / 2
        self._unit_px = unit
        area = math.pi * unit**2
        fraction = max(settings.white_cell_fraction, 1e-6)
        side = math.sqrt(CELLS_PER_SITE * area / fraction)
        # A picture smaller than one site is one site: it shows whole cells.
        self.site_px = max(min(side, max(settings.shape)), 8.0 * unit)
        self._mean = settings.white_cell_fraction * self.site_px**2 / area
        # One site beyond each border, for the cells that the border cuts.
        grid = [math.ceil(s / self.site_px) + 2 for s in settings.shape]
        rows, columns = np.mgrid[-1 : grid[0] - 1, -1 : grid[1] - 1]
        counts = self._counts(rows, columns)
        first = np.concatenate([[0], np.cumsum(counts)[:-1]]) + 1
        self._counts_at = counts.reshape(grid)
        self._first_id = first.reshape(grid)
        self._site = lru_cache(maxsize=1024)(self._plan_site)

    @property
    def reach_px(self) -> int:
        """Farthest a cell's square extends from its middle."""
        return math.ceil(MAX_RADIUS * EXTENT * self._unit_px) + 1

    def within(self, region: Region) -> Iterator[DrawnCell]:
        """Yield the cells whose squares meet `region`, by ascending id."""
        near = region.padded(self.reach_px)
        n_rows, n_columns = self._first_id.shape
        row_span = _span(near.row, near.row_stop, self.site_px, n_rows - 1)
        column_span = _span(near.column, near.column_stop, self.site_px, n_columns - 1)
        for row in row_span:
            for column in column_span:
                for cell in self._site(row, column):
                    if not cell.square.intersection(region).is_empty:
                        yield cell

    def _counts(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return how many cells each site is given: the mean, rounded at random."""
        seed = self._settings.seed
        share = uniform_at(seed, Purpose.COUNT, rows.ravel(), columns.ravel())
        return np.floor(self._mean + share).astype(np.int64)

    def _plan_site(self, row: int, column: int) -> tuple[DrawnCell, ...]:
        """Place a site's cells one after another, never far into each other."""
        rng = place_rng(self._settings.seed, Purpose.SITE, row, column)
        weights = np.asarray(self._settings.class_weights)
        placed: list[tuple[float, float, float]] = []
        cells = []
        first = int(self._first_id[row + 1, column + 1])
        for k in range(int(self._counts_at[row + 1, column + 1])):
            class_id = int(rng.choice(5, p=weights / weights.sum())) + 1
            radius = draw_radius(class_id, rng) * self._unit_px
            spot = self._find_spot(rng, radius, placed)
            if spot is None:
                continue
            placed.append((*spot, radius))
            cells.append(
                DrawnCell(
                    first + k,
                    class_id,
                    math.floor(spot[0] + row * self.site_px),
                    math.floor(spot[1] + column * self.site_px),
                    2.0 * radius,
                )
            )
        return tuple(cells)

    def _find_spot(
        self,
        rng: np.random.Generator,
        radius: float,
        placed: list[tuple[float, float, float]],
    ) -> tuple[float, float] | None:
        """Return a free place inside the site, or none after many tries."""
        is_touching = bool(placed) and rng.random() < self._settings.touching_share
        side = self.site_px
        # With every middle a radius inside, cells of two sites can only touch.
        for attempt in range(MAX_TRIES):
            if is_touching:
                spot = _beside(rng, radius, placed[int(rng.integers(len(placed)))])
                gap = 0.88
            else:
                spot = (
                    float(rng.uniform(radius, side - radius)),
                    float(rng.uniform(radius, side - radius)),
                )
                gap = 1.2 - 0.25 * attempt / MAX_TRIES
            is_inside = all(radius <= x <= side - radius for x in spot)
            if is_inside and _is_free(spot, radius, placed, gap):
                return spot
        return None


def _beside(
    rng: np.random.Generator, radius: float, other: tuple[float, float, float]
) -> tuple[float, float]:
    """Return a place that touches another cell."""
    angle = rng.uniform(0.0, 2.0 * math.pi)
    away = (radius + other[2]) * rng.uniform(0.89, 0.98)
    return other[0] + away * math.sin(angle), other[1] + away * math.cos(angle)


def _is_free(
    spot: tuple[float, float],
    radius: float,
    placed: list[tuple[float, float, float]],
    gap: float,
) -> bool:
    """Whether all placed cells keep `gap` times the sum of radii away."""
    return all(
        math.hypot(spot[0] - row, spot[1] - column) >= gap * (radius + other)
        for row, column, other in placed
    )


def _span(start: int, stop: int, step: float, n: int) -> range:
    """Return indices of the sites from -1 to `n` - 1 that meet a stretch of pixels."""
    return range(
        max(math.floor(start / step), -1), min(math.floor((stop - 1) / step) + 1, n)
    )
