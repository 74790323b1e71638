"""A level of a slide that looks like an array and is read where it is indexed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from napari_leukoseg.slide.reader import SlideReader

__all__ = ["LevelArray"]

_N_CHANNELS = 3


class LevelArray:
    """Lazy (rows, columns, 3) uint8 view of one level.

    Indexing with integers and slices reads only the pixels asked for; any
    other index is applied to the whole level. The reader must stay open.

    Parameters
    ----------
    reader : SlideReader
        Slide that is read.
    level : int
        Index into its levels.
    """

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, reader: SlideReader, level: int) -> None:
        self.reader = reader
        self.level = level
        self.shape = (*reader.levels[level].shape, _N_CHANNELS)

    @property
    def size(self) -> int:
        """Number of samples."""
        return self.shape[0] * self.shape[1] * _N_CHANNELS

    @property
    def nbytes(self) -> int:
        """Bytes of the whole level, decoded."""
        return self.size

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<LevelArray {self.reader.path.name} level {self.level} {self.shape}>"

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        if copy is False:
            raise ValueError("A slide level is read from its file; it has to be copied")
        return self._read(Region.of_shape(self.shape)).astype(
            dtype or self.dtype, copy=False
        )

    def __getitem__(self, index: Any) -> NDArray[Any]:
        parts = self._expanded(index if isinstance(index, tuple) else (index,))
        if parts is None:
            return np.asarray(np.asarray(self)[index])
        rows, columns, channels = parts
        row_start, row_stop, row_index = _window(rows, self.shape[0])
        column_start, column_stop, column_index = _window(columns, self.shape[1])
        image = self._read(
            Region.from_bounds(row_start, column_start, row_stop, column_stop)
        )
        return np.asarray(image[row_index, column_index, channels])

    def _read(self, region: Region) -> NDArray[np.uint8]:
        """Pixels of a region of the level."""
        return self.reader.read_region(region, self.level)

    def _expanded(self, index: tuple[Any, ...]) -> tuple[Any, Any, Any] | None:
        """One integer or slice per axis, or none where the index holds others."""
        dots = [i for i, part in enumerate(index) if part is Ellipsis]
        if len(dots) == 1:
            rest = slice(None), *(slice(None),) * (self.ndim - len(index))
            index = (*index[: dots[0]], *rest, *index[dots[0] + 1 :])
        is_basic = all(
            isinstance(part, (slice, int, np.integer)) and not isinstance(part, bool)
            for part in index
        )
        if not is_basic or len(index) > self.ndim:
            return None
        padded = (*index, *(slice(None),) * (self.ndim - len(index)))
        return padded[0], padded[1], padded[2]


def _window(part: int | slice, length: int) -> tuple[int, int, int | slice]:
    """Bounds to read along an axis, and the index into what was read."""
    if not isinstance(part, slice):
        position = int(part) + (length if part < 0 else 0)
        if not 0 <= position < length:
            raise IndexError(f"index {part} is out of bounds for {length} pixels")
        return position, position + 1, 0
    positions = range(length)[part]
    if not positions:
        return 0, 0, slice(None)
    first, last = min(positions[0], positions[-1]), max(positions[0], positions[-1])
    return first, last + 1, slice(None, None, positions.step)
