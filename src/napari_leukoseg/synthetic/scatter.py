"""Where red cells and platelets lie: a jittered grid, thinned and paired."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.synthetic.hashing import uniform_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.geometry import Region
    from napari_leukoseg.synthetic.placement import DrawnCell

__all__ = ["Scatter", "Stamps"]

PRESENCE = 0.8
"""Share of grid squares that hold something; the rest are gaps."""

PAIR_REACH = 1.7
"""Largest distance of a second one from its first, in radii."""

CROWDING = 0.3
"""Relative swing of the density across the slide."""


@dataclass(frozen=True, eq=False)
class Stamps:
    """Many small things in drawing order.

    Parameters
    ----------
    rows, columns : ndarray of int64, shape (n,)
        Pixels of their middles.
    choice, turn : ndarray of int64, shape (n,)
        Which sprite, and how it lies (0 to 7).
    strength : ndarray of float64, shape (n,)
        Factor of its optical density.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    choice: NDArray[np.int64]
    turn: NDArray[np.int64]
    strength: NDArray[np.float64]

    def kept(self, keep: NDArray[np.bool_]) -> Stamps:
        """Return those for which `keep` is true."""
        return Stamps(
            self.rows[keep],
            self.columns[keep],
            self.choice[keep],
            self.turn[keep],
            self.strength[keep],
        )

    def away_from(self, cells: Sequence[DrawnCell], own_radius_px: float) -> Stamps:
        """Return those that do not lie on a white cell.

        Parameters
        ----------
        cells : sequence of DrawnCell
            White cells near by.
        own_radius_px : float
            How far beyond a cell's radius a thing's middle must lie.
        """
        keep = np.ones(len(self.rows), dtype=bool)
        for cell in cells:
            away = np.hypot(self.rows - cell.row, self.columns - cell.column)
            keep &= away >= cell.diameter_px / 2 + own_radius_px
        return self.kept(keep)

    def __iter__(self) -> Iterator[tuple[int, int, int, int, float]]:
        return zip(
            self.rows.tolist(),
            self.columns.tolist(),
            self.choice.tolist(),
            self.turn.tolist(),
            self.strength.tolist(),
            strict=True,
        )


@dataclass(frozen=True)
class Scatter:
    """Rule by which one kind of thing is strewn over the slide.

    Parameters
    ----------
    seed, purpose : int
        Of the smear, and of the kind of thing.
    radius_px : float
        Typical radius.
    fraction : float
        Share of the area under these things, overlaps counted twice.
    sprite_sides : sequence of int
        Sides in pixels of the drawings to choose from.
    pair_share : float, optional
        Probability that one comes with another half under it, as red cells
        do in rouleaux.
    spread : float, optional
        Relative spread of strength.
    """

    seed: int
    purpose: int
    radius_px: float
    fraction: float
    sprite_sides: Sequence[int]
    pair_share: float = 0.0
    spread: float = 0.12

    @property
    def pitch_px(self) -> float:
        """Side of a grid square."""
        per_square = PRESENCE * (1.0 + self.pair_share)
        area = math.pi * self.radius_px**2
        return math.sqrt(area * per_square / max(self.fraction, 1e-6))

    def within(self, region: Region) -> Stamps:
        """Return the things whose middles lie near enough to show in `region`."""
        reach = max(self.sprite_sides) / 2 + PAIR_REACH * self.radius_px
        near = region.padded(math.ceil(reach) + 1)
        rows, columns = np.meshgrid(
            self._squares(near.row, near.row_stop),
            self._squares(near.column, near.column_stop),
            indexing="ij",
        )
        return self._at_squares(rows.ravel(), columns.ravel())

    def _squares(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return indices of the grid squares that meet a stretch of pixels."""
        first, last = start / self.pitch_px, stop / self.pitch_px
        return np.arange(math.floor(first), math.ceil(last), dtype=np.int64)

    def _at_squares(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> Stamps:
        """Return what the given grid squares hold, firsts before seconds."""
        if self.fraction == 0.0:
            rows, columns = rows[:0], columns[:0]
        draw = uniform_at(
            self.seed, self.purpose, np.arange(10)[:, None], rows, columns
        )
        present = draw[0] < PRESENCE * (1.0 + CROWDING * self._crowd(rows, columns))
        # Less than a whole square of jitter keeps heaps rare.
        row = (rows + 0.5 + 0.78 * (draw[1] - 0.5)) * self.pitch_px
        column = (columns + 0.5 + 0.78 * (draw[2] - 0.5)) * self.pitch_px
        first = self._stamps(row, column, draw[3], draw[4]).kept(present)
        has_second = present & (draw[5] < self.pair_share)
        angle = 2.0 * math.pi * draw[6]
        away = self.radius_px * (0.9 + (PAIR_REACH - 0.9) * draw[7])
        second = self._stamps(
            row + away * np.sin(angle), column + away * np.cos(angle), draw[8], draw[9]
        ).kept(has_second)
        return Stamps(
            *(
                np.concatenate([getattr(first, name), getattr(second, name)])
                for name in ("rows", "columns", "choice", "turn", "strength")
            )
        )

    def _stamps(
        self,
        row: NDArray[np.float64],
        column: NDArray[np.float64],
        pick: NDArray[np.float64],
        luck: NDArray[np.float64],
    ) -> Stamps:
        """Round places to pixels and draw kind and strength."""
        kind = np.floor(pick * len(self.sprite_sides) * 8).astype(np.int64)
        return Stamps(
            np.floor(row).astype(np.int64),
            np.floor(column).astype(np.int64),
            kind // 8,
            kind % 8,
            1.0 + self.spread * (2.0 * luck - 1.0),
        )

    def _crowd(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Slow waves from -1 to 1 that crowd and thin the cells."""
        phase = 2.0 * math.pi * uniform_at(self.seed, self.purpose, np.arange(4))
        first = np.sin(0.41 * rows + 0.23 * columns + phase[0])
        second = np.sin(0.17 * rows - 0.35 * columns + phase[1])
        third = np.sin(0.061 * rows + phase[2]) * np.sin(0.053 * columns + phase[3])
        crowd: NDArray[np.float64] = 0.35 * first + 0.35 * second + 0.3 * third
        return crowd
