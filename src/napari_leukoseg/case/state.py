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
    What a person did to ``cell_ids``: ``rows`` of new table values, and
    whatever else the edit wants remembered.

Any record may hold ``erase`` and ``cells``: `drawing` brings the labels up to
them, in this order, so they say all that ever changes a pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case.columns import CellColumns
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CLASS_COLUMN", "REVIEWED_COLUMN", "CaseState"]

CLASS_COLUMN = "class_id"
"""Column of the cell table that the class layer is derived from."""

REVIEWED_COLUMN = "reviewed"
"""Column of the cell table that tells whether a person has confirmed the cell."""

_BOX_COLUMNS = ("_row", "_column", "_row_stop", "_column_stop")
_CENTER_COLUMNS = ("_center_row", "_center_column")


class CaseState:
    """Runs, finished tiles, edited cells and the cell table of a case.

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
    cells : CellColumns
        Table, with each cell's box and centroid in private columns.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.next_id = 1
        self.runs: list[dict[str, Any]] = []
        self.tiles: set[int] = set()
        self.edited: set[int] = set()
        self.cells = CellColumns()

    @property
    def last_run(self) -> dict[str, Any] | None:
        """Record of the last run."""
        return self.runs[-1] if self.runs else None

    @property
    def protected(self) -> frozenset[int]:
        """Cells that no run may change."""
        return frozenset(cell_id for cell_id in self.edited if cell_id in self.cells)

    def apply(self, record: dict[str, Any]) -> None:
        """Fold one journal record.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the record is not of a known form.
        """
        match record["kind"]:
            case "run":
                self._begin_run(record)
            case "tile":
                self._add_tile(record)
            case "finish":
                self.runs[-1]["finished"] = record["time"]
                self.runs[-1]["summary"] = record["summary"]
            case "edit":
                self._edit(record)
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
        boxes = np.stack([self.cells.values(name) for name in _BOX_COLUMNS], axis=1)
        return [
            (int(cell_id), Region.from_bounds(*(int(bound) for bound in box)))
            for cell_id, box in zip(ids[chosen], boxes[chosen], strict=True)
        ]

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
        state.cells = cells
        return state

    def _begin_run(self, record: dict[str, Any]) -> None:
        """Fold the start of a run: what it replaces is gone."""
        self.cells.remove([entry[0] for entry in record["erase"]])
        self.tiles = set()
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
        for cell in record["cells"]:
            extent = dict(zip(_BOX_COLUMNS, cell["box"], strict=True))
            center = dict(zip(_CENTER_COLUMNS, cell["center"], strict=True))
            self.cells.append(cell["id"], {**cell["row"], **extent, **center})
            self.next_id = max(self.next_id, cell["id"] + 1)
        self.tiles.add(record["tile"])

    def _edit(self, record: dict[str, Any]) -> None:
        """Fold an edit by a person."""
        self.edited.update(record["cell_ids"])
        for row in record.get("rows", ()):
            self.cells.update(row["cell_id"], row)
