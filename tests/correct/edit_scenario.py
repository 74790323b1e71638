"""Edits of every kind in a row, for `case.crash_script`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.correct import (
    AddCell,
    AssignClass,
    DeleteCells,
    ErasePixels,
    GrowCells,
    MergeCells,
    PaintPixels,
    SplitCell,
)
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_leukoseg.case import Case

REGION = Region(500, 100, 30, 40)
MASK = np.ones((30, 40), bool)

EDITS = (
    AssignClass((2, 3), 5),
    PaintPixels(3, "nucleus", REGION, MASK),
    MergeCells((1, 2)),
    SplitCell(1, ((40, 83), (80, 83))),
    DeleteCells((4, 5)),
    AddCell(Region(400, 10, 30, 40), MASK, ~MASK, class_id=2),
    ErasePixels("cell", Region(510, 120, 30, 40).intersection(REGION), MASK[:20, :20]),
    GrowCells((6,), 5),
)


def steps(case: Case) -> list[Callable[[], object]]:
    """Return every change that the scenario makes, one after the other."""
    edits = [lambda edit=edit: edit.apply(case) for edit in EDITS]
    return [*edits, case.undo, case.undo, case.redo, lambda: case.sign_off("A")]


def scenario(case: Case) -> None:
    """Make the changes, and note beside the case how many have returned."""
    notes = case.path.with_suffix(".done")
    for number, step in enumerate(steps(case), start=1):
        step()
        notes.write_text(str(number))
