"""Label pictures cut into tiles, as TIFF writers take them one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.export.progress import expect_steps, take_step
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.case import Case

    Reader = Callable[[Region, int], NDArray[Any]]

__all__ = [
    "CLASSIC_TIFF_BYTES",
    "TILE_PX",
    "expect_tiles",
    "label_layers",
    "label_tiles",
    "resolution_tags",
]

TILE_PX = 512
"""Side of a tile; few are held at a time, whatever the size of the slide."""

CLASSIC_TIFF_BYTES = 2**32 - 2**25
"""Largest picture that surely fits the 32-bit offsets of a classic TIFF."""


def label_layers(case: Case) -> dict[str, tuple[np.dtype[Any], Reader]]:
    """Return type and reader, by region and level, of each label picture.

    Parameters
    ----------
    case : Case
        Case to read.

    Returns
    -------
    layers : dict
        ``nucleus`` and ``cytoplasm`` (uint32 cell ids) and ``class`` (uint8 class
        ids); 0 is background.
    """
    return {
        "nucleus": (
            np.dtype(np.uint32),
            lambda region, level: case.read_labels("nucleus", region, level),
        ),
        "cytoplasm": (
            np.dtype(np.uint32),
            lambda region, level: case.read_labels("cytoplasm", region, level),
        ),
        "class": (np.dtype(np.uint8), case.read_classes),
    }


def label_tiles(
    shape: tuple[int, int], dtype: np.dtype[Any], read: Reader, level: int = 0
) -> Iterator[NDArray[Any]]:
    """Yield whole tiles row by row, those at the end filled up with background.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the level.
    dtype : dtype
        Type of the tiles.
    read : callable
        Gives the labels of a region of a level.
    level : int, optional
        Level, 0 the finest.

    Yields
    ------
    tile : ndarray, shape (TILE_PX, TILE_PX)
        Labels.
    """
    picture = Region.of_shape(shape)
    for row in range(0, shape[0], TILE_PX):
        for column in range(0, shape[1], TILE_PX):
            region = Region(row, column, TILE_PX, TILE_PX).intersection(picture)
            tile = np.zeros((TILE_PX, TILE_PX), dtype)
            tile[: region.height, : region.width] = read(region, level)
            take_step()  # who takes the last tile may not come back
            yield tile


def expect_tiles(shapes: Sequence[tuple[int, int]], n_layers: int) -> None:
    """Say how many tiles some label pictures with levels of these shapes have."""
    n_tiles = sum(
        -(-rows // TILE_PX) * -(-columns // TILE_PX) for rows, columns in shapes
    )
    expect_steps(n_layers * n_tiles)


def resolution_tags(mpp: float | None) -> dict[str, Any]:
    """Return the resolution tags of a pixel size; unknown is one without unit."""
    if mpp is None:
        return {"resolution": (1, 1), "resolutionunit": "NONE"}
    per_cm = 1e4 / mpp
    return {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
