"""Masks of a cell on their way between the viewer and its worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.correct.clicking import Outline

__all__ = ["PackedOutline"]


class PackedOutline(NamedTuple):
    """Masks of a cell as they are at either end of the pipe, and plain data between.

    Parameters
    ----------
    region : Region
        Box of the masks at level 0.
    nucleus, cytoplasm : ndarray of bool, shape (height, width) of `region`
        Masks.
    """

    region: Region
    nucleus: NDArray[np.bool_]
    cytoplasm: NDArray[np.bool_]

    @classmethod
    def of(cls, cell: Outline) -> PackedOutline:
        """Take the masks of a cell."""
        return cls(cell.region, cell.nucleus, cell.cytoplasm)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        from napari_leukoseg.case.masks import pack_bits

        masks = np.stack([self.nucleus, self.cytoplasm])
        return {"bounds": list(self.region.bounds), "masks": pack_bits(masks)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PackedOutline:
        """Read what `to_dict` gave."""
        from napari_leukoseg.case.masks import unpack_bits

        region = Region.from_bounds(*data["bounds"])
        masks = unpack_bits(data["masks"], (2, region.height, region.width))
        return cls(region, masks[0], masks[1])
