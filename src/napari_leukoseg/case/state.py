"""What the journal of a case says, folded record by record.

Records are JSON objects of these kinds; ``time`` is UTC in ISO format.

``run``
    Begin of a run: ``run`` (its number), ``settings``, ``n_tiles``,
    ``versions``, and ``erase``, the cells it replaces, each as id, row, column,
    row stop, column stop.
``tile``
    A finished ``tile`` of ``run`` with its ``cells``: ``id``, ``box`` (bounds at
    level 0), ``center`` (row, column), ``row`` of the table, and ``mask``, the
    bits of nucleus and cytoplasm packed, compressed by zlib and in base64.
``finish``
    End of ``run``, with its ``summary``.
``edit``
    What a person did to ``cell_ids``: ``rows`` of new table values, perhaps
    another class ``scheme``, and whatever else the edit wants remembered. It
    cannot be undone.
``change``, ``undo``, ``redo``
    An edit of a person by its ``action``, and how it is taken back and done
    again: what `changes` describes. A ``change`` holds its ``inverse`` too.
``sign_off``
    ``name`` of who vouches for the count, and plain data on it as ``count``.

Any record may hold ``erase`` and ``cells``: `drawing` brings the labels up to
them, in this order, so they say all that ever changes a pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case.columns import CellColumns
from napari_leukoseg.case.ground import PersonalGround
from napari_leukoseg.classes import ClassScheme
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["CLASS_COLUMN", "REVIEWED_COLUMN", "CaseState"]

CLASS_COLUMN = "class_id"
"""Column of the cell table that the class layer is derived from."""

REVIEWED_COLUMN = "reviewed"
"""Column of the cell table that tells whether a person has confirmed the cell."""

_BOX_COLUMNS = ("_row", "_column", "_row_stop", "_column_stop")
_CENTER_COLUMNS = ("_center_row", "_center_column")


class CaseState:
    """Runs, finished tiles, edits and the cell table of a case.

    Attributes
    ----------
    revision : int
        Number of records folded.
    next_id : int
        Id of the next cell; ids of removed cells do not come again.
    runs : list of dict
        One plain record a run, oldest first.
    tiles : set of int
        Finished tiles of the last run.
    edited : set of int
        Cells that a person edited or reviewed, removed ones included.
    cleared : dict of int to dict
        Ground that a person took from each cell and gave to no other, as
        `ground.encode_patch` gives it.
    areas : list of Region
        Areas in which a person has found every cell.
    done, undone : list of int
        Journal bytes at which the edits begin that can be undone and redone, the
        next one last. The history begins anew where a run changes labels.
    signed_off : dict or None
        Name, time and count of the sign-off that is in force.
    scheme : ClassScheme or None
        Cell classes, none while they are those that the case began with.
    cells : CellColumns
        Table, with each cell's box and centroid in private columns.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.next_id = 1
        self.runs: list[dict[str, Any]] = []
        self.tiles: set[int] = set()
        self.edited: set[int] = set()
        self.cleared: dict[int, dict[str, Any]] = {}
        self.areas: list[Region] = []
        self.done: list[int] = []
        self.undone: list[int] = []
        self.signed_off: dict[str, Any] | None = None
        self.scheme: ClassScheme | None = None
        self.cells = CellColumns()

    @property
    def protected(self) -> frozenset[int]:
        """Cells that no run may change."""
        return frozenset(cell_id for cell_id in self.edited if cell_id in self.cells)

    @property
    def has_work(self) -> bool:
        """Whether a person has done anything that would be missed."""
        return bool(self.edited or self.areas or self.signed_off)

    @property
    def ground(self) -> PersonalGround:
        """Where no run may put a cell."""
        return PersonalGround(self.cleared.values(), self.areas)

    def apply(self, record: dict[str, Any], start: int) -> None:
        """Fold one journal record.

        Parameters
        ----------
        record : dict
            The record.
        start : int
            Byte of the journal at which it begins.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the record is not of a known form.
        """
        signed_off, self.signed_off = self.signed_off, None
        match record["kind"]:
            case "run":
                self._begin_run(record)
            case "tile":
                self._add_tile(record)
            case "finish":
                self.runs[-1]["finished"] = record["time"]
                self.runs[-1]["summary"] = record["summary"]
                self.signed_off = signed_off
            case "edit":
                self._edit(record)
            case "change":
                self._change(record)
                self.done.append(start)
                self.undone.clear()
            case "undo":
                self._change(record)
                self.undone.append(self.done.pop())
            case "redo":
                self._change(record)
                self.done.append(self.undone.pop())
            case "sign_off":
                self.signed_off = {k: record[k] for k in ("name", "time", "count")}
            case kind:
                raise ValueError(f"unknown kind {kind!r}")
        self.revision += 1

    def machine_cells(self, area: Region | None) -> list[tuple[int, Region]]:
        """Return ids and boxes of the cells that a new run replaces.

        Parameters
        ----------
        area : Region or None
            Area of the run, none for the whole slide. A cell that lies partly
            outside counts as inside if its centroid does.
        """
        ids = self.cells.ids
        chosen = ~np.isin(ids, list(self.edited))
        if area is not None:
            rows, columns = (self.cells.values(name) for name in _CENTER_COLUMNS)
            chosen &= (rows >= area.row) & (rows < area.row_stop)
            chosen &= (columns >= area.column) & (columns < area.column_stop)
        boxes = self.boxes()[1][chosen].tolist()
        return [
            (cell_id, Region.from_bounds(*box))
            for cell_id, box in zip(ids[chosen].tolist(), boxes, strict=True)
        ]

    def box(self, cell_id: int) -> Region:
        """Return the box of a cell at level 0."""
        return Region.from_bounds(
            *(int(self.cells.value(cell_id, name)) for name in _BOX_COLUMNS)
        )

    def boxes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ids of all cells, and their boxes as rows of bounds."""
        boxes = [self.cells.values(name) for name in _BOX_COLUMNS]
        return self.cells.ids, np.stack(boxes, axis=1).astype(np.int64)

    def class_lut(self) -> NDArray[np.uint8]:
        """Return the class id of every cell id, 0 where there is no cell."""
        lut = np.zeros(self.next_id, np.uint8)
        classes = np.nan_to_num(self.cells.values(CLASS_COLUMN).astype(np.float64))
        lut[self.cells.ids] = classes.astype(np.uint8)
        return lut

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the cells as plain data."""
        return {
            "revision": self.revision,
            "next_id": self.next_id,
            "runs": self.runs,
            "tiles": sorted(self.tiles),
            "edited": sorted(self.edited),
            "cleared": [{"id": i, **patch} for i, patch in self.cleared.items()],
            "areas": [list(area.bounds) for area in self.areas],
            "done": self.done,
            "undone": self.undone,
            "signed_off": self.signed_off,
            "scheme": self.scheme and self.scheme.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any], cells: CellColumns) -> CaseState:
        """Build from what `to_dict` gave and the cells."""
        state = cls()
        state.revision = int(data["revision"])
        state.next_id = int(data["next_id"])
        state.runs = list(data["runs"])
        state.tiles = set(data["tiles"])
        state.edited = set(data["edited"])
        state._clear_ground(data.get("cleared", ()))
        state.areas = [Region.from_bounds(*area) for area in data.get("areas", ())]
        state.done = list(data.get("done", ()))
        state.undone = list(data.get("undone", ()))
        state.signed_off = data.get("signed_off")
        if data.get("scheme"):
            state.scheme = ClassScheme.from_dict(data["scheme"])
        state.cells = cells
        return state

    def _begin_run(self, record: dict[str, Any]) -> None:
        """Fold the start of a run: what it replaces is gone."""
        self.cells.remove([entry[0] for entry in record["erase"]])
        self.tiles = set()
        self._forget_history()
        self.runs.append(
            {
                "run": record["run"],
                "started": record["time"],
                "settings": record["settings"],
                "n_tiles": record["n_tiles"],
                "n_removed": len(record["erase"]),
                "versions": record["versions"],
                "finished": None,
                "summary": None,
            }
        )

    def _add_tile(self, record: dict[str, Any]) -> None:
        """Fold a finished tile and its cells."""
        for entry in record["cells"]:
            self._put(entry)
        self.tiles.add(record["tile"])
        if record["cells"]:
            self._forget_history()

    def _edit(self, record: dict[str, Any]) -> None:
        """Fold an edit by a person that cannot be undone."""
        self.edited.update(record["cell_ids"])
        for row in record.get("rows", ()):
            self.cells.update(row["cell_id"], row)
        if record.get("rows"):
            self._forget_history()
        if "scheme" in record:
            self.scheme = ClassScheme.from_dict(record["scheme"])

    def _change(self, record: dict[str, Any]) -> None:
        """Fold an edit by a person, or its undoing."""
        self.edited.update(record.get("protect", ()))
        self.edited.difference_update(record.get("release", ()))
        self.cells.remove(record.get("removed", ()))
        for entry in record.get("cells", ()):
            self._put(entry)
        for row in record.get("rows", ()):
            self.cells.update(row["cell_id"], row)
        self.cells.drop_empty(record.get("drop_columns", ()))
        self._clear_ground(record.get("cleared", ()))
        if "areas" in record:
            self.areas = [Region.from_bounds(*area) for area in record["areas"]]

    def _put(self, entry: Mapping[str, Any]) -> None:
        """Add a cell, or give one its new extent and row."""
        extent = dict(zip(_BOX_COLUMNS, entry["box"], strict=True))
        center = dict(zip(_CENTER_COLUMNS, entry["center"], strict=True))
        values = {**entry["row"], **extent, **center}
        if entry["id"] in self.cells:
            self.cells.update(entry["id"], values)
        else:
            self.cells.append(entry["id"], values)
        self.next_id = max(self.next_id, entry["id"] + 1)

    def _clear_ground(self, patches: Iterable[Mapping[str, Any]]) -> None:
        """Note the ground taken from cells; an entry without a mask forgets it."""
        for patch in patches:
            if "mask" in patch:
                rest = {"box": patch["box"], "mask": patch["mask"]}
                self.cleared[patch["id"]] = rest
            else:
                self.cleared.pop(patch["id"], None)

    def _forget_history(self) -> None:
        """Let the history begin anew: its edits do not know what has come since."""
        self.done = []
        self.undone = []
