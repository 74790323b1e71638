"""An export or report in a process of its own, so that the window stays alive."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from qtpy.QtCore import QObject, QProcess, QTimer, Signal

__all__ = ["ExportProcess"]

_logger = logging.getLogger(__name__)

_MODULE = "napari_leukoseg.export"

PATIENCE_MS = 3000
"""How long a process may take to end once it was asked to; then it is killed."""


class ExportProcess(QObject):
    """Child process that carries out one job at a time.

    It ends with its input, so that it never outlives the viewer.

    Attributes
    ----------
    progressed : Signal of float
        Share that is done, from 0 to 1.
    done : Signal of list of str
        Files or folders that are written.
    cancelled : Signal
        It was stopped; no file is left half-written.
    failed : Signal of str
        A sentence for people.
    """

    progressed = Signal(float)
    done = Signal(list)
    cancelled = Signal()
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ending: dict[str, Any] | None = None
        self._is_cancelled = False
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self._process.kill)

    @property
    def is_running(self) -> bool:
        """Whether a job is not over yet."""
        return bool(self._process.state() != QProcess.ProcessState.NotRunning)

    def start(self, job: dict[str, Any]) -> None:
        """Begin a job; the one before is over.

        Parameters
        ----------
        job : dict
            Fields of an `ExportJob`, whose import would keep the window waiting.
        """
        self._ending, self._is_cancelled = None, False
        self._process.start(sys.executable, ["-m", _MODULE])
        self._process.write(json.dumps(job).encode() + b"\n")

    def cancel(self) -> None:
        """Ask it to stop; it is killed if it does not."""
        if self.is_running:
            self._is_cancelled = True
            self._process.closeWriteChannel()
            self._patience.start()

    def stop(self) -> None:
        """End it, now; it is gone when this returns."""
        self.blockSignals(True)
        self.cancel()
        if not self._process.waitForFinished(PATIENCE_MS):
            self._process.kill()
            self._process.waitForFinished(PATIENCE_MS)
        self._patience.stop()
        self.blockSignals(False)

    def _read(self) -> None:
        """Take the events that have come in whole."""
        while self._process.canReadLine():
            try:
                event = json.loads(bytes(self._process.readLine().data()))
            except ValueError:  # a library that prints
                continue
            if event["event"] == "progress":
                self.progressed.emit(event["share"])
            else:
                self._ending = event

    def _on_finished(self) -> None:
        """Tell how it ended, after all events before it."""
        self._patience.stop()
        self._read()
        ending = self._ending or {}
        if ending.get("event") == "done":
            self.done.emit(ending["paths"])
        elif ending.get("event") == "failed":
            self.failed.emit(ending["message"])
        elif self._is_cancelled:
            self.cancelled.emit()
        else:
            log = bytes(self._process.readAllStandardError().data()).decode(
                errors="replace"
            )
            _logger.error("An export has ended unexpectedly:\n%s", log)
            self.failed.emit(
                "The export has ended unexpectedly; please report it with the log of "
                "napari."
            )

    def _on_error(self, error: QProcess.ProcessError) -> None:
        """Tell of a process that could not even be started."""
        if error == QProcess.ProcessError.FailedToStart:
            self.failed.emit(
                f"The export cannot be started ({self._process.errorString()}); "
                "restart napari, or use the command leukoseg export."
            )
