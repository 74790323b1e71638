"""Which edits a stroke on a labels layer means; imported where one is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case import tight_box
from napari_leukoseg.correct import (
    AddCell,
    AssignClass,
    ErasePixels,
    PaintPixels,
    Part,
)
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.plugin.roles import CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_leukoseg.case import Case
    from napari_leukoseg.correct import Edit
    from napari_leukoseg.geometry import Region

__all__ = ["has_cell", "stroke_edits", "true_labels"]

_LEAST_REACH_PX = 50
"""Gap between a cell and what is painted for it that is never too wide."""


def stroke_edits(
    case: Case,
    role: str,
    region: Region,
    before: NDArray[Any],
    after: NDArray[Any],
    *,
    overwrite: bool,
) -> Iterator[Edit]:
    """Yield the edits that a stroke means, usually one.

    Parameters
    ----------
    case : Case
        Case whose labels were painted on.
    role : str
        Layer that was painted on: ``nucleus``, ``cytoplasm`` or ``WBC class``.
    region : Region
        Place of the pixels at level 0.
    before, after : ndarray of int, shape (height, width) of `region`
        Labels of the case, and what was made of them. An id that no cell has means
        a new cell.
    overwrite : bool
        Whether other cells yield their pixels, and a painted cytoplasm takes those
        of the nucleus.

    Raises
    ------
    SettingsError
        If what was painted makes no sense: a class erased, or pixels far from the
        cell that they are for.
    """
    changed = before != after
    for value in np.unique(after[changed]).tolist():
        mask = changed & (after == value)
        box = tight_box(mask)
        place = box.shifted(region.row, region.column)
        if role == CLASSES:
            yield _class_edit(case, place, mask[box.slices], value)
        else:
            part = Part(role)
            yield _pixel_edit(case, part, place, mask[box.slices], value, overwrite)


def has_cell(case: Case, cell_id: int) -> bool:
    """Whether a case has a cell."""
    try:
        case.cell_row(cell_id)
    except SettingsError:
        return False
    return True


def true_labels(case: Case, role: str, region: Region) -> NDArray[Any]:
    """Return what a layer of a case should show in a region of level 0."""
    if role == CLASSES:
        return case.read_classes(region)
    return case.read_labels(role, region)


def _class_edit(
    case: Case, place: Region, mask: NDArray[np.bool_], class_id: int
) -> Edit:
    """Return the edit that a stroke on the class layer means."""
    if class_id not in case.scheme:
        raise SettingsError(
            f"{class_id} is no class of this case; paint with the number of one "
            f"({', '.join(f'{c.id} {c.name}' for c in case.scheme)}), or delete cells."
        )
    ids = np.unique(case.read_ids(place)[mask]).tolist()
    cells = tuple(int(cell_id) for cell_id in ids if cell_id)
    if not cells:
        raise SettingsError(
            "Classes are given to cells, and there is none where you painted; paint "
            "its nucleus or cytoplasm first."
        )
    return AssignClass(cells, class_id)


def _pixel_edit(
    case: Case,
    part: Part,
    place: Region,
    mask: NDArray[np.bool_],
    cell_id: int,
    overwrite: bool,
) -> Edit:
    """Return the edit that a stroke on a layer of cell ids means."""
    if not cell_id:
        return ErasePixels(part, place, mask)
    if not has_cell(case, cell_id):
        nothing = np.zeros_like(mask)
        masks = (mask, nothing) if part == Part.NUCLEUS else (nothing, mask)
        return AddCell(place, *masks, overwrite=overwrite)
    _check_reach(case, cell_id, place)
    if part == Part.CYTOPLASM and not overwrite:
        mask = mask & (case.read_labels(Part.NUCLEUS, place) != cell_id)
    return PaintPixels(cell_id, part, place, mask, overwrite=overwrite)


def _check_reach(case: Case, cell_id: int, place: Region) -> None:
    """Refuse pixels that lie farther from a cell than it is wide."""
    box = case.cell(cell_id).region
    gap = max(
        place.row - box.row_stop,
        box.row - place.row_stop,
        place.column - box.column_stop,
        box.column - place.column_stop,
    )
    if gap > max(box.height, box.width, _LEAST_REACH_PX):
        raise SettingsError(
            f"What you painted lies {gap} pixels from cell {cell_id}; click the cell "
            "that it belongs to first, or press M to paint a new one."
        )
