"""A drawn smear of any size, rendered where one looks."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.synthetic.block import BlockPainter, paste
from napari_leukoseg.synthetic.hashing import Purpose, place_rng
from napari_leukoseg.synthetic.lamp import Camera
from napari_leukoseg.synthetic.looks import get_look
from napari_leukoseg.synthetic.placement import DrawnCell, WhiteCellPlan
from napari_leukoseg.synthetic.scatter import Scatter
from napari_leukoseg.synthetic.settings import SmearSettings
from napari_leukoseg.synthetic.sprites import (
    PLATELET_RADIUS,
    RED_CELL_RADIUS,
    draw_platelets,
    draw_red_cells,
    turned,
)
from napari_leukoseg.synthetic.white_cells import CellPatch, draw_white_cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["BLOCK_PX", "DrawnRegion", "Smear", "draw_field"]

BLOCK_PX = 512
"""Side of the blocks in which a smear is rendered, whatever is asked for."""

OBJECTIVE_BLUR_UM = 0.10
"""Standard deviation of the blur of a good oil objective."""

LEAST_BLUR_PX = 0.45
"""Blur that a pixel's own extent gives."""

PLATELET_FRACTION = 0.0045
"""Share of the area under platelets."""

PLATELET_MIX = (0.62, 0.12, 0.26)
"""Thiazine, eosin and azure of a platelet."""

PLATELET_DENSITY = 0.62
"""Optical density of a platelet's darkest granules."""

HEAPED = 0.45
"""Share of its optical density that a red cell adds where it lies on another."""


@dataclass(frozen=True, eq=False)
class DrawnRegion:
    """Part of a smear with its exact labels.

    Parameters
    ----------
    region : Region
        Where it lies.
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    nucleus, cytoplasm : ndarray of uint32, shape (height, width)
        Cell ids; a cell has the same id in both, and they never overlap.
    classes : ndarray of uint8, shape (height, width)
        Class id of the pixel's cell.
    cells : tuple of DrawnCell
        Those that show at least one pixel, by ascending id.
    """

    region: Region
    image: NDArray[np.uint8]
    nucleus: NDArray[np.uint32]
    cytoplasm: NDArray[np.uint32]
    classes: NDArray[np.uint8]
    cells: tuple[DrawnCell, ...]


@dataclass(frozen=True, eq=False)
class _Block:
    """Rendered block; `labels` holds nucleus, then cytoplasm."""

    image: NDArray[np.uint8]
    labels: NDArray[np.uint32]
    classes: NDArray[np.uint8]


class Smear:
    """Drawn smear; every call gives the same pixels for the same place.

    Parameters
    ----------
    settings : SmearSettings
        What to draw.

    Notes
    -----
    Rendered in blocks on a fixed grid, and every cell is drawn whole from
    random numbers of its own, so neither the picture nor the labels depend on
    how the smear is cut into regions. Memory does not grow with its size. May
    be used from several threads.
    """

    def __init__(self, settings: SmearSettings) -> None:
        self.settings = settings
        self.look = get_look(settings.look)
        unit = settings.cell_diameter_px / 2
        blur_um = math.hypot(OBJECTIVE_BLUR_UM, settings.defocus_um)
        self._unit_px = unit
        self._blur_px = math.hypot(blur_um / settings.mpp, LEAST_BLUR_PX)
        self._plan = WhiteCellPlan(settings)
        self._camera = Camera(settings, self.look)
        self._dyes = self.look.dye_matrix.astype(np.float32)
        if settings.is_two_stain:
            self._dyes[2] = self._dyes[0]
        self._stock()
        self._block = lru_cache(maxsize=8)(self._draw_block)
        self._patch = lru_cache(maxsize=16)(self._draw_patch)

    def _stock(self) -> None:
        """Draw the red cells and platelets to choose from."""
        settings, look = self.settings, self.look
        seed, unit = settings.seed, self._unit_px
        self._red_cells = draw_red_cells(
            unit,
            self._blur_px,
            place_rng(seed, Purpose.RED_CELL_STOCK),
            pallor=look.pallor,
            has_ghosts=look.has_ghosts,
        )
        self._platelets = draw_platelets(
            unit, self._blur_px, place_rng(seed, Purpose.PLATELET_STOCK)
        )
        self._red_scatter = Scatter(
            seed,
            Purpose.RED_CELL,
            RED_CELL_RADIUS * unit,
            settings.red_cell_fraction,
            [len(s) for s in self._red_cells],
            pair_share=0.14,
        )
        self._platelet_scatter = Scatter(
            seed,
            Purpose.PLATELET,
            PLATELET_RADIUS * unit,
            PLATELET_FRACTION,
            [len(s) for s in self._platelets],
            pair_share=0.12,
            spread=0.4,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.settings.shape

    @property
    def mpp(self) -> float:
        """Side of a pixel in µm."""
        return self.settings.mpp

    @property
    def stain_matrix(self) -> NDArray[np.float64]:
        """Unit optical densities of thiazine and eosin; shape (2, 3)."""
        return self.look.stain_matrix

    def cells(self) -> Iterator[DrawnCell]:
        """Yield every white cell whose square meets the picture.

        A cell cut by the border may show no pixel; `DrawnRegion.cells` has
        those that do.
        """
        yield from self._plan.within(Region.of_shape(self.shape))

    def draw(self, region: Region | None = None) -> DrawnRegion:
        """Draw a region.

        Parameters
        ----------
        region : Region, optional
            Inside the smear; all of it if not given.

        Raises
        ------
        SettingsError
            If the region is not inside the smear.
        """
        whole = Region.of_shape(self.shape)
        region = whole if region is None else region
        if region.intersection(whole) != region:
            raise SettingsError(
                f"Region {region.bounds} is not inside the smear of "
                f"{self.shape[0]}x{self.shape[1]} pixels."
            )
        image = np.empty((region.height, region.width, 3), dtype=np.uint8)
        labels = np.empty((2, region.height, region.width), dtype=np.uint32)
        classes = np.empty((region.height, region.width), dtype=np.uint8)
        for row, column in _blocks_under(region):
            block, area = self._block(row, column), _block_region(row, column)
            part = area.intersection(region)
            to = part.shifted(-region.row, -region.column).slices
            of = part.shifted(-area.row, -area.column).slices
            image[to] = block.image[of]
            labels[:, *to] = block.labels[:, *of]
            classes[to] = block.classes[of]
        cells = tuple(c for c in self._plan.within(region) if _shows(c, labels, region))
        return DrawnRegion(region, image, labels[0], labels[1], classes, cells)

    def draw_block(self, row: int, column: int) -> NDArray[np.uint8]:
        """Return the picture of one block of the fixed grid, for writing tiles.

        Parameters
        ----------
        row, column : int
            Place in the grid of squares of `BLOCK_PX` pixels.

        Returns
        -------
        image : ndarray of uint8, shape (BLOCK_PX, BLOCK_PX, 3)
            Whole even where the block reaches beyond the smear's border.
        """
        return self._block(row, column).image

    def _draw_block(self, row: int, column: int) -> _Block:
        """Render one block of the fixed grid."""
        region = _block_region(row, column)
        # Red cells that reach in may lie on a white cell that does not.
        near = list(self._plan.within(region.padded(round(3 * self._unit_px))))
        density = self._draw_red_layer(region, near)
        self._add_platelets(density, region, near)
        painter = BlockPainter(region, density)
        for cell in near:
            if not cell.square.intersection(region).is_empty:
                painter.add_cell(cell, self._patch(cell))
        image = self._camera.record(painter.density(), region)
        return _Block(image, painter.labels, painter.classes)

    def _draw_red_layer(
        self, region: Region, near: list[DrawnCell]
    ) -> NDArray[np.float32]:
        """Ground and red cells; optical density, shape (3, height, width)."""
        layer = np.zeros((region.height, region.width), dtype=np.float32)
        radius = self._red_scatter.radius_px
        stamps = self._red_scatter.within(region).away_from(near, 0.45 * radius)
        for row, column, choice, turn, strength in stamps:
            paste(
                layer,
                turned(self._red_cells[choice], turn),
                row - region.row,
                column - region.column,
                strength,
            )
        # Heaped cells are flattened: together they are thinner than their sum.
        layer -= np.float32(1.0 - HEAPED) * np.maximum(layer - np.float32(1.05), 0.0)
        layer *= np.float32(self.look.red_cell_density)
        layer += self._camera.ground(region)
        vector = self.look.red_cell_vector.astype(np.float32)
        return vector[:, None, None] * layer

    def _add_platelets(
        self, density: NDArray[np.float32], region: Region, near: list[DrawnCell]
    ) -> None:
        """Add platelets to an optical density of shape (3, height, width)."""
        gain = PLATELET_DENSITY * self.look.thiazine_gain
        vector = gain * (np.asarray(PLATELET_MIX, dtype=np.float32) @ self._dyes)
        scatter = self._platelet_scatter
        stamps = scatter.within(region).away_from(near, scatter.radius_px)
        for row, column, choice, turn, strength in stamps:
            stamp = turned(self._platelets[choice], turn)
            for channel in range(3):
                paste(
                    density[channel],
                    stamp,
                    row - region.row,
                    column - region.column,
                    strength * float(vector[channel]),
                )

    def _draw_patch(self, cell: DrawnCell) -> CellPatch:
        """Draw a cell and turn its dyes into optical density."""
        patch = draw_white_cell(
            cell.class_id,
            cell.diameter_px / 2,
            self._blur_px,
            place_rng(self.settings.seed, Purpose.CELL, cell.cell_id),
            unit_px=self._unit_px,
        )
        look = self.look
        gains = (look.thiazine_gain, look.eosin_gain, look.thiazine_gain)
        matrix = self._dyes * np.asarray(gains, dtype=np.float32)[:, None]
        density = np.tensordot(matrix.T, patch.dyes, axes=1)
        return CellPatch(density, patch.opacity, patch.nucleus, patch.cytoplasm)


def draw_field(
    shape: tuple[int, int] = (768, 1024),
    *,
    seed: int = 0,
    cell_diameter_px: float = 100.0,
    look: str = "wright-giemsa",
    white_cell_fraction: float = 0.03,
) -> DrawnRegion:
    """Draw a camera field with its labels.

    Parameters
    ----------
    shape : tuple of int, optional
        Rows and columns in pixels.
    seed, cell_diameter_px, look, white_cell_fraction
        See `SmearSettings`, whose other values are those of `for_field`.

    Raises
    ------
    SettingsError
        If a value is outside its range.
    """
    settings = replace(
        SmearSettings.for_field(shape, seed),
        cell_diameter_px=cell_diameter_px,
        look=look,
        white_cell_fraction=white_cell_fraction,
    )
    return Smear(settings).draw()


def _block_region(row: int, column: int) -> Region:
    """Return where a block of the fixed grid lies."""
    return Region(row * BLOCK_PX, column * BLOCK_PX, BLOCK_PX, BLOCK_PX)


def _blocks_under(region: Region) -> Iterator[tuple[int, int]]:
    """Yield the places of the blocks that meet a region."""
    return itertools.product(
        range(region.row // BLOCK_PX, -(-region.row_stop // BLOCK_PX)),
        range(region.column // BLOCK_PX, -(-region.column_stop // BLOCK_PX)),
    )


def _shows(cell: DrawnCell, labels: NDArray[np.uint32], region: Region) -> bool:
    """Whether a cell has a pixel in the labels of `region`."""
    part = cell.square.intersection(region).shifted(-region.row, -region.column)
    return bool((labels[:, *part.slices] == cell.cell_id).any())
