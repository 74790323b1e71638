"""Tiled TIFF pyramids written in one pass, with memory that stays flat."""

from __future__ import annotations

import itertools
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_leukoseg.synthetic.smear import BLOCK_PX

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.synthetic.smear import Smear

    Tile = NDArray[np.uint8]

__all__ = [
    "SOFTWARE",
    "PyramidLevel",
    "ome_metadata",
    "plan_levels",
    "pyramid_tiles",
    "resolution_tags",
    "write_generic_pyramid",
    "write_ome_pyramid",
]

COARSEST_SIDE_PX = 1024
"""A pyramid ends at the first level that is no longer than this."""

JPEG_QUALITY = 87

SOFTWARE = "napari-leukoseg"

HALF_PX = BLOCK_PX // 2


@dataclass(frozen=True)
class PyramidLevel:
    """One level of a pyramid.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns in pixels.
    downsample : int
        How many pixels of level 0 lie along one of its pixels.
    """

    shape: tuple[int, int]
    downsample: int

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return -(-self.shape[0] // BLOCK_PX), -(-self.shape[1] // BLOCK_PX)

    @property
    def n_tiles(self) -> int:
        """Number of tiles."""
        return self.grid[0] * self.grid[1]


def plan_levels(shape: tuple[int, int]) -> list[PyramidLevel]:
    """Halve, rounding up, until the whole smear fits on a screen."""
    levels = [PyramidLevel(shape, 1)]
    while max(levels[-1].shape) > COARSEST_SIDE_PX:
        rows, columns = levels[-1].shape
        half = (-(-rows // 2), -(-columns // 2))
        levels.append(PyramidLevel(half, 2 * levels[-1].downsample))
    return levels


def pyramid_tiles(
    smear: Smear, levels: list[PyramidLevel], folder: Path
) -> Generator[Tile, None, None]:
    """Yield the tiles of all levels, finest first, row by row.

    A tile is averaged down to a quarter as soon as it is made; the quarters
    wait in temporary files in `folder` until the next level is put together
    from them.
    """
    with ExitStack() as files:
        finer: _Quarters | None = None
        for level in levels:
            file = files.enter_context(tempfile.TemporaryFile(dir=folder))
            quarters = _Quarters(file, level.grid)
            for row, column in itertools.product(*map(range, level.grid)):
                tile = (
                    smear.draw_block(row, column)
                    if finer is None
                    else finer.assemble(row, column)
                )
                quarters.append(tile)
                yield tile
            finer = quarters


class _Quarters:
    """Tiles of one level at half their size, on disk in row order."""

    def __init__(self, file: IO[bytes], grid: tuple[int, int]) -> None:
        self._file = file
        self._grid = grid

    def append(self, tile: Tile) -> None:
        """Average a tile down and store it after the last one."""
        wide = tile.astype(np.uint16)
        pairs = wide[0::2] + wide[1::2]
        total = pairs[:, 0::2] + pairs[:, 1::2]
        mean = (total + np.uint16(2)) >> np.uint16(2)
        self._file.write(mean.astype(np.uint8).tobytes())

    def assemble(self, row: int, column: int) -> Tile:
        """Return the tile of the coarser level that four quarters make.

        Where the level has no more tiles, it is blank: outside the picture.
        """
        tile = np.full((BLOCK_PX, BLOCK_PX, 3), 255, dtype=np.uint8)
        for down, right in itertools.product(range(2), range(2)):
            part = (2 * row + down, 2 * column + right)
            if part[0] < self._grid[0] and part[1] < self._grid[1]:
                top, left = down * HALF_PX, right * HALF_PX
                tile[top : top + HALF_PX, left : left + HALF_PX] = self._load(*part)
        return tile

    def _load(self, row: int, column: int) -> Tile:
        """Read one quarter back."""
        n_bytes = HALF_PX * HALF_PX * 3
        self._file.seek((row * self._grid[1] + column) * n_bytes)
        stored = np.frombuffer(self._file.read(n_bytes), dtype=np.uint8)
        return stored.reshape(HALF_PX, HALF_PX, 3)


def write_generic_pyramid(
    path: Path, tiles: Iterator[Tile], *, levels: list[PyramidLevel], mpp: float
) -> None:
    """Write a BigTIFF whose levels are successive pages, as OpenSlide reads it."""
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for level in levels:
            file.write(
                itertools.islice(tiles, level.n_tiles),
                **_page_options(level, mpp),
                subfiletype=0 if level.downsample == 1 else 1,
                metadata=None,
            )


def write_ome_pyramid(
    path: Path, tiles: Iterator[Tile], *, levels: list[PyramidLevel], mpp: float
) -> None:
    """Write an OME-TIFF whose coarser levels are SubIFDs."""
    with tifffile.TiffWriter(path, bigtiff=True, ome=True) as file:
        for level in levels:
            is_full = level.downsample == 1
            file.write(
                itertools.islice(tiles, level.n_tiles),
                **_page_options(level, mpp),
                subfiletype=0 if is_full else 1,
                subifds=len(levels) - 1 if is_full else None,
                metadata=ome_metadata(mpp) if is_full else None,
            )


def _page_options(level: PyramidLevel, mpp: float) -> dict[str, Any]:
    """Return what tifffile needs to know of any page."""
    return {
        "shape": (*level.shape, 3),
        "dtype": "uint8",
        "tile": (BLOCK_PX, BLOCK_PX),
        "photometric": "rgb",
        "compression": "jpeg",
        "compressionargs": {"level": JPEG_QUALITY},
        "software": SOFTWARE,
        # Tiles come from one queue; encoding keeps up with drawing.
        "maxworkers": 1,
        **resolution_tags(mpp * level.downsample),
    }


def ome_metadata(mpp: float) -> dict[str, Any]:
    """Return what an OME-TIFF says of an RGB picture."""
    return {
        "axes": "YXS",
        "PhysicalSizeX": mpp,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": mpp,
        "PhysicalSizeYUnit": "µm",
    }


def resolution_tags(mpp: float) -> dict[str, Any]:
    """Return TIFF resolution tags for a pixel size."""
    per_cm = 10_000 / mpp
    return {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
