"""Edits as the journal holds them: the new state of cells, checked and invertible.

A change is a plain dictionary that says what becomes of cells, whatever they were
before, so that it may be repeated; parts that would be empty are left out:

``cells``
    Cells drawn anew or added, as `drawing.encode_cell` gives them; a cell that is
    there already leaves its old pixels.
``rows``
    New values of table columns of cells whose pixels stay, each with ``cell_id``.
``removed``
    Ids of cells that are gone.
``protect``, ``release``
    Ids of cells that no run may change from now on, and that runs may change again.
``cleared``
    Ground taken from cells, as `ground.encode_patch` gives it, each with the ``id``
    of its cell; without a mask it is given back to runs.
``areas``
    All areas in which a person has found every cell.
``drop_columns``
    Columns of the table to drop where they are empty.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_leukoseg.case.columns import plain_row
from napari_leukoseg.case.drawing import encode_cell
from napari_leukoseg.case.ground import decode_patch, encode_patch, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_leukoseg.case.masks import StoredCell
    from napari_leukoseg.case.state import CaseState
    from napari_leukoseg.geometry import Region

    Change = dict[str, Any]

__all__ = ["CellChanges", "change_of", "inverse_of", "pack_change", "unpack_change"]


@dataclass(frozen=True, eq=False)
class CellChanges:
    """What an edit wants to become of cells.

    Parameters
    ----------
    cells : sequence of StoredCell
        Cells to draw anew or to add, each with its whole table row; they differ
        from what is there.
    rows : sequence of mapping
        New values of table columns, each with its ``cell_id``; values that are
        there already are passed over.
    removed : sequence of int
        Ids of cells to remove.
    areas : sequence of Region, optional
        All areas in which every cell is found, where these change.
    """

    cells: Sequence[StoredCell] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    removed: Sequence[int] = ()
    areas: Sequence[Region] | None = None


def change_of(
    wanted: CellChanges, state: CaseState, stored: Callable[[int], StoredCell]
) -> Change:
    """Return the change that carries out what an edit wants.

    Parameters
    ----------
    wanted : CellChanges
        What the edit wants.
    state : CaseState
        What there is.
    stored : callable
        Gives a cell that is there, by its id.

    Returns
    -------
    change : dict
        Empty where all is as wanted already.
    """
    rows = [row for row in (_news(row, state) for row in wanted.rows) if row]
    entries = [encode_cell(c.cell_id, c, plain_row(c.row)) for c in wanted.cells]
    touched = {e["id"] for e in entries} | {row["cell_id"] for row in rows}
    touched.update(wanted.removed)
    moved = [*(entry["id"] for entry in entries), *wanted.removed]
    before = [stored(cell_id) for cell_id in moved if cell_id in state.cells]
    change: Change = {
        "cells": entries,
        "rows": rows,
        "removed": sorted(wanted.removed),
        "protect": sorted(touched),
        "cleared": _cleared(wanted, state, before),
    }
    if wanted.areas is not None and list(wanted.areas) != state.areas:
        change["areas"] = [list(area.bounds) for area in wanted.areas]
    return _without_empty(change)


def inverse_of(
    change: Change, state: CaseState, stored: Callable[[int], StoredCell]
) -> Change:
    """Return the change that takes another one back exactly, before it is made.

    Parameters
    ----------
    change : dict
        What will be done.
    state : CaseState
        What there is.
    stored : callable
        Gives a cell that is there, by its id.
    """
    cells, rows = change.get("cells", ()), change.get("rows", ())
    drawn = [entry["id"] for entry in cells]
    lost = [i for i in (*drawn, *change.get("removed", ())) if i in state.cells]
    names = {name for row in rows for name in row}
    names.update(name for entry in cells for name in entry["row"])
    new_names = sorted(names - state.cells.names)
    old = [stored(cell_id) for cell_id in lost]
    inverse: Change = {
        "cells": [
            encode_cell(c.cell_id, c, {**dict.fromkeys(new_names), **c.row})
            for c in old
        ],
        "rows": [_values_now(row, state) for row in rows],
        "removed": [i for i in drawn if i not in state.cells],
        "protect": [i for i in change.get("release", ()) if i in state.edited],
        "release": [i for i in change.get("protect", ()) if i not in state.edited],
        "cleared": [
            {"id": patch["id"], **state.cleared.get(patch["id"], {})}
            for patch in change.get("cleared", ())
        ],
        "drop_columns": new_names,
    }
    if "areas" in change:
        inverse["areas"] = [list(area.bounds) for area in state.areas]
    return _without_empty(inverse)


def pack_change(change: Change) -> str:
    """Return a change as text for a record: JSON compressed by zlib, in base64."""
    data = json.dumps(change, allow_nan=False, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(data)).decode()


def unpack_change(text: str) -> Change:
    """Return what `pack_change` was given."""
    change: Change = json.loads(zlib.decompress(base64.b64decode(text)))
    return change


def _without_empty(change: Change) -> Change:
    """Leave out what is empty; no area is a statement, too."""
    return {k: v for k, v in change.items() if v or k == "areas"}


def _news(row: Mapping[str, Any], state: CaseState) -> dict[str, Any]:
    """Return the values of a row that are new, empty where none is."""
    cell_id = row["cell_id"]
    if cell_id not in state.cells:
        return dict(row)
    news = {
        name: value
        for name, value in plain_row(row).items()
        if name != "cell_id" and state.cells.value(cell_id, name) != value
    }
    return {"cell_id": cell_id, **news} if news else {}


def _values_now(row: Mapping[str, Any], state: CaseState) -> dict[str, Any]:
    """Return what a cell has in the columns of a row at present."""
    cell_id = row["cell_id"]
    return {name: state.cells.value(cell_id, name) for name in row}


def _cleared(
    wanted: CellChanges, state: CaseState, before: Sequence[StoredCell]
) -> list[dict[str, Any]]:
    """Return the ground of cells that lose pixels to no other cell."""
    patches = []
    for cell in before:
        lost = cell.mask
        for other in wanted.cells:
            _cut_out(lost, cell.region, other)
        if lost.any():
            patch = encode_patch(cell.region, lost)
            if cell.cell_id in state.cleared:
                known = decode_patch(state.cleared[cell.cell_id])
                patch = encode_patch(*joined(known, decode_patch(patch)))
            patches.append({"id": cell.cell_id, **patch})
    return patches


def _cut_out(lost: NDArray[np.bool_], region: Region, other: StoredCell) -> None:
    """Take the pixels of another cell out of a mask."""
    common = region.intersection(other.region)
    if not common.is_empty:
        inside = common.shifted(-region.row, -region.column).slices
        theirs = common.shifted(-other.region.row, -other.region.column).slices
        lost[inside] &= ~other.mask[theirs]
