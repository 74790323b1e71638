"""Case: what is known of one slide, in one folder on disk."""

from __future__ import annotations

import logging
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from napari_leukoseg.case.editing import CaseEditor
from napari_leukoseg.case.files import os_errors
from napari_leukoseg.case.layout import read_info, write_info
from napari_leukoseg.case.making import make_case
from napari_leukoseg.case.plain import plain_data, time_now
from napari_leukoseg.case.run import Run
from napari_leukoseg.case.snapshot import SNAPSHOT_PREFIX
from napari_leukoseg.case.writer import read_applied
from napari_leukoseg.classes import DEFAULT_SCHEME, ClassScheme
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from napari_leukoseg.case.state import CaseState
    from napari_leukoseg.slide import SlideReader

__all__ = ["Case"]

_logger = logging.getLogger(__name__)

_VERSIONED = ("napari-leukoseg", "numpy", "torch", "zarr")

_CONSOLIDATE_AFTER = 256
"""Records that an opening folds anew at most, where the case was closed."""


class Case(CaseEditor):
    """Label pyramids, cell table, provenance and journal of one slide.

    Opening never locks: any number of processes may read a case, also while one
    writes it and on a read-only disk. The first call that writes makes this
    object the one writer until `close`. Reading calls see what a writer in
    another process has committed.

    Use `create` or `open`.

    Parameters
    ----------
    path : Path
        Case folder.
    info : CaseInfo
        What it says of its slide.
    """

    @classmethod
    def create(
        cls,
        path: str | Path,
        slide: SlideReader,
        *,
        scheme: ClassScheme = DEFAULT_SCHEME,
        overwrite: bool = False,
    ) -> Case:
        """Make an empty case, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Folder to make; see `case_path`. Folders above it are made too.
        slide : SlideReader
            Slide that the case is of.
        scheme : ClassScheme, optional
            Cell classes.
        overwrite : bool, optional
            Whether to replace a case at `path`. One that a person has edited, or
            that cannot be read, is kept beside as ``<stem>.bak-1.leukoseg.zarr``.

        Raises
        ------
        CaseError
            If something is at `path` that may not be replaced, or the folder
            cannot be written.
        """
        make_case(Path(path), slide, scheme, overwrite=overwrite)
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path) -> Case:
        """Open a case for reading; the first change makes it the writer.

        Raises
        ------
        CaseError
            If the folder is missing, not a case, damaged, or too new.
        """
        path = Path(path)
        info = read_info(path)
        with os_errors(path, "read"):
            return cls(path, info)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another process write; reading goes on to work."""
        with self._mutex:
            if self._writer is not None and self._lag() >= _CONSOLIDATE_AFTER:
                self._consolidate()
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()

    def set_specimen(self, pseudonym: str | None) -> None:
        """Store a pseudonym of the specimen, or remove it; durable on return."""
        with self._writing():
            self._write_info(specimen=pseudonym)

    def begin_run(
        self, settings: Mapping[str, Any], n_tiles: int, *, keep_tiles: bool = True
    ) -> Run:
        """Begin a run, or resume the last one where it is the same.

        A run of other settings replaces the machine-made cells of earlier runs
        whose centroid lies in its area; cells that a person edited or reviewed
        stay as they are.

        Parameters
        ----------
        settings : mapping
            Everything that decides the labels, as JSON holds it. ``"region"``,
            if present and not none, is the area: row, column, row stop and
            column stop.
        n_tiles : int
            Tiles of the plan.
        keep_tiles : bool, optional
            Whether the last run may be resumed; else a new one begins even with
            equal settings.

        Returns
        -------
        run : Run
            With `finished_tiles` where it was resumed, and `is_finished` where
            nothing is left to do.

        Raises
        ------
        SettingsError
            If the settings are not plain data or the area is no rectangle.
        CaseError
            If the case cannot be written.
        """
        plain = plain_data(settings)
        area = _area_of(plain)
        wanted = {"settings": plain, "n_tiles": int(n_tiles)}
        with self._reading() as state:
            is_known = keep_tiles and _is_same(state, wanted)
            if is_known and state.runs[-1]["finished"] and self._is_settled():
                return Run(self, len(state.runs), n_tiles)
        with self._writing() as (writer, state):
            writer.recover()
            if not (keep_tiles and _is_same(state, wanted)):
                boxes = state.machine_cells(area)
                record = {
                    "kind": "run",
                    "run": len(state.runs) + 1,
                    "time": time_now(),
                    **wanted,
                    "versions": {name: version(name) for name in _VERSIONED},
                    "erase": [[cell_id, *box.bounds] for cell_id, box in boxes],
                }
                writer.commit(record)
            return Run(self, len(state.runs), n_tiles)

    def recover(self) -> None:
        """Draw what a killed process did not, so that labels and table agree.

        The first call that writes does the same.

        Raises
        ------
        CaseError
            If another process writes the case, or it cannot be written.
        """
        with self._writing() as (writer, _):
            writer.recover()

    def rebuild_labels(self) -> None:
        """Draw all labels anew from the journal, where chunks were damaged."""
        with self._writing() as (writer, _):
            writer.rebuild()

    def _is_settled(self) -> bool:
        """Whether the labels lack nothing that the journal says."""
        return read_applied(self.path) == self._ledger.offset

    def _write_info(self, **changes: Any) -> None:
        """Change what the case says of itself."""
        info = replace(self._info, **changes)
        write_info(self.path, info)
        self._info = info

    def _finish_run(
        self, number: int, summary: Mapping[str, Any], check: Callable[[], None]
    ) -> None:
        """Record the end of a run and consolidate the table."""
        plain = plain_data(summary)
        with self._writing() as (writer, _):
            check()
            writer.settle()
            writer.commit(
                {"kind": "finish", "run": number, "time": time_now(), "summary": plain}
            )
            self._consolidate()

    def _lag(self) -> int:
        """Return the number of records that the consolidated table lacks."""
        known = (self._info.snapshot or "").removeprefix(SNAPSHOT_PREFIX)
        return self._ledger.state.revision - int(known or 0)

    def _consolidate(self) -> None:
        """Write the table as a snapshot, which only saves time at opening."""
        try:
            self._write_info(snapshot=self._ledger.save_snapshot())
        except OSError as error:
            _logger.warning("No consolidated table in %s: %s", self.path, error)
        self._ledger.drop_snapshots(keep=self._info.snapshot)


def _is_same(state: CaseState, wanted: dict[str, Any]) -> bool:
    """Whether the last run was begun with the same settings and plan."""
    return bool(state.runs) and all(
        state.runs[-1][field] == value for field, value in wanted.items()
    )


def _area_of(settings: Mapping[str, Any]) -> Region | None:
    """Return the area of a run, none for the whole slide."""
    region = settings.get("region")
    if region is None:
        return None
    try:
        row, column, row_stop, column_stop = (int(bound) for bound in region)
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"Region {region!r} is no area; give row, column, row stop, column stop."
        ) from error
    return Region.from_bounds(row, column, row_stop, column_stop)
