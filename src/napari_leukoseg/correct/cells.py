"""Edits of whole cells: class, review, removing, merging, adding, replacing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_leukoseg.case import (
    CLASS_COLUMN,
    REVIEWED_COLUMN,
    CellChanges,
    StoredCell,
)
from napari_leukoseg.classes import UNCLASSIFIED
from napari_leukoseg.correct.bench import check_mask, framed
from napari_leukoseg.correct.edit import PlannedEdit
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_leukoseg.correct.bench import Bench

__all__ = [
    "AddCell",
    "AssignClass",
    "DeleteCells",
    "MarkAreaReviewed",
    "MarkReviewed",
    "MergeCells",
    "ReplaceMasks",
]


@dataclass(frozen=True)
class AssignClass(PlannedEdit):
    """Give cells a class, which also marks them as reviewed.

    Parameters
    ----------
    cell_ids : tuple of int
        Cells.
    class_id : int
        Class of the case's scheme.
    """

    cell_ids: tuple[int, ...]
    class_id: int

    def plan(self, bench: Bench) -> CellChanges:
        """Change two columns of the table."""
        bench.case.scheme[self.class_id]
        values = {CLASS_COLUMN: self.class_id, REVIEWED_COLUMN: True}
        ids = dict.fromkeys(self.cell_ids)
        return CellChanges(rows=[{"cell_id": i, **values} for i in ids])


@dataclass(frozen=True)
class MarkReviewed(PlannedEdit):
    """Say whether a person has confirmed cells.

    Parameters
    ----------
    cell_ids : tuple of int
        Cells.
    reviewed : bool, optional
        Whether they are confirmed.
    """

    cell_ids: tuple[int, ...]
    reviewed: bool = True

    def plan(self, bench: Bench) -> CellChanges:  # noqa: ARG002
        """Change one column of the table."""
        ids = dict.fromkeys(self.cell_ids)
        return CellChanges(
            rows=[{"cell_id": i, REVIEWED_COLUMN: self.reviewed} for i in ids]
        )


@dataclass(frozen=True)
class MarkAreaReviewed(PlannedEdit):
    """Say that every cell of an area is found and right, or take that back.

    Cells in it become reviewed, and no run adds others. The area then tells training
    what ground is.

    Parameters
    ----------
    area : Region, optional
        Part of the slide at level 0; the whole by default.
    complete : bool, optional
        False takes back all areas that meet this one; cells stay reviewed.
    """

    area: Region | None = None
    complete: bool = True

    def plan(self, bench: Bench) -> CellChanges:
        """Change the areas, and a column of the table."""
        area = self.area or Region.of_shape(bench.case.shape)
        known = bench.case.reviewed_areas
        if not self.complete:
            apart = [a for a in known if a.intersection(area).is_empty]
            return CellChanges(areas=apart)
        is_known = any(a.union(area) == a for a in known)
        rest = [a for a in known if is_known or a.union(area) != area]
        ids, boxes = bench.case.cell_boxes()
        centers = (boxes[:, :2] + boxes[:, 2:] - 1) / 2
        inside = [
            int(cell_id)
            for cell_id, center in zip(ids, centers, strict=True)
            if area.contains(*center)
        ]
        reviewed = [{"cell_id": i, REVIEWED_COLUMN: True} for i in inside]
        return CellChanges(rows=reviewed, areas=rest if is_known else [*rest, area])


@dataclass(frozen=True)
class DeleteCells(PlannedEdit):
    """Remove cells; no run puts them back.

    Parameters
    ----------
    cell_ids : tuple of int
        Cells.
    """

    cell_ids: tuple[int, ...]

    def plan(self, bench: Bench) -> CellChanges:  # noqa: ARG002
        """Remove the cells."""
        return CellChanges(removed=list(dict.fromkeys(self.cell_ids)))


@dataclass(frozen=True)
class MergeCells(PlannedEdit):
    """Make one cell of several; the first keeps id, class and review.

    Parameters
    ----------
    cell_ids : tuple of int
        Two cells or more.
    """

    cell_ids: tuple[int, ...]

    def plan(self, bench: Bench) -> CellChanges:
        """Give the first the masks of all."""
        if len(set(self.cell_ids)) < 2:
            raise SettingsError(
                f"Cells {self.cell_ids} are fewer than two; name those to merge."
            )
        first, *others = bench.cells(self.cell_ids)
        for other in others:
            first = bench.reframed(first, other.region)
            first = replace(
                first,
                nucleus=first.nucleus
                | framed(other.nucleus, other.region, first.region),
                cytoplasm=first.cytoplasm
                | framed(other.cytoplasm, other.region, first.region),
            )
        return bench.settle([first], removed=[other.cell_id for other in others])


@dataclass(frozen=True, eq=False)
class AddCell(PlannedEdit):
    """Add a cell that a person has drawn.

    Parameters
    ----------
    region : Region
        Box of the masks at level 0; what leaves the slide is cut off.
    nucleus, cytoplasm : ndarray of bool, shape (height, width) of `region`
        Masks; where both are, it is nucleus.
    class_id : int, optional
        Class of the case's scheme. With one, the cell counts as reviewed.
    overwrite : bool, optional
        Whether cells in the way yield their pixels; else they keep them.
    """

    region: Region
    nucleus: NDArray[np.bool_]
    cytoplasm: NDArray[np.bool_]
    class_id: int = UNCLASSIFIED
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_mask(self.nucleus, self.region)
        check_mask(self.cytoplasm, self.region)

    def plan(self, bench: Bench) -> CellChanges:
        """Draw a cell with the next id."""
        row = {
            CLASS_COLUMN: self.class_id,
            REVIEWED_COLUMN: self.class_id != UNCLASSIFIED,
        }
        drawn = _drawn(bench, self, bench.case.next_id, row)
        return bench.settle([drawn], overwrite=self.overwrite)


@dataclass(frozen=True, eq=False)
class ReplaceMasks(PlannedEdit):
    """Give a cell other masks; it keeps id, class and review.

    Parameters
    ----------
    cell_id : int
        Cell.
    region : Region
        Box of the masks at level 0; what leaves the slide is cut off.
    nucleus, cytoplasm : ndarray of bool, shape (height, width) of `region`
        Masks; where both are, it is nucleus.
    overwrite : bool, optional
        Whether cells in the way yield their pixels; else they keep them.
    """

    cell_id: int
    region: Region
    nucleus: NDArray[np.bool_]
    cytoplasm: NDArray[np.bool_]
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_mask(self.nucleus, self.region)
        check_mask(self.cytoplasm, self.region)

    def plan(self, bench: Bench) -> CellChanges:
        """Draw the cell anew."""
        before = bench.case.cell(self.cell_id)
        drawn = _drawn(bench, self, self.cell_id, before.row)
        changes = bench.settle([drawn], overwrite=self.overwrite)
        if self.cell_id in changes.removed:
            raise SettingsError(
                f"Cell {self.cell_id} would have no pixel: what was drawn is empty or "
                "lies on other cells; draw it beside them, or delete the cell."
            )
        return changes


def _drawn(
    bench: Bench,
    edit: AddCell | ReplaceMasks,
    cell_id: int,
    row: Mapping[str, Any],
) -> StoredCell:
    """Return a cell with the masks of an edit, cut to the slide."""
    frame = bench.clipped(edit.region)
    nucleus, cytoplasm = (
        framed(mask, edit.region, frame) for mask in (edit.nucleus, edit.cytoplasm)
    )
    return StoredCell(cell_id, frame, nucleus, cytoplasm, row)
