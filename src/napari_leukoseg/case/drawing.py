"""Cells as journal entries, and journal records drawn into label images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case.ground import PersonalGround
from napari_leukoseg.case.masks import pack_bits, tight_box, unpack_bits
from napari_leukoseg.case.painting import LabelStage
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_leukoseg.case.masks import HasMasks
    from napari_leukoseg.case.painting import PyramidWriter
    from napari_leukoseg.cell import SegmentedCell

__all__ = ["Drawing", "decode_masks", "encode_cell"]

_MAX_STAGED_CHUNKS = 64
"""Chunks a label image may hold in memory while a long journal is redrawn."""


def encode_cell(cell_id: int, cell: HasMasks, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the journal entry of a cell: enough to draw it again."""
    return {
        "id": cell_id,
        "box": list(cell.region.bounds),
        "center": list(cell.centroid),
        "mask": pack_bits(np.stack([cell.nucleus, cell.cytoplasm])),
        "row": dict(row),
    }


def decode_masks(entry: Mapping[str, Any]) -> tuple[Region, NDArray[np.bool_]]:
    """Return box and masks of a journal entry.

    Returns
    -------
    region : Region
        Box at level 0.
    masks : ndarray of bool, shape (2, height, width)
        Nucleus, cytoplasm.
    """
    region = Region.from_bounds(*entry["box"])
    return region, unpack_bits(entry["mask"], (2, region.height, region.width))


class Drawing:
    """Both label images of a case while cells are drawn into them.

    Parameters
    ----------
    nucleus, cytoplasm : PyramidWriter
        Where the cells go at `flush`.
    ground : PersonalGround, optional
        Where `place` puts no cell.
    """

    def __init__(
        self,
        nucleus: PyramidWriter,
        cytoplasm: PyramidWriter,
        ground: PersonalGround | None = None,
    ) -> None:
        self._shape = nucleus.shapes[0]
        self._ground = ground or PersonalGround((), ())
        self._stages = (LabelStage(nucleus), LabelStage(cytoplasm))

    def place(self, cell: SegmentedCell, cell_id: int) -> SegmentedCell | None:
        """Draw a cell where no other is.

        Returns
        -------
        placed : SegmentedCell or None
            The pixels that were free, in their own box; none, and nothing is
            drawn, if more than half of the cell belongs to earlier ones, or if a
            person has said that there is none.
        """
        self._check(cell)
        mask = cell.mask
        free = mask.copy()
        for stage in self._stages:
            free &= stage.read(cell.region) == 0
        if not free.any() or 2 * free.sum() < mask.sum():
            return None
        placed = _cropped(cell, free)
        if self._ground.forbids(placed.region, placed.mask, placed.centroid):
            return None
        self._paint(placed.region, (placed.nucleus, placed.cytoplasm), cell_id)
        return placed

    def redo(self, record: Mapping[str, Any]) -> None:
        """Draw what a journal record removed and added, at once or at `flush`.

        Drawing all records from some point on gives the same image however many
        of them had been drawn before.
        """
        for cell_id, *box in record.get("erase", ()):
            for stage in self._stages:
                stage.erase(Region.from_bounds(*box), cell_id)
            self._relieve()
        for entry in record.get("cells", ()):
            region, masks = decode_masks(entry)
            self._paint(region, masks, entry["id"])
            self._relieve()

    def flush(self) -> None:
        """Write what was drawn."""
        for stage in self._stages:
            stage.flush()

    def _paint(
        self,
        region: Region,
        masks: NDArray[np.bool_] | tuple[NDArray[np.bool_], NDArray[np.bool_]],
        cell_id: int,
    ) -> None:
        """Set the pixels of a cell."""
        for stage, mask in zip(self._stages, masks, strict=True):
            if mask.any():
                stage.paint(region, mask, cell_id)

    def _relieve(self) -> None:
        """Write early where much has gathered, so that memory stays flat."""
        for stage in self._stages:
            if len(stage) > _MAX_STAGED_CHUNKS:
                stage.flush()

    def _check(self, cell: SegmentedCell) -> None:
        """Refuse a cell that cannot be drawn."""
        box = cell.region
        if box.intersection(Region.of_shape(self._shape)) != box:
            raise SettingsError(
                f"A cell's box {box.bounds} leaves the slide of {self._shape[0]}x"
                f"{self._shape[1]} pixels; clip it to the slide."
            )
        for mask in (cell.nucleus, cell.cytoplasm):
            if mask.shape != (box.height, box.width):
                raise SettingsError(
                    f"A cell's mask of shape {mask.shape} does not fit its box of "
                    f"{box.height}x{box.width} pixels; make them equal."
                )


def _cropped(cell: SegmentedCell, free: NDArray[np.bool_]) -> SegmentedCell:
    """Return a cell with only its free pixels, in the smallest box."""
    box = tight_box(free)
    nucleus = (cell.nucleus & free)[box.slices]
    return replace(
        cell,
        region=box.shifted(cell.region.row, cell.region.column),
        nucleus=nucleus,
        cytoplasm=(cell.cytoplasm & free)[box.slices] & ~nucleus,
    )
