"""Refuses changes after which labels, table and class scheme would not agree."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case.drawing import decode_masks
from napari_leukoseg.case.masks import boxes_meeting, tight_box
from napari_leukoseg.case.state import CLASS_COLUMN
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from napari_leukoseg.case.state import CaseState
    from napari_leukoseg.classes import ClassScheme

__all__ = ["check_change"]


def check_change(
    change: Mapping[str, Any],
    state: CaseState,
    scheme: ClassScheme,
    read_ids: Callable[[Region], NDArray[np.uint32]],
    shape: tuple[int, int],
) -> None:
    """Make sure that a change can be made.

    Parameters
    ----------
    change : mapping
        See `changes`.
    state : CaseState
        What there is.
    scheme : ClassScheme
        Classes that cells may have.
    read_ids : callable
        Gives the id of the cell of each pixel of a region inside the slide.
    shape : tuple of int
        Rows and columns of the slide.

    Raises
    ------
    SettingsError
        If it names cells or classes that do not exist, draws a cell without a pixel
        or outside the slide, or gives one pixel to two cells.
    """
    entries = change.get("cells", ())
    _check_ids(change, state)
    for row in (*change.get("rows", ()), *(_row_of(entry) for entry in entries)):
        _check_class(row, state, scheme)
    freed = {entry["id"] for entry in entries} | set(change.get("removed", ()))
    boxes = np.array([entry["box"] for entry in entries]).reshape(-1, 4)
    for index, entry in enumerate(entries):
        region, masks = decode_masks(entry)
        _check_masks(entry["id"], region, masks, shape)
        mask = masks[0] | masks[1]
        taken = set(np.unique(read_ids(region)[mask]).tolist()) - freed - {0}
        for other in boxes_meeting(boxes[:index], region):
            if _overlap(region, mask, *decode_masks(entries[other])):
                taken.add(entries[other]["id"])
        if taken:
            raise SettingsError(
                f"Cell {entry['id']} would take pixels of cell {min(taken)}; leave "
                "them out, or change that cell too."
            )
    _check_areas(change, shape)


def _row_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a drawn cell, with its id."""
    return {**entry["row"], "cell_id": entry["id"]}


def _check_ids(change: Mapping[str, Any], state: CaseState) -> None:
    """Refuse cells that do not exist, and those named for two things."""
    drawn = [entry["id"] for entry in change.get("cells", ())]
    others = [row["cell_id"] for row in change.get("rows", ())]
    others += change.get("removed", ())
    counts = Counter([*drawn, *others])
    twice = [cell_id for cell_id, count in counts.items() if count > 1]
    if twice:
        raise SettingsError(
            f"Cell {twice[0]} is named twice in one edit; name it once."
        )
    missing = [i for i in others if i not in state.cells]
    if missing:
        raise SettingsError(
            f"There is no cell {missing[0]}; name cells of the cell table."
        )


def _check_class(row: Mapping[str, Any], state: CaseState, scheme: ClassScheme) -> None:
    """Refuse a new class that the scheme lacks."""
    if CLASS_COLUMN not in row:
        return
    class_id, cell_id = row[CLASS_COLUMN], row["cell_id"]
    is_known = cell_id in state.cells
    if not is_known or class_id != state.cells.value(cell_id, CLASS_COLUMN):
        scheme[class_id]


def _check_masks(
    cell_id: int, region: Region, masks: NDArray[np.bool_], shape: tuple[int, int]
) -> None:
    """Refuse masks that are not those of one cell inside the slide."""
    if region.is_empty or region.intersection(Region.of_shape(shape)) != region:
        raise SettingsError(
            f"Cell {cell_id} at {region.bounds} is empty or leaves the slide of "
            f"{shape[0]}x{shape[1]} pixels; clip it to the slide."
        )
    if (masks[0] & masks[1]).any():
        raise SettingsError(
            f"Nucleus and cytoplasm of cell {cell_id} overlap; make them disjoint."
        )
    if tight_box(masks[0] | masks[1]) != Region.of_shape(masks.shape[1:]):
        raise SettingsError(
            f"Cell {cell_id} does not fill its box {region.bounds}; give the smallest "
            "box of a cell that has a pixel."
        )


def _overlap(
    region: Region, mask: NDArray[np.bool_], other: Region, masks: NDArray[np.bool_]
) -> bool:
    """Whether two cells share a pixel."""
    common = region.intersection(other)
    if common.is_empty:
        return False
    ours = mask[common.shifted(-region.row, -region.column).slices]
    theirs = masks[:, *common.shifted(-other.row, -other.column).slices]
    return bool((ours & theirs.any(axis=0)).any())


def _check_areas(change: Mapping[str, Any], shape: tuple[int, int]) -> None:
    """Refuse areas that leave the slide."""
    for bounds in change.get("areas", ()):
        area = Region.from_bounds(*bounds)
        if area.is_empty or area.intersection(Region.of_shape(shape)) != area:
            raise SettingsError(
                f"The area {area.bounds} is empty or leaves the slide of {shape[0]}x"
                f"{shape[1]} pixels; clip it to the slide."
            )
