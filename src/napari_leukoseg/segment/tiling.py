"""Plans tiles: which part of a slide each one owns and how much it sees."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import pairwise, product
from typing import TYPE_CHECKING

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.segment.close_look import LOOKS
from napari_leukoseg.segment.covering import WindowCost, cover

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_leukoseg.segment.screening import Screen

Span = tuple[int, int]
"""Start and stop along one axis."""

__all__ = ["Tile", "TilePlan", "plan_searched", "plan_tiles"]

CONTEXT_CELLS = 1.5
"""Context around a tile in cell diameters: half the largest cell, and what the
network looks at beyond it."""

WINDOW_COST_PX = 20_000
"""Working pixels that could be predicted while a window is read, written and
accounted for, whatever its size."""

SIDE_STEP_PX = 64
"""Sides of windows around cells are multiples of it, in working pixels: each new
shape costs the first time as much again as a third of a small window."""

WORTH_WHILE = 0.8
"""Share of the whole work above which leaving places out saves too little."""


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
        Level-0 area that the cores cover exactly once, or, where it was searched
        first, the parts of it that may hold white cells.
    factor : float
        Working pixels per level-0 pixel.
    tiles : tuple of Tile
        Row by row.
    batch_size : int
        Tiles predicted together. It belongs to the plan because low-precision
        results depend on it, and a resumed run must repeat them.
    working_diameter_px : float
        Diameter at which the network sees a typical white cell.
    n_looks : int, optional
        How often it looks at each tile.
    """

    area: Region
    factor: float
    tiles: tuple[Tile, ...]
    batch_size: int
    working_diameter_px: float
    n_looks: int = 1

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
        pixels = sum(
            math.ceil(t.window.height * self.factor)
            * math.ceil(t.window.width * self.factor)
            for t in self.tiles
        )
        return round(pixels * sum(look.size**2 for look in LOOKS[: self.n_looks]))

    @property
    def cost_px(self) -> int:
        """Working pixels, and what each window costs besides."""
        return self.working_pixels + WINDOW_COST_PX * len(self.tiles)

    @property
    def share(self) -> float:
        """Share of the area that the cores cover."""
        return sum(t.core.size.area for t in self.tiles) / self.area.size.area

    @property
    def digest(self) -> str:
        """What tells this plan from any other of the same area (SHA-256)."""
        bounds = [(*t.core.bounds, *t.window.bounds) for t in self.tiles]
        rest = self.batch_size, self.factor, self.n_looks
        return sha256(repr((bounds, *rest)).encode()).hexdigest()


def split_evenly(start: int, length: int, largest: int) -> list[Span]:
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
    n_looks: int = 1,
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
    n_looks : int, optional
        How often the network looks at each tile.

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
    context = context_px(cell_diameter_px)
    window = max(1, math.floor(window_px / factor))
    if window <= 2 * context:
        raise SettingsError(
            f"Windows of {window_px} working pixels are smaller than their context; "
            f"give {math.ceil((2 * context + 1) * factor)} or more."
        )
    cores = product(
        split_axis(area.row, area.height, shape[0], window, context),
        split_axis(area.column, area.width, shape[1], window, context),
    )
    tiles = tuple(
        Tile(index, core, core.padded(context).intersection(slide))
        for index, core in enumerate(map(_region_of, cores))
    )
    return TilePlan(area, factor, tiles, batch_size, working_diameter_px, n_looks)


def plan_searched(
    plan: TilePlan,
    screen: Screen,
    shape: tuple[int, int],
    *,
    cell_diameter_px: float,
    window_px: int,
) -> TilePlan:
    """Plan windows around the places that a search has marked, if that saves work.

    Parameters
    ----------
    plan : TilePlan
        That of the whole area.
    screen : Screen
        Where the middles of white cells may be; covers the area.
    shape : tuple of int
        Rows and columns of the slide at level 0.
    cell_diameter_px : float
        Typical diameter of a white cell at level 0.
    window_px : int
        Largest side of a window, in working pixels.

    Returns
    -------
    searched : TilePlan
        `plan` itself where most of the area is to be looked at.
    """
    context = context_px(cell_diameter_px)
    window = math.floor(window_px / plan.factor)
    largest = window - 2 * context
    block = screen.block_px
    cost = WindowCost(
        context / block,
        max(1, math.floor(largest / block) - 1),  # blocks differ by a pixel
        WINDOW_COST_PX / (plan.factor * block) ** 2,
        SIDE_STEP_PX / (plan.factor * block),
    )
    places = (screen.region_of(blocks) for blocks in cover(screen.wanted, cost))
    wanted = [r for p in places if not (r := p.intersection(plan.area)).is_empty]
    cores = [_region_of(pair) for region in wanted for pair in _split(region, largest)]
    slide = Region.of_shape(shape)
    even = partial(_even_window, factor=plan.factor, largest=window)
    tiles = tuple(
        Tile(index, core, even(core.padded(context)).intersection(slide))
        for index, core in enumerate(cores)
    )
    searched = replace(plan, tiles=tiles)
    return searched if searched.cost_px <= WORTH_WHILE * plan.cost_px else plan


def context_px(cell_diameter_px: float) -> int:
    """Context around a core, in level-0 pixels."""
    return math.ceil(CONTEXT_CELLS * cell_diameter_px)


def _split(region: Region, largest: int) -> Iterable[tuple[Span, Span]]:
    """Cut a region into rows and columns of pieces of a bounded size."""
    return product(
        split_evenly(region.row, region.height, largest),
        split_evenly(region.column, region.width, largest),
    )


def _region_of(spans: tuple[Span, Span]) -> Region:
    """Region of a stretch of rows and one of columns."""
    (row, row_stop), (column, column_stop) = spans
    return Region.from_bounds(row, column, row_stop, column_stop)


def _even_window(seen: Region, *, factor: float, largest: int) -> Region:
    """Grow a window to one of few sizes; it may leave the slide."""
    step = SIDE_STEP_PX
    height, width = (
        min(largest, math.floor(step * math.ceil(side * factor / step) / factor))
        for side in (seen.height, seen.width)
    )
    row = seen.row - (height - seen.height) // 2
    column = seen.column - (width - seen.width) // 2
    return Region(row, column, height, width)


def split_axis(
    start: int, length: int, limit: int, window: int, context: int
) -> list[Span]:
    """Cut one axis; a piece that reaches the slide's edge needs no context there."""
    seen = min(limit, start + length + context) - max(0, start - context)
    if seen <= window:
        return [(start, start + length)]
    return split_evenly(start, length, window - 2 * context)
