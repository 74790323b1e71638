"""Ground on which a person has said that there is no cell, against later runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case.masks import boxes_meeting, pack_bits, tight_box, unpack_bits
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Patch = tuple[Region, NDArray[np.bool_]]

__all__ = ["PersonalGround", "decode_patch", "encode_patch", "joined"]

SAME_CELL_RATIO = 5
"""Most that two outlines of one cell differ in area.

The nucleus is a fifth of the cell or more, whereas a platelet on a white cell is
less, so that clearing away a platelet does not forbid the cell beneath.
"""


class PersonalGround:
    """What a person has cleared of cells, or declared to be complete.

    Parameters
    ----------
    patches : iterable of mapping
        Pixels taken from a cell and given to no other, as `encode_patch` gives
        them; one a cell.
    areas : iterable of Region
        Areas in which a person has found every cell.
    """

    def __init__(
        self, patches: Iterable[Mapping[str, Any]], areas: Iterable[Region]
    ) -> None:
        self._patches = list(patches)
        boxes = [patch["box"] for patch in self._patches]
        self._boxes = np.array(boxes, dtype=np.int64).reshape(-1, 4)
        self._areas = tuple(areas)

    def forbids(
        self, region: Region, mask: NDArray[np.bool_], centroid: tuple[float, float]
    ) -> bool:
        """Whether a run may not put a cell here.

        It may not in a complete area, nor where a person has cleared away what
        seems to be the same cell: the two share more than half of the smaller,
        and differ in area by less than `SAME_CELL_RATIO`.

        Parameters
        ----------
        region : Region
            Box of the cell at level 0.
        mask : ndarray of bool, shape (height, width) of `region`
            The pixels that it would get; at least one.
        centroid : tuple of float
            Its row and column.
        """
        if any(area.contains(*centroid) for area in self._areas):
            return True
        size = int(mask.sum())
        for index in boxes_meeting(self._boxes, region):
            box, cleared = decode_patch(self._patches[index])
            common = box.intersection(region)
            both = _part(mask, region, common) & _part(cleared, box, common)
            shared = int(both.sum())
            area = int(cleared.sum())
            if 2 * shared > min(size, area) and size <= SAME_CELL_RATIO * area:
                return True
        return False


def encode_patch(region: Region, mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return a mask that is not empty as plain data."""
    box = tight_box(mask)
    return {
        "box": list(box.shifted(region.row, region.column).bounds),
        "mask": pack_bits(mask[box.slices]),
    }


def decode_patch(patch: Mapping[str, Any]) -> Patch:
    """Return region and mask of plain data."""
    region = Region.from_bounds(*patch["box"])
    return region, unpack_bits(patch["mask"], (region.height, region.width))


def joined(first: Patch, second: Patch) -> Patch:
    """Return the union of two masks."""
    region = first[0].union(second[0])
    mask = np.zeros((region.height, region.width), bool)
    for place, part in (first, second):
        mask[place.shifted(-region.row, -region.column).slices] |= part
    return region, mask


def _part(mask: NDArray[np.bool_], region: Region, part: Region) -> NDArray[np.bool_]:
    """Return the piece of a mask that lies in a part of its region."""
    return mask[part.shifted(-region.row, -region.column).slices]
