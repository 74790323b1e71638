"""One segmentation run over the tiles of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_leukoseg.case.columns import plain_row
from napari_leukoseg.case.drawing import encode_cell
from napari_leukoseg.case.state import CLASS_COLUMN, REVIEWED_COLUMN
from napari_leukoseg.errors import CaseError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_leukoseg.case.case import Case
    from napari_leukoseg.cell import SegmentedCell

__all__ = ["Run"]


class Run:
    """Handle of a run; made by `Case.begin_run`.

    Parameters
    ----------
    case : Case
        Where results go.
    number : int
        Number of the run in the case, from 1.
    n_tiles : int
        Tiles of its plan.
    """

    def __init__(self, case: Case, number: int, n_tiles: int) -> None:
        self._case = case
        self.number = number
        self.n_tiles = n_tiles

    @property
    def finished_tiles(self) -> frozenset[int]:
        """Tiles that are committed."""
        return self._case._finished_tiles(self.number)

    @property
    def is_finished(self) -> bool:
        """Whether `finish` was called."""
        return self._case.provenance[self.number - 1]["finished"] is not None

    def fit_cells(self, cells: Sequence[SegmentedCell]) -> list[SegmentedCell | None]:
        """Return the cells as `commit_tile` would draw them, drawing nothing.

        Cells measured after this agree with their pixels on disk.

        Parameters
        ----------
        cells : sequence of SegmentedCell
            Cells of one tile, in the order in which they would be committed.

        Returns
        -------
        fitted : list of SegmentedCell or None
            Each cell with the pixels that no earlier cell has; none where
            `commit_tile` would drop it.
        """
        with self._case._writing() as (writer, state):
            drawing = writer.drawing()
            return [
                drawing.place(cell, state.next_id + index)
                for index, cell in enumerate(cells)
            ]

    def commit_tile(
        self,
        tile: int,
        cells: Sequence[SegmentedCell],
        rows: Sequence[Mapping[str, Any]],
    ) -> list[int]:
        """Write the cells of a tile; durable on return.

        While tiles follow each other quickly, the coarser label levels lag a few
        seconds behind; `finish` and `Case.close` bring them up.

        A cell that shares more than half of its pixels with cells drawn before
        is dropped; else it leaves the shared ones to them.

        Parameters
        ----------
        tile : int
            Index in the plan.
        cells : sequence of SegmentedCell
            Cells that the tile owns.
        rows : sequence of mapping
            Table row of each cell, without ``cell_id``; Python or NumPy scalars.

        Returns
        -------
        cell_ids : list of int
            Id of each cell, 0 where it was dropped.

        Raises
        ------
        SettingsError
            If tile, cells and rows do not fit together or the case.
        CaseError
            If the case cannot be written, or a newer run has begun.
        """
        self._check_tile(tile, cells, rows)
        with self._case._writing() as (writer, state):
            self._check_current()
            if tile in state.tiles:
                raise SettingsError(
                    f"Tile {tile} is committed already; skip finished_tiles."
                )
            drawing = writer.drawing()
            cell_ids = []
            entries: list[dict[str, Any]] = []
            for cell, row in zip(cells, rows, strict=True):
                cell_id = state.next_id + len(entries)
                placed = drawing.place(cell, cell_id)
                cell_ids.append(cell_id if placed else 0)
                if placed:
                    plain = _machine_row(cell, row)
                    entries.append(encode_cell(cell_id, placed, plain))
            record = {"kind": "tile", "run": self.number, "tile": int(tile)}
            writer.commit({**record, "cells": entries}, drawing)
        return cell_ids

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Close the run; its record joins the case's provenance.

        Parameters
        ----------
        summary : mapping
            Plain data about the run, such as its duration and device.

        Raises
        ------
        CaseError
            If tiles are missing, or the case cannot be written.
        """
        n_missing = self.n_tiles - len(self.finished_tiles)
        if n_missing:
            raise CaseError(
                f"{n_missing} of {self.n_tiles} tiles are not committed yet; commit "
                "them before the run is finished."
            )
        if not self.is_finished:
            self._case._finish_run(self.number, summary, self._check_current)

    def _check_tile(self, tile: int, cells: Sequence[Any], rows: Sequence[Any]) -> None:
        """Refuse arguments that do not fit together."""
        if not 0 <= tile < self.n_tiles:
            raise SettingsError(
                f"Tile {tile} is not in the plan; give 0 to {self.n_tiles - 1}."
            )
        if len(cells) != len(rows):
            raise SettingsError(
                f"{len(cells)} cells came with {len(rows)} rows; give one row a cell."
            )

    def _check_current(self) -> None:
        """Refuse to write into a run that a newer one has replaced."""
        if len(self._case.provenance) != self.number:
            raise CaseError(
                f"Run {self.number} of {self._case.path} was replaced by a newer run; "
                "begin it again."
            )


def _machine_row(cell: SegmentedCell, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table row of a cell that no person has seen yet."""
    plain = plain_row(row)
    plain.setdefault(CLASS_COLUMN, cell.class_id)
    plain.setdefault(REVIEWED_COLUMN, False)
    return plain
