"""Plans tiles: which part of a slide each one owns and how much it sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

__all__ = ["Tile", "TilePlan", "plan_tiles"]

CONTEXT_CELLS = 1.5
"""Context around a tile in cell diameters: half the largest cell, and what the
network looks at beyond it."""


@dataclass(frozen=True)
class Tile:
    """One prediction window, in level-0 pixels.

    Parameters
    ----------
    index : int
        Position in the plan.
    core : Region
        Cells whose centroid lies here are owned by this tile.
    window : Region
        Core with its context, clipped to the slide: what is read.
    """

    index: int
    core: Region
    window: Region


@dataclass(frozen=True)
class TilePlan:
    """All tiles of an area, in the order in which they are predicted.

    Parameters
    ----------
    area : Region
        Level-0 area that the cores cover exactly once.
    factor : float
        Working pixels per level-0 pixel.
    tiles : tuple of Tile
        Row by row.
    batch_size : int
        Tiles predicted together. It belongs to the plan because low-precision
        results depend on it, and a resumed run must repeat them.
    """

    area: Region
    factor: float
    tiles: tuple[Tile, ...]
    batch_size: int

    @property
    def batches(self) -> list[tuple[Tile, ...]]:
        """Tiles grouped as they are predicted."""
        size = self.batch_size
        return [
            self.tiles[start : start + size]
            for start in range(0, len(self.tiles), size)
        ]

    @property
    def working_pixels(self) -> int:
        """Pixels that the network sees in all."""
        return sum(
            math.ceil(t.window.height * self.factor)
            * math.ceil(t.window.width * self.factor)
            for t in self.tiles
        )


def split_evenly(start: int, length: int, largest: int) -> list[tuple[int, int]]:
    """Cut a length into the fewest nearly equal pieces of at most `largest`."""
    count = max(1, math.ceil(length / largest))
    edges = [start + round(length * i / count) for i in range(count + 1)]
    return list(pairwise(edges))


def plan_tiles(
    shape: tuple[int, int],
    area: Region,
    *,
    cell_diameter_px: float,
    working_diameter_px: float,
    window_px: int,
    batch_size: int = 1,
) -> TilePlan:
    """Cover an area of a slide by tiles of a bounded size.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the slide at level 0.
    area : Region
        Part to predict, inside the slide.
    cell_diameter_px : float
        Typical diameter of a white cell at level 0.
    working_diameter_px : float
        Diameter at which the network sees it.
    window_px : int
        Largest side of a window, in working pixels.
    batch_size : int, optional
        Tiles predicted together.

    Returns
    -------
    plan : TilePlan
        Cores cover the area once; windows stay inside the slide.

    Raises
    ------
    SettingsError
        If the area is empty or leaves the slide, or windows are too small
        for their context.
    """
    slide = Region.of_shape(shape)
    if area.is_empty or area.intersection(slide) != area:
        raise SettingsError(
            f"The area {area.bounds} (row, column, row stop, column stop) is empty "
            f"or leaves the picture of {shape[0]}x{shape[1]} pixels."
        )
    factor = working_diameter_px / cell_diameter_px
    context = math.ceil(CONTEXT_CELLS * cell_diameter_px)
    window = max(1, math.floor(window_px / factor))
    if window <= 2 * context:
        raise SettingsError(
            f"Windows of {window_px} working pixels are smaller than their context; "
            f"give more than {math.ceil(2 * context * factor)}."
        )
    tiles: list[Tile] = []
    for row, row_stop in split_axis(area.row, area.height, shape[0], window, context):
        for column, column_stop in split_axis(
            area.column, area.width, shape[1], window, context
        ):
            core = Region.from_bounds(row, column, row_stop, column_stop)
            seen = core.padded(context).intersection(slide)
            tiles.append(Tile(len(tiles), core, seen))
    return TilePlan(area, factor, tuple(tiles), batch_size)


def split_axis(
    start: int, length: int, limit: int, window: int, context: int
) -> list[tuple[int, int]]:
    """Cut one axis; a piece that reaches the slide's edge needs no context there."""
    seen = min(limit, start + length + context) - max(0, start - context)
    if seen <= window:
        return [(start, start + length)]
    return split_evenly(start, length, window - 2 * context)
