"""Workbench of an edit: cells in frames of their own, and who owns a pixel."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.case import CellChanges, StoredCell, boxes_meeting, tight_box
from napari_leukoseg.correct.measuring import measured_row
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.case import Case
    from napari_leukoseg.slide import SlideReader

__all__ = ["Bench", "Part", "check_mask", "framed"]


class Part(StrEnum):
    """What of a cell an edit means."""

    NUCLEUS = "nucleus"
    CYTOPLASM = "cytoplasm"
    CELL = "cell"


class Bench:
    """What an edit plans with.

    Parameters
    ----------
    case : Case
        Case that is edited.
    slide : SlideReader or None
        Its slide, to measure cells in.
    """

    def __init__(self, case: Case, slide: SlideReader | None) -> None:
        self.case = case
        self._slide = slide

    def cells(self, cell_ids: Collection[int]) -> list[StoredCell]:
        """Return cells of the case, each once, in the order given.

        Raises
        ------
        SettingsError
            If one does not exist.
        """
        return [self.case.cell(cell_id) for cell_id in dict.fromkeys(cell_ids)]

    def clipped(self, region: Region) -> Region:
        """Return the part of a region that lies inside the slide."""
        return region.intersection(Region.of_shape(self.case.shape))

    def reframed(self, cell: StoredCell, region: Region) -> StoredCell:
        """Return a cell in a frame that holds it and a region, inside the slide."""
        frame = self.clipped(cell.region.union(region))
        return replace(
            cell,
            region=frame,
            nucleus=framed(cell.nucleus, cell.region, frame),
            cytoplasm=framed(cell.cytoplasm, cell.region, frame),
        )

    def settle(
        self,
        wanted: Sequence[StoredCell],
        *,
        removed: Sequence[int] = (),
        overwrite: bool = False,
    ) -> CellChanges:
        """Let cells have the outlines that an edit wants, as far as these are free.

        A pixel is free for a cell if no other has it, or if the other gives it up
        in the same edit. Where two want a free one, the first gets it; where nucleus
        and cytoplasm of one cell do, the nucleus. A cell of the case that is left
        without a pixel is removed.

        Parameters
        ----------
        wanted : sequence of StoredCell
            Cells of the case with other masks, and new ones, in any frames inside
            the slide.
        removed : sequence of int
            Cells that the edit removes.
        overwrite : bool
            Whether cells that the edit does not name yield their pixels.

        Raises
        ------
        SettingsError
            If a new cell would have no pixel.
        """
        named = {cell.cell_id for cell in wanted} | set(removed)
        placed = self._placed(wanted, named, overwrite=overwrite)
        gone = [c.cell_id for c in wanted if c.cell_id not in placed]
        if any(cell_id >= self.case.next_id for cell_id in gone):
            raise SettingsError(
                "The new cell would have no pixel: what was drawn is empty or lies on "
                "other cells; draw it beside them, or overwrite them."
            )
        kept = list(placed.values())
        if overwrite:
            yielding, emptied = self._yielding(kept, named)
            kept += yielding
            gone += emptied
        changed = [cell for cell in kept if self._differs(cell)]
        return CellChanges(
            cells=[self._measured(cell) for cell in changed],
            removed=[*removed, *gone],
        )

    def _placed(
        self, wanted: Sequence[StoredCell], named: Collection[int], *, overwrite: bool
    ) -> dict[int, StoredCell]:
        """Return the pixels that cells get, by id, of those that get any."""
        frames = np.array([cell.region.bounds for cell in wanted]).reshape(-1, 4)
        placed: dict[int, StoredCell] = {}
        for cell in wanted:
            near = [wanted[index] for index in boxes_meeting(frames, cell.region)]
            rivals = [other for other in near if other is not cell]
            free = overwrite | np.isin(self.case.read_ids(cell.region), [0, *named])
            free &= self._unclaimed(cell, rivals, placed)
            nucleus = cell.nucleus & free
            rest = _cropped(cell, nucleus, cell.cytoplasm & free & ~nucleus)
            if rest is not None:
                placed[cell.cell_id] = rest
        return placed

    def _unclaimed(
        self,
        cell: StoredCell,
        rivals: Sequence[StoredCell],
        placed: Mapping[int, StoredCell],
    ) -> NDArray[np.bool_]:
        """Return the pixels of a frame that no other cell of the edit keeps or got."""
        owners = self.case.read_ids(cell.region)
        unclaimed = np.ones(owners.shape, bool)
        for rival in rivals:
            wants = framed(rival.mask, rival.region, cell.region)
            unclaimed &= ~(wants & (owners == rival.cell_id))
            if rival.cell_id in placed:
                got = placed[rival.cell_id]
                unclaimed &= ~framed(got.mask, got.region, cell.region)
        return unclaimed

    def _yielding(
        self, placed: Sequence[StoredCell], named: Collection[int]
    ) -> tuple[list[StoredCell], list[int]]:
        """Return the cells that lose pixels to others, and those that lose all."""
        owners = [
            np.unique(self.case.read_ids(cell.region)[cell.mask]) for cell in placed
        ]
        losers = set(np.concatenate([[], *owners]).astype(int).tolist()) - {0}
        kept, emptied = [], []
        for loser in self.cells(sorted(losers - set(named))):
            rest = np.ones(loser.mask.shape, bool)
            for cell in placed:
                rest &= ~framed(cell.mask, cell.region, loser.region)
            left = _cropped(loser, loser.nucleus & rest, loser.cytoplasm & rest)
            if left is None:
                emptied.append(loser.cell_id)
            else:
                kept.append(left)
        return kept, emptied

    def _differs(self, cell: StoredCell) -> bool:
        """Whether a cell is new or has other masks than in the case."""
        if cell.cell_id >= self.case.next_id:
            return True
        before = self.case.cell(cell.cell_id)
        return not (
            before.region == cell.region
            and np.array_equal(before.nucleus, cell.nucleus)
            and np.array_equal(before.cytoplasm, cell.cytoplasm)
        )

    def _measured(self, cell: StoredCell) -> StoredCell:
        """Return a cell with its measurements made anew."""
        return replace(cell, row=measured_row(self.case, self._slide, cell))


def framed(mask: NDArray[np.bool_], region: Region, frame: Region) -> NDArray[np.bool_]:
    """Return the part of a region's mask that lies in a frame, in that frame."""
    result = np.zeros((frame.height, frame.width), bool)
    common = region.intersection(frame)
    if not common.is_empty:
        source = common.shifted(-region.row, -region.column).slices
        target = common.shifted(-frame.row, -frame.column).slices
        result[target] = mask[source]
    return result


def check_mask(mask: NDArray[np.bool_], region: Region) -> None:
    """Refuse a mask that does not fit its region.

    Raises
    ------
    SettingsError
        If the sizes differ or the mask is not boolean.
    """
    if mask.shape != (region.height, region.width) or mask.dtype != bool:
        raise SettingsError(
            f"A mask of shape {mask.shape} and type {mask.dtype} does not fit a region "
            f"of {region.height}x{region.width} pixels; give a boolean one of its size."
        )


def _cropped(
    cell: StoredCell, nucleus: NDArray[np.bool_], cytoplasm: NDArray[np.bool_]
) -> StoredCell | None:
    """Return a cell with other masks in the smallest box, none without a pixel."""
    box = tight_box(nucleus | cytoplasm)
    if box.is_empty:
        return None
    return replace(
        cell,
        region=box.shifted(cell.region.row, cell.region.column),
        nucleus=nucleus[box.slices],
        cytoplasm=cytoplasm[box.slices],
    )
