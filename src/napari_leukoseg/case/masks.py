"""Masks of cells and of bare ground as the journal holds them."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = [
    "HasMasks",
    "StoredCell",
    "boxes_meeting",
    "pack_bits",
    "tight_box",
    "unpack_bits",
]


class HasMasks(Protocol):
    """What has a place and the masks of a cell."""

    @property
    def region(self) -> Region:
        """Box of the masks at level 0."""

    @property
    def nucleus(self) -> NDArray[np.bool_]:
        """Nucleus, of the shape of the box."""

    @property
    def cytoplasm(self) -> NDArray[np.bool_]:
        """Cytoplasm, of the shape of the box."""

    @property
    def centroid(self) -> tuple[float, float]:
        """Row and column of the mean cell pixel at level 0."""


@dataclass(frozen=True, eq=False)
class StoredCell:
    """One cell of a case: id, masks and table row.

    Parameters
    ----------
    cell_id : int
        Its value in the label images.
    region : Region
        Smallest box of the cell at level 0.
    nucleus, cytoplasm : ndarray of bool, shape (height, width) of `region`
        Disjoint masks; together they are the cell.
    row : mapping of str to bool, int, float, str or none
        Table columns by name, less ``cell_id``; none where missing.
    """

    cell_id: int
    region: Region
    nucleus: NDArray[np.bool_]
    cytoplasm: NDArray[np.bool_]
    row: Mapping[str, Any]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Nucleus and cytoplasm together."""
        return self.nucleus | self.cytoplasm

    @property
    def centroid(self) -> tuple[float, float]:
        """Row and column of the mean cell pixel at level 0."""
        rows, columns = np.nonzero(self.mask)
        return (
            float(rows.mean()) + self.region.row,
            float(columns.mean()) + self.region.column,
        )


def tight_box(mask: NDArray[np.bool_]) -> Region:
    """Return the smallest box that holds a mask, empty for an empty one."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return Region(0, 0, 0, 0)
    return Region.from_bounds(
        int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    )


def boxes_meeting(boxes: NDArray[np.int64], region: Region) -> list[int]:
    """Return the indices of the boxes, given as rows of bounds, that meet a region."""
    row, column, row_stop, column_stop = boxes.T
    meets = (row < region.row_stop) & (row_stop > region.row)
    meets &= (column < region.column_stop) & (column_stop > region.column)
    indices: list[int] = np.flatnonzero(meets).tolist()
    return indices


def pack_bits(masks: NDArray[np.bool_]) -> str:
    """Return masks as text: bits packed, compressed by zlib, in base64."""
    return base64.b64encode(zlib.compress(np.packbits(masks).tobytes(), 1)).decode()


def unpack_bits(text: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return what `pack_bits` was given, of a known shape."""
    bits = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    count = int(np.prod(shape))
    return np.unpackbits(bits, count=count).reshape(shape).astype(bool)
