"""Journal and folded state of a case, kept in step with the disk."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from napari_leukoseg.case.journal import Journal
from napari_leukoseg.case.layout import journal_folder, private_folder
from napari_leukoseg.case.snapshot import (
    SNAPSHOT_PREFIX,
    read_snapshot,
    write_snapshot,
)
from napari_leukoseg.case.state import CaseState
from napari_leukoseg.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Ledger"]


class Ledger:
    """What the journal of a case says, as far as it has been read.

    Parameters
    ----------
    case : Path
        Case folder.
    snapshot : str or None
        Name of the array with the consolidated table. It only saves time: where
        it is missing or damaged the whole journal is read.
    """

    def __init__(self, case: Path, snapshot: str | None) -> None:
        self._case = case
        self._journal = Journal(journal_folder(case) / "journal.jsonl")
        self.state, self.offset = self._start(snapshot)
        self.refresh()

    def refresh(self) -> None:
        """Fold what another process has appended since the last call."""
        size = self._journal.size
        if size < self.offset:
            self.state, self.offset = CaseState(), 0
        if size > self.offset:
            for record, end in self._journal.read(self.offset):
                self._fold(record, self.offset)
                self.offset = end

    def records(self, offset: int) -> Iterator[dict[str, Any]]:
        """Yield the records from byte `offset` to the last one folded."""
        if offset < self.offset:
            for record, end in self._journal.read(offset):
                yield record
                if end >= self.offset:
                    return

    def record_at(self, start: int) -> dict[str, Any]:
        """Return the record that begins at byte `start`."""
        return next(self._journal.read(start))[0]

    def open(self) -> None:
        """Begin to write, after what is complete."""
        self.refresh()
        self._journal.open(self.offset)

    def append(self, record: dict[str, Any]) -> None:
        """Add a record; durable on return, and nothing has changed on error."""
        start, self.offset = self.offset, self._journal.append(record)
        self._fold(record, start)

    def close(self) -> None:
        """Stop writing."""
        self._journal.close()

    def save_snapshot(self) -> str:
        """Write the consolidated table and return its name."""
        name = f"{SNAPSHOT_PREFIX}{self.state.revision}"
        folder = private_folder(self._case) / name
        write_snapshot(folder, self.state, self.offset, self._journal.tail(self.offset))
        return name

    def drop_snapshots(self, keep: str | None) -> None:
        """Remove the tables that are not in use; one held open stays for now."""
        for folder in private_folder(self._case).glob(f"{SNAPSHOT_PREFIX}*"):
            if folder.name != keep:
                shutil.rmtree(folder, ignore_errors=True)

    def _start(self, snapshot: str | None) -> tuple[CaseState, int]:
        """Return the state to begin with and the bytes of journal it covers."""
        if snapshot is not None:
            try:
                state, offset, tail = read_snapshot(
                    private_folder(self._case) / snapshot
                )
            except (OSError, ValueError, KeyError, TypeError, RuntimeError):
                return CaseState(), 0
            if offset <= self._journal.size and self._journal.tail(offset) == tail:
                return state, offset
        return CaseState(), 0

    def _fold(self, record: dict[str, Any], start: int) -> None:
        """Fold one record that begins at byte `start`."""
        try:
            self.state.apply(record, start)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CaseError(
                f"Record {self.state.revision + 1} in the journal of {self._case} is "
                f"not understood ({error!r}); update the plugin, or restore the case "
                "from a copy."
            ) from error
