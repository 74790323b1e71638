"""Fine-tuning in a process of its own: what goes in and comes out of it."""

from __future__ import annotations

import json
import logging
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QProcess, Signal

__all__ = ["TrainingProcess"]

_logger = logging.getLogger(__name__)

_MODULE = "napari_leukoseg.training.finetuning"
_LOG_LINES = 40

_GOODBYE_MS = 1500
"""How long a process may take to end once its input has; then it is killed."""


class TrainingProcess(QObject):
    """Child process that trains, and tells of it in JSON lines.

    It ends with its input, so that it never outlives the viewer. All memory is
    given back with it.

    Attributes
    ----------
    event : Signal of dict
        What the process tells.
    ended : Signal of str
        How it ended: empty after a regular end, else a status for people.
    """

    event = Signal(dict)
    ended = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_log)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)

    @property
    def pid(self) -> int:
        """Process id, 0 while none runs."""
        return int(self._process.processId())

    @property
    def log(self) -> str:
        """Last lines that it wrote to its log."""
        return "\n".join(self._log)

    def start(self, request: Path) -> None:
        """Start to train as a request file says."""
        self._log.clear()
        self._process.start(sys.executable, ["-m", _MODULE, str(request)])

    def cancel(self) -> None:
        """Ask it to stop after its present step."""
        self._process.write(b"cancel\n")

    def kill(self) -> None:
        """End it now; `ended` tells when it is gone."""
        self._process.kill()

    def stop(self) -> None:
        """Let it end with its input, or kill it; it is gone when this returns."""
        with suppress(RuntimeError):  # at the end of the program Qt goes first
            self.blockSignals(True)
            self._process.closeWriteChannel()
            if not self._process.waitForFinished(_GOODBYE_MS):
                self._process.kill()
                self._process.waitForFinished(_GOODBYE_MS)
            self.blockSignals(False)

    def _read(self) -> None:
        """Pass on the events that have come in whole."""
        while self._process.canReadLine():
            line = bytes(self._process.readLine().data())
            try:
                event: dict[str, Any] = json.loads(line)
            except ValueError:  # a library that prints
                self._log.append(line.decode(errors="replace").rstrip())
            else:
                self.event.emit(event)

    def _read_log(self) -> None:
        """Keep the last lines of the log."""
        text = bytes(self._process.readAllStandardError().data())
        self._log.extend(text.decode(errors="replace").splitlines())

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        """Tell of the end, after all events before it."""
        self._read()
        self._read_log()
        is_regular = status == QProcess.ExitStatus.NormalExit and code == 0
        if not is_regular and not self.signalsBlocked():
            _logger.error("Training ended with status %s:\n%s", code, self.log)
        self.ended.emit("" if is_regular else str(code))

    def _on_error(self, error: QProcess.ProcessError) -> None:
        """Tell of a process that could not even be started."""
        if error == QProcess.ProcessError.FailedToStart:
            self.ended.emit(self._process.errorString())
