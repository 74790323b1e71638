"""The one writer of a case: journal first, then pixels, and recovery."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from napari_leukoseg.case.drawing import Drawing
from napari_leukoseg.case.files import write_atomic
from napari_leukoseg.case.layout import LABEL_NAMES, journal_folder, label_folder
from napari_leukoseg.case.lock import WriterLock
from napari_leukoseg.case.painting import PyramidWriter
from napari_leukoseg.case.pyramid import DamagedChunkError
from napari_leukoseg.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_leukoseg.case.ledger import Ledger

__all__ = ["CaseWriter", "read_applied"]

_logger = logging.getLogger(__name__)

CHECKPOINT_COMMITS = 64
"""Commits that a start after a killed process draws again at most."""


class CaseWriter:
    """Writes a case while it holds its lock.

    A change is a journal record that says what it removes and draws. It is done
    once that record is on the disk; the label images follow, and what they may
    lack after a kill, a power cut or a full disk is drawn again from the records
    since the last checkpoint.

    Parameters
    ----------
    case : Path
        Case folder.
    ledger : Ledger
        Journal and state.
    shape : tuple of int
        Rows and columns of the labels at level 0.

    Raises
    ------
    CaseError
        If another writer is at work.
    """

    def __init__(self, case: Path, ledger: Ledger, shape: tuple[int, int]) -> None:
        self._ledger = ledger
        nucleus, cytoplasm = (label_folder(case, name) for name in LABEL_NAMES)
        self._labels = PyramidWriter(nucleus, shape), PyramidWriter(cytoplasm, shape)
        self._case = case
        self._commits = 0
        self._is_drawn = False
        self._lock = WriterLock(journal_folder(case) / "lock")
        self._lock.acquire(case)
        try:
            ledger.open()
            self.recover()
        except BaseException:
            self._release()
            raise

    def drawing(self) -> Drawing:
        """Return a drawing over the labels as the journal has them."""
        self.recover()
        return Drawing(*self._labels, self._ledger.state.ground)

    def commit(self, record: dict[str, Any], drawing: Drawing | None = None) -> None:
        """Append a record and bring the labels up to it.

        With a `drawing`, the coarser levels may lag a little behind.

        Parameters
        ----------
        record : dict
            Plain data that the state understands.
        drawing : Drawing, optional
            What `Drawing.redo` would draw for the record, where that is at hand.
        """
        self.recover()
        self._is_drawn = False
        self._ledger.append(record)
        if drawing is None:
            self._redo([record])
        else:
            drawing.flush()
        self._is_drawn = True
        self._commits += 1
        if self._commits >= CHECKPOINT_COMMITS:
            self.checkpoint()

    def settle(self) -> None:
        """Bring the coarser levels of the labels up to level 0."""
        self.recover()
        self._settle()

    def checkpoint(self) -> None:
        """Force the labels to the disk, and note how far they follow the journal."""
        for pyramid in self._labels:
            pyramid.sync()
        self._write_applied(self._ledger.offset)
        self._commits = 0

    def recover(self) -> None:
        """Draw what the labels may lack."""
        if self._is_drawn:
            return
        applied = read_applied(self._case)
        if applied != self._ledger.offset:
            try:
                self._redraw(applied if applied < self._ledger.offset else 0)
            except DamagedChunkError:
                self.rebuild()
        self._is_drawn = True

    def rebuild(self) -> None:
        """Draw all labels anew from the whole journal."""
        self._write_applied(0)
        for pyramid in self._labels:
            pyramid.clear()
        self._redraw(0)

    def close(self) -> None:
        """Note how far the labels are, and let another writer begin."""
        try:
            if self._is_drawn and self._commits:
                self.checkpoint()
        except (OSError, CaseError) as error:
            _logger.warning("No checkpoint (%s); the next start redraws.", error)
        finally:
            self._release()

    def _redraw(self, offset: int) -> None:
        """Draw the records from a byte of the journal on."""
        self._redo(self._ledger.records(offset))
        self.checkpoint()

    def _redo(self, records: Iterable[dict[str, Any]]) -> None:
        """Draw what records say, at every level."""
        drawing = Drawing(*self._labels)
        for record in records:
            drawing.redo(record)
        drawing.flush()
        self._settle()

    def _settle(self) -> None:
        """Store the coarser levels."""
        for pyramid in self._labels:
            pyramid.settle()

    def _release(self) -> None:
        """Close the journal and give the lock back."""
        self._ledger.close()
        self._lock.release()

    def _write_applied(self, offset: int) -> None:
        """Note the byte of the journal up to which the labels are safe."""
        data = json.dumps({"offset": offset}).encode()
        write_atomic(_applied_path(self._case), data, sync=True)


def read_applied(case: Path) -> int:
    """Return the byte of the journal up to which a case's labels are safe."""
    try:
        return int(json.loads(_applied_path(case).read_bytes())["offset"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0


def _applied_path(case: Path) -> Path:
    """Return the file that `read_applied` reads."""
    return journal_folder(case) / "applied.json"
