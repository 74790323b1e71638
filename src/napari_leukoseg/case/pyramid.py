"""Label pyramids on disk: levels, chunks, and reading by region.

Reads the chunk files of the zarr arrays that `layout` creates. Going through
zarr costs five to eight times as much for the many small pieces of a tile, and
hides which files an edit touches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import imagecodecs
import numpy as np

from napari_leukoseg.case.files import patiently
from napari_leukoseg.errors import CaseError, SettingsError
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Key = tuple[int, int]
    Block = NDArray[np.uint32]
    Slices = tuple[slice, slice]

__all__ = [
    "CHUNK_PX",
    "DamagedChunkError",
    "LabelPyramid",
    "chunk_parts",
    "level_shapes",
]

CHUNK_PX = 512
"""Side of a chunk at every level; even, so that decimation keeps to chunks."""

COARSEST_PX = 512
"""Longest side that the coarsest level may have."""

ZSTD_LEVEL = 1
"""Label images are so regular that higher levels gain nothing."""

_DTYPE = np.dtype("<u4")


def level_shapes(shape: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Return the shapes of all levels, each taking every second pixel.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of level 0.
    """
    shapes = [shape]
    while max(shapes[-1]) > COARSEST_PX:
        rows, columns = shapes[-1]
        shapes.append((-(-rows // 2), -(-columns // 2)))
    return tuple(shapes)


class DamagedChunkError(CaseError):
    """A label chunk on disk cannot be read."""


class LabelPyramid:
    """One label image of a case, all levels.

    Parameters
    ----------
    folder : Path
        Zarr group with one array a level, named ``0``, ``1``, ...
    shape : tuple of int
        Rows and columns of level 0.
    """

    def __init__(self, folder: Path, shape: tuple[int, int]) -> None:
        self.folder = folder
        self.shapes = level_shapes(shape)

    def read(self, region: Region, level: int = 0) -> Block:
        """Read a region.

        Parameters
        ----------
        region : Region
            Rectangle inside the level, in that level's pixels.
        level : int, optional
            Level, 0 the finest.

        Returns
        -------
        labels : ndarray of uint32, shape (height, width) of `region`
            Cell ids; 0 is background.

        Raises
        ------
        SettingsError
            If the level does not exist or the region leaves it.
        CaseError
            If a chunk on disk is damaged.
        """
        self.check(region, level)
        labels: Block = np.zeros((region.height, region.width), np.uint32)
        for key, inside, outside in chunk_parts(region):
            labels[outside] = self.load(level, key)[inside]
        return labels

    def load(self, level: int, key: Key) -> Block:
        """Return a writable copy of a chunk; zeros where none is stored."""
        path = self.chunk_path(level, key)
        try:
            data = patiently(path.read_bytes)
        except FileNotFoundError:
            return np.zeros((CHUNK_PX, CHUNK_PX), _DTYPE)
        try:
            return _decode(data)
        except (imagecodecs.ZstdError, ValueError) as error:
            raise DamagedChunkError(
                f"The label chunk {path} is damaged ({error}); "
                "Case.rebuild_labels() draws the labels anew from the journal."
            ) from error

    def check(self, region: Region, level: int) -> None:
        """Refuse what lies outside the pyramid."""
        if not 0 <= level < len(self.shapes):
            raise SettingsError(
                f"Label level {level} does not exist; give 0 to {len(self.shapes) - 1}."
            )
        whole = Region.of_shape(self.shapes[level])
        if region.intersection(whole) != region:
            raise SettingsError(
                f"Region {region.bounds} leaves label level {level} of "
                f"{whole.height}x{whole.width} pixels; clip it to the level."
            )

    def chunk_path(self, level: int, key: Key) -> Path:
        """Return the file of a chunk, as zarr 3 names it."""
        return self.folder / str(level) / "c" / str(key[0]) / str(key[1])


def _decode(data: bytes) -> Block:
    """Return the chunk of a file's bytes."""
    out = bytearray(CHUNK_PX * CHUNK_PX * _DTYPE.itemsize)
    n_bytes = len(imagecodecs.zstd_decode(data, out=out))
    if n_bytes != len(out):
        raise ValueError(f"it holds {n_bytes} bytes instead of {len(out)}")
    return np.frombuffer(out, _DTYPE).reshape(CHUNK_PX, CHUNK_PX)


def chunk_parts(region: Region) -> Iterator[tuple[Key, Slices, Slices]]:
    """Cut a region at chunk borders: key, place in the chunk, place in the region."""
    rows = list(_cuts(region.row, region.row_stop))
    columns = list(_cuts(region.column, region.column_stop))
    for row, row_inside, row_outside in rows:
        for column, column_inside, column_outside in columns:
            yield (
                (row, column),
                (row_inside, column_inside),
                (row_outside, column_outside),
            )


def _cuts(start: int, stop: int) -> Iterator[tuple[int, slice, slice]]:
    """Cut an interval at chunk borders."""
    for index in range(start // CHUNK_PX, -(-stop // CHUNK_PX)):
        low = max(start, index * CHUNK_PX)
        high = min(stop, (index + 1) * CHUNK_PX)
        yield (
            index,
            slice(low - index * CHUNK_PX, high - index * CHUNK_PX),
            slice(low - start, high - start),
        )
