"""Edits of pixels: painting and erasing nucleus or cytoplasm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.correct.bench import Part, check_mask, framed
from napari_leukoseg.correct.edit import PlannedEdit
from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.case import CellChanges, StoredCell
    from napari_leukoseg.correct.bench import Bench
    from napari_leukoseg.geometry import Region

__all__ = ["ErasePixels", "PaintPixels"]


@dataclass(frozen=True, eq=False)
class PaintPixels(PlannedEdit):
    """Make pixels nucleus or cytoplasm of a cell.

    Parameters
    ----------
    cell_id : int
        Cell.
    part : Part or str
        ``nucleus`` or ``cytoplasm``; a pixel of the cell's other part changes over.
    region : Region
        Box of the mask at level 0; what leaves the slide is cut off.
    mask : ndarray of bool, shape (height, width) of `region`
        Pixels to paint.
    overwrite : bool, optional
        Whether other cells yield their pixels; else they keep them.
    """

    cell_id: int
    part: Part
    region: Region
    mask: NDArray[np.bool_]
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_mask(self.mask, self.region)
        if self.part not in (Part.NUCLEUS, Part.CYTOPLASM):
            raise SettingsError(
                f"Part {self.part!r} cannot be painted; give nucleus or cytoplasm."
            )

    def plan(self, bench: Bench) -> CellChanges:
        """Add the pixels to one part and take them from the other."""
        cell = bench.case.cell(self.cell_id)
        cell = bench.reframed(cell, bench.clipped(self.region))
        painted = framed(self.mask, self.region, cell.region)
        nucleus, cytoplasm = cell.nucleus & ~painted, cell.cytoplasm & ~painted
        if self.part == Part.NUCLEUS:
            nucleus |= painted
        else:
            cytoplasm |= painted
        drawn = replace(cell, nucleus=nucleus, cytoplasm=cytoplasm)
        return bench.settle([drawn], overwrite=self.overwrite)


@dataclass(frozen=True, eq=False)
class ErasePixels(PlannedEdit):
    """Make pixels background; a cell that loses its last one is removed.

    Parameters
    ----------
    part : Part or str
        What is erased; ``cell`` erases both.
    region : Region
        Box of the mask at level 0; what leaves the slide is cut off.
    mask : ndarray of bool, shape (height, width) of `region`
        Pixels to erase.
    cell_ids : tuple of int, optional
        Cells that are erased from; all by default.
    """

    part: Part
    region: Region
    mask: NDArray[np.bool_]
    cell_ids: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_mask(self.mask, self.region)
        if self.part not in list(Part):
            raise SettingsError(
                f"Part {self.part!r} is unknown; give nucleus, cytoplasm or cell."
            )

    def plan(self, bench: Bench) -> CellChanges:
        """Take the pixels from every cell that they meet."""
        frame = bench.clipped(self.region)
        met = bench.case.read_ids(frame)[framed(self.mask, self.region, frame)]
        ids = set(np.unique(met).tolist()) - {0}
        if self.cell_ids is not None:
            ids &= set(self.cell_ids)
        return bench.settle([self._erased(cell) for cell in bench.cells(sorted(ids))])

    def _erased(self, cell: StoredCell) -> StoredCell:
        """Return a cell without the pixels."""
        rest = ~framed(self.mask, self.region, cell.region)
        if self.part != Part.CYTOPLASM:
            cell = replace(cell, nucleus=cell.nucleus & rest)
        if self.part != Part.NUCLEUS:
            cell = replace(cell, cytoplasm=cell.cytoplasm & rest)
        return cell
