"""Pixels of one pyramid level: from blocks, from decoded rows, or derived."""

from __future__ import annotations

import shutil
import tempfile
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.geometry import Region, Size
from napari_leukoseg.slide.cache import BlockCache
from napari_leukoseg.slide.faults import Unreadable
from napari_leukoseg.slide.resample import halve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    LoadRegion = Callable[[Region], NDArray[np.uint8]]

__all__ = [
    "BLOCK_CACHE_BYTES",
    "MAX_DECODE_BYTES",
    "MAX_MEMORY_BYTES",
    "BlockSource",
    "LevelSource",
    "RowLayout",
    "RowSource",
    "SpooledSource",
    "check_decode_bytes",
    "gridded",
    "halved",
]

MAX_MEMORY_BYTES = 256 << 20
"""A flat picture is kept in memory up to this many bytes of RGB, else on disk."""

MAX_DECODE_BYTES = 1 << 30
"""Memory that decoding one inseparable part of a picture may take."""

BLOCK_CACHE_BYTES = 128 << 20
"""Decoded blocks of a slide's stored levels that are kept, together."""

_HALVED_CACHE_BYTES = 64 << 20
_HALVED_BLOCK = Size(512, 512)
_MAX_BLOCK_BYTES = 32 << 20  # so that the cache holds several
_SPARE_DISK_BYTES = 512 << 20


def check_decode_bytes(n_bytes: int, part: str) -> None:
    """Refuse to decode a part of a picture that does not fit in memory.

    Raises
    ------
    Unreadable
        If it needs more than `MAX_DECODE_BYTES`.
    """
    if n_bytes > MAX_DECODE_BYTES:
        raise Unreadable(
            f"{part} can only be decoded as a whole, which takes "
            f"{n_bytes / 2**30:.1f} GiB of memory and {MAX_DECODE_BYTES / 2**30:.0f} "
            "GiB are allowed; convert the picture to a tiled pyramidal TIFF or to "
            "OME-Zarr, for instance with QuPath or bfconvert."
        )


class LevelSource(ABC):
    """Pixels of one level.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape

    @abstractmethod
    def read(self, region: Region) -> NDArray[np.uint8]:
        """Return (M, N, 3) RGB of a region inside the level, as a new array."""

    def prepare(self) -> None:  # noqa: B027 (most have nothing to do)
        """Do now what the first read would have to do for the whole level."""

    def close(self) -> None:  # noqa: B027
        """Release memory and files."""


class BlockSource(LevelSource):
    """Level that is decoded block by block; blocks are cached.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    block : Size
        Grid that the level is decoded by, from its first pixel.
    load : callable
        Decodes a region that is one block, cut at the level's edge.
    cache : BlockCache
        Holds decoded blocks; levels of a slide may share one.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        block: Size,
        load: LoadRegion,
        cache: BlockCache,
    ) -> None:
        super().__init__(shape)
        self._block = block
        self._load = load
        self._cache = cache

    def read(self, region: Region) -> NDArray[np.uint8]:
        """Assemble a region from blocks."""
        image = np.empty((region.height, region.width, 3), np.uint8)
        if region.is_empty:
            return image
        for block in self._blocks_in(region):
            pixels = self._cache.get((id(self), block), partial(self._load, block))
            part = block.intersection(region)
            source = part.shifted(-block.row, -block.column).slices
            target = part.shifted(-region.row, -region.column).slices
            image[target] = pixels[source]
        return image

    def _blocks_in(self, region: Region) -> Iterator[Region]:
        """Grid blocks that a region touches."""
        height, width = self._block.height, self._block.width
        level = Region.of_shape(self.shape)
        for row in range(region.row // height * height, region.row_stop, height):
            first = region.column // width * width
            for column in range(first, region.column_stop, width):
                yield Region(row, column, height, width).intersection(level)

    def close(self) -> None:
        """Forget the blocks."""
        self._cache.clear()


@dataclass(frozen=True)
class RowLayout:
    """Where uncompressed rows of pixels lie in a file.

    Parameters
    ----------
    offset : int
        Byte of the first stored row.
    stride : int
        Bytes from one row to the next.
    dtype : numpy.dtype
        Type of a sample, with byte order.
    n_samples : int
        Samples per pixel, interleaved.
    is_bottom_up : bool, optional
        Whether the last row is stored first.
    """

    offset: int
    stride: int
    dtype: np.dtype[Any]
    n_samples: int
    is_bottom_up: bool = False


class RowSource(LevelSource):
    """Level whose rows lie uncompressed in a file; nothing is kept in memory.

    Plain reads rather than a memory map: a map would count as memory of the
    process, and a share that disappears would kill it.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    file : binary file
        Seekable; closed with the source.
    layouts : sequence of RowLayout
        One, or one per plane where samples are stored separately.
    to_rgb : callable
        Converts stored samples (M, N, n_samples) to RGB.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        file: IO[bytes],
        layouts: tuple[RowLayout, ...],
        to_rgb: Callable[[NDArray[Any]], NDArray[np.uint8]],
    ) -> None:
        super().__init__(shape)
        self._file = file
        self._layouts = layouts
        self._to_rgb = to_rgb
        self._lock = threading.Lock()

    def read(self, region: Region) -> NDArray[np.uint8]:
        """Read and convert the rows of a region."""
        planes = [self._read_plane(region, layout) for layout in self._layouts]
        samples = planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)
        return self._to_rgb(samples)

    def _read_plane(self, region: Region, layout: RowLayout) -> NDArray[Any]:
        """Read stored samples of a region, (M, N, n_samples)."""
        pixel_bytes = layout.dtype.itemsize * layout.n_samples
        rows = np.empty((region.height, region.width * pixel_bytes), np.uint8)
        for index in range(region.height):
            row = region.row + index
            if layout.is_bottom_up:
                row = self.shape[0] - 1 - row
            offset = layout.offset + row * layout.stride
            self._read_row(offset + region.column * pixel_bytes, rows[index])
        samples = rows.view(layout.dtype)
        return samples.reshape(region.height, region.width, layout.n_samples)

    def _read_row(self, offset: int, row: NDArray[np.uint8]) -> None:
        """Fill one row of bytes."""
        with self._lock:
            self._file.seek(offset)
            data = self._file.read(row.nbytes)
        if len(data) != row.nbytes:
            raise Unreadable("it ends before its last row; copy it again.")
        row[:] = np.frombuffer(data, np.uint8)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class SpooledSource(LevelSource):
    """Level that can only be decoded from its first row to its last.

    Decoded once, at the first read: into memory where it fits
    `MAX_MEMORY_BYTES`, else into a temporary file that vanishes with the
    source.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    decode : callable
        Yields bands of full rows, (M, columns, 3) uint8, from the top down.
    """

    def __init__(
        self, shape: tuple[int, int], decode: Callable[[], Iterator[NDArray[np.uint8]]]
    ) -> None:
        super().__init__(shape)
        self._decode = decode
        self._lock = threading.Lock()
        self._image: NDArray[np.uint8] | None = None
        self._rows: RowSource | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes of the decoded level."""
        return self.shape[0] * self.shape[1] * 3

    def prepare(self) -> None:
        """Decode the level if that is still to be done."""
        with self._lock:
            if self._image is None and self._rows is None:
                if self.n_bytes <= MAX_MEMORY_BYTES:
                    self._image = self._decode_to_memory()
                else:
                    self._rows = self._decode_to_disk()

    def read(self, region: Region) -> NDArray[np.uint8]:
        """Cut a region from the decoded level."""
        self.prepare()
        if self._rows is not None:
            return self._rows.read(region)
        assert self._image is not None  # noqa: S101 (prepared just above)
        return self._image[region.slices].copy()

    def close(self) -> None:
        """Drop the decoded level."""
        with self._lock:
            if self._rows is not None:
                self._rows.close()
            self._image = self._rows = None

    def _bands(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield first row and pixels of each band; refuse missing rows."""
        row = 0
        for band in self._decode():
            band = band[: self.shape[0] - row]
            yield row, band
            row += len(band)
        if row != self.shape[0]:
            raise Unreadable(
                f"it ends after {row} of {self.shape[0]} rows; copy it again."
            )

    def _decode_to_memory(self) -> NDArray[np.uint8]:
        """Decode into one array."""
        image = np.empty((*self.shape, 3), np.uint8)
        for row, band in self._bands():
            image[row : row + len(band)] = band
        return image

    def _decode_to_disk(self) -> RowSource:
        """Decode into a temporary file."""
        _check_disk(self.n_bytes)
        # Kept open: it has no name on POSIX and deletes itself on Windows.
        file = tempfile.TemporaryFile(prefix="leukoseg-")  # noqa: SIM115
        try:
            for _, band in self._bands():
                file.write(np.ascontiguousarray(band).data)
            file.flush()
        except BaseException:
            file.close()
            raise
        layout = RowLayout(0, self.shape[1] * 3, np.dtype(np.uint8), 3)
        return RowSource(self.shape, file, (layout,), lambda samples: samples)


def _check_disk(n_bytes: int) -> None:
    """Refuse to fill the temporary folder."""
    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    if n_bytes + _SPARE_DISK_BYTES > free:
        raise Unreadable(
            f"it has no pyramid and decodes to {n_bytes / 2**30:.1f} GiB, but the "
            f"temporary folder {folder} has {free / 2**30:.1f} GiB free; free some "
            "space there, or convert the picture to a tiled pyramidal TIFF or to "
            "OME-Zarr."
        )


def gridded(
    shape: tuple[int, int],
    block: Size,
    load: LoadRegion,
    cache: BlockCache,
    *,
    bytes_per_pixel: int,
) -> LevelSource:
    """Choose how a level is read that is stored in blocks.

    Blocks of moderate size are decoded as they are asked for. Full-width
    strips and huge blocks would be decoded again for every region that crosses
    them, so such a level is decoded once.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    block : Size
        Stored block.
    load : callable
        Decodes a region that starts and ends on block edges or the level's.
    cache : BlockCache
        For blocks of moderate size.
    bytes_per_pixel : int
        Of the stored samples, decoded.
    """
    level = Size(*shape)
    if block.width < level.width and block.area * 3 <= _MAX_BLOCK_BYTES:
        return BlockSource(shape, block, load, cache)
    band = Size(min(block.height, level.height), level.width)
    check_decode_bytes(
        band.area * (bytes_per_pixel + 3),
        f"a stored part of {band.height}×{band.width} pixels",
    )
    return SpooledSource(shape, lambda: _bands_of_blocks(level, block, load))


def _bands_of_blocks(
    level: Size, block: Size, load: LoadRegion
) -> Iterator[NDArray[np.uint8]]:
    """Decode one row of blocks after another."""
    for row in range(0, level.height, block.height):
        height = min(block.height, level.height - row)
        yield load(Region(row, 0, height, level.width))


def halved(below: LevelSource) -> LevelSource:
    """Return the level above another: two by two pixels averaged, when asked for."""
    bounds = Region.of_shape(below.shape)

    def load(region: Region) -> NDArray[np.uint8]:
        doubled = Region.from_bounds(*(2 * bound for bound in region.bounds))
        return halve(below.read(doubled.intersection(bounds)))

    shape = (-(-below.shape[0] // 2), -(-below.shape[1] // 2))
    # A cache of its own: finer levels are scanned and would push this one out.
    return BlockSource(shape, _HALVED_BLOCK, load, BlockCache(_HALVED_CACHE_BYTES))
