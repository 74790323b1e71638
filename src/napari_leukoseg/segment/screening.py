"""Finds where white cells may be on a slide, from a low-resolution level.

The Romanowsky complex of chromatin absorbs green and red and lets blue pass, while
red cells do the reverse, so that at a few pixels a cell nuclei still stand out. What
is marked is far more than white cells, but hardly ever less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

    from napari_leukoseg.geometry import Size
    from napari_leukoseg.slide import SlideReader

__all__ = ["Screen", "ScreenSettings", "mark_nuclei", "screen_area"]

BLOCKS_PER_CELL = 4
"""Blocks along the diameter of a cell, in which places are told apart."""

PIECE_CELLS = 128
"""Side in cell diameters of what is read and judged at a time."""

GROUND_QUANTILE = 0.95
"""Share of the pixels that the ground outshines: lamp spots cover less than the
rest, and in the densest parts of a smear some ground is to be seen."""

RED_CELL_QUANTILE = 0.9
"""Share of the pixels with less nuclear density than red cells; white cells cover
about one percent."""

NUCLEUS_QUANTILE = 0.999
"""Share of the pixels with less nuclear density than typical nuclei, where there are
any; specks of dirt cover less than the rest."""

OVERVIEW_PX = 1024
"""Side of the picture by which the ground of a whole slide is judged."""

BLACK = 24
"""Gray level in every channel below which nothing was scanned."""


@dataclass(frozen=True)
class ScreenSettings:
    """How a slide is searched before the network sees it; lengths in cell diameters.

    Nuclear density is the optical density (natural logarithm) in red and green less
    that in blue, averaged over 3 x 3 pixels of the screen. Of 661 labeled cells of
    public smears from four laboratories each has 1.5 times the threshold at its
    darkest, and twice the smallest area above it.

    Parameters
    ----------
    min_area_px : int, optional
        Pixels of level 0 from which an area is searched; the fields of cameras
        have fewer, and are predicted whole.
    diameter_px : float, optional
        Diameter of a cell in the picture that is searched.
    min_density, max_density : float, optional
        Limits of the nuclear density from which a place is marked.
    red_cell_factor, nucleus_share : float, optional
        The same threshold between them: as a multiple of what red cells have, or
        as a share of what dark nuclei have, whichever is less.
    min_area : float, optional
        Smallest mark, in squares of the diameter: platelets and places where red
        cells overlap are smaller.
    reach : float, optional
        How far from a mark the middle of its cell may lie.
    """

    min_area_px: int = 32_000_000
    diameter_px: float = 10.0
    min_density: float = 0.42
    max_density: float = 1.1
    red_cell_factor: float = 2.8
    nucleus_share: float = 0.42
    min_area: float = 0.06
    reach: float = 0.5

    def __post_init__(self) -> None:
        for name in (
            "diameter_px",
            "min_density",
            "red_cell_factor",
            "nucleus_share",
            "min_area",
            "reach",
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}; give a number above 0."
                )
        if self.max_density < self.min_density:
            raise SettingsError(
                f"max_density is {self.max_density}; give {self.min_density} "
                "(min_density) or more."
            )

    def applies_to(self, area: Region) -> bool:
        """Whether an area of level 0 is large enough to be searched."""
        return area.size.area >= self.min_area_px


@dataclass(frozen=True, eq=False)
class Screen:
    """Where the middles of white cells may be.

    Parameters
    ----------
    area : Region
        Part of level 0 that was searched.
    wanted : ndarray of bool, shape (R, C)
        Blocks that may hold one; together they cover the area evenly.
    """

    area: Region
    wanted: NDArray[np.bool_]

    @property
    def block_px(self) -> float:
        """Mean side of a block, in level-0 pixels."""
        rows, columns = self.wanted.shape
        return math.sqrt(self.area.size.area / (rows * columns))

    def region_of(self, blocks: Region) -> Region:
        """Return a rectangle of blocks at level 0."""
        rows, columns = self.wanted.shape
        area = self.area
        return Region.from_bounds(
            area.row + _edge(blocks.row, area.height, rows),
            area.column + _edge(blocks.column, area.width, columns),
            area.row + _edge(blocks.row_stop, area.height, rows),
            area.column + _edge(blocks.column_stop, area.width, columns),
        )


def screen_area(
    slide: SlideReader,
    area: Region,
    cell_diameter_px: float,
    settings: ScreenSettings,
) -> Generator[tuple[int, int], None, Screen]:
    """Search an area of a slide for what may be white cells, piece by piece.

    Parameters
    ----------
    slide : SlideReader
        The slide as it is, whatever stain step the network asks for.
    area : Region
        Part of level 0.
    cell_diameter_px : float
        Typical diameter of a white cell at level 0.
    settings : ScreenSettings
        What is marked.

    Yields
    ------
    done, total : int
        Pieces.

    Returns
    -------
    screen : Screen
        Equal for equal arguments.
    """
    block_px = cell_diameter_px / BLOCKS_PER_CELL
    rows, columns = (max(1, round(n / block_px)) for n in (area.height, area.width))
    screen = Screen(area, np.zeros((rows, columns), np.bool_))
    factor = min(1.0, settings.diameter_px / cell_diameter_px)
    ground = ground_of(slide.overview(OVERVIEW_PX))
    pieces = list(_pieces(rows, columns))
    for done, piece in enumerate(pieces):
        yield done, len(pieces)
        image = slide.read_scaled(screen.region_of(piece), factor)
        marks = mark_nuclei(image, ground, settings)
        screen.wanted[piece.slices] = _any_in_blocks(marks, piece.size)
    reach = _disk(math.ceil(settings.reach * BLOCKS_PER_CELL))
    return Screen(area, ndimage.binary_dilation(screen.wanted, reach))


def mark_nuclei(
    image: NDArray[np.uint8], ground: NDArray[np.float64], settings: ScreenSettings
) -> NDArray[np.bool_]:
    """Mark the pixels that may belong to nuclei of white cells.

    Parameters
    ----------
    image : ndarray of shape (M, N, 3) and dtype uint8
        Piece of the slide with cells of `settings.diameter_px`.
    ground : ndarray of shape (3,)
        RGB of the slide's unstained ground, 0 to 255.
    settings : ScreenSettings
        What is marked.

    Returns
    -------
    marks : ndarray of shape (M, N) and dtype bool
    """
    density = _nuclear_density(image, ground)
    red_cells, nuclei = np.quantile(density, (RED_CELL_QUANTILE, NUCLEUS_QUANTILE))
    relative = min(
        settings.red_cell_factor * red_cells, settings.nucleus_share * nuclei
    )
    threshold = np.clip(relative, settings.min_density, settings.max_density)
    marks: NDArray[np.bool_] = (density > threshold) & (image.max(axis=-1) >= BLACK)
    return marks


def ground_of(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """RGB of the unstained ground, 0 to 255."""
    return np.asarray(np.quantile(image, GROUND_QUANTILE, axis=(0, 1)), np.float64)


def _nuclear_density(
    image: NDArray[np.uint8], ground: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Density in red and green less that in blue, averaged, shape (M, N)."""
    here = ground_of(image)
    # A piece full of cells shows no ground, and one beside the smear only glass:
    # what gives the higher density holds, so that none is overlooked.
    light = np.array([*np.maximum(here, ground)[:2], min(here[2], ground[2])])
    levels = np.arange(256)[:, None]
    table = np.log((light + 1) / (levels + 1)).astype(np.float32)  # (256, 3)
    red, green, blue = (table[image[..., channel], channel] for channel in range(3))
    density: NDArray[np.float32] = ndimage.uniform_filter(
        red + green - np.maximum(blue, 0), 3, mode="nearest"
    )
    return density


def _without_specks(marks: NDArray[np.bool_], min_px: float) -> NDArray[np.bool_]:
    """Drop marks of fewer pixels, except those that the border may have cut."""
    labels, _ = ndimage.label(marks, np.ones((3, 3)))
    is_kept = np.bincount(labels.ravel()) >= min_px
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        is_kept[border] = True
    is_kept[0] = False
    return np.asarray(is_kept[labels], np.bool_)


def _pieces(rows: int, columns: int) -> Iterator[Region]:
    """Cut a grid of blocks into squares."""
    side = PIECE_CELLS * BLOCKS_PER_CELL
    whole = Region.of_shape((rows, columns))
    for row, column in product(range(0, rows, side), range(0, columns, side)):
        yield Region(row, column, side, side).intersection(whole)


def _any_in_blocks(marks: NDArray[np.bool_], size: Size) -> NDArray[np.bool_]:
    """Whether there is a mark in each block of an even grid."""
    for axis, count in enumerate((size.height, size.width)):
        starts = np.arange(count) * marks.shape[axis] // count
        marks = np.logical_or.reduceat(marks, starts, axis=axis)
    return marks


def _disk(radius: int) -> NDArray[np.bool_]:
    """Square array whose inscribed disk is set."""
    offsets = np.arange(-radius, radius + 1)
    return np.asarray(np.hypot(offsets[:, None], offsets) <= radius + 0.5, np.bool_)


def _edge(block: int, length_px: int, n_blocks: int) -> int:
    """First pixel of a block, of so many that share a length evenly."""
    return block * length_px // n_blocks
