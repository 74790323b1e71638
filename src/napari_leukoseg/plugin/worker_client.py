"""The viewer's end of the pipe to its worker."""

from __future__ import annotations

import atexit
import itertools
import json
import logging
import subprocess
import sys
import threading
from abc import abstractmethod
from collections import deque
from contextlib import suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_leukoseg.plugin.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Generator

    Event = dict[str, Any]

__all__ = ["CANCEL_PATIENCE_MS", "ForegroundClient", "ProcessClient", "WorkerClient"]

_logger = logging.getLogger(__name__)

CANCEL_PATIENCE_MS = 600
"""How long a worker may ignore Cancel; with the time to end it, under a second."""

_ENDINGS = {"done", "cancelled", "failed"}
_LOG_LINES = 40


class WorkerClient(QObject):
    """Sends commands to a worker and hears its events, in the interface thread.

    Attributes
    ----------
    event : Signal of dict
        What `Worker.answer` yields. A worker that dies or is ended gives its
        commands the event ``crashed`` or ``cancelled`` instead.
    """

    event = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)
        self._open: dict[int, str] = {}
        self._cancelling: int | None = None
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(CANCEL_PATIENCE_MS)
        self._patience.timeout.connect(self._lose_patience)

    def send(self, do: str, **arguments: Any) -> int:
        """Send a command; its id comes back with each of its events."""
        number = next(self._numbers)
        self._open[number] = do
        self._write({"do": do, "id": number, **arguments})
        return number

    def cancel(self, number: int) -> None:
        """Ask to stop a command; a worker that does not listen is ended."""
        if number in self._open:
            self._cancelling = number
            self._patience.start()
            self._write({"do": "cancel", "id": number})

    @property
    def is_busy(self) -> bool:
        """Whether a command is not answered yet."""
        return bool(self._open)

    @abstractmethod
    def stop(self) -> None:
        """End the worker, now; what it has committed is safe."""

    @abstractmethod
    def _write(self, command: Event) -> None:
        """Pass a command to the worker, started if it does not run."""

    def _hear(self, event: Event) -> None:
        """Pass an event on; an answer to what is not open any more is dropped."""
        number = event.get("id")
        if number not in self._open:
            return
        if event["event"] in _ENDINGS:
            self._close(number)
        self.event.emit(event)

    def _close(self, number: int) -> None:
        """Forget a command that has been answered."""
        self._open.pop(number, None)
        if number == self._cancelling:
            self._cancelling = None
            self._patience.stop()

    def _abandon(self, event: Event) -> None:
        """End every open command with an event."""
        for number, do in list(self._open.items()):
            self._close(number)
            self.event.emit({**event, "do": do, "id": number})

    def _lose_patience(self) -> None:
        """End a worker that ignores Cancel."""
        self.stop()
        self._abandon({"event": "cancelled"})


class ProcessClient(WorkerClient):
    """Client of a worker in a process of its own."""

    _line = Signal(int, bytes)
    _ended = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self._process: subprocess.Popen[bytes] | None = None
        self._dying: set[int] = set()
        self._backlog: list[Event] = []
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._line.connect(self._take_line)
        self._ended.connect(self._take_end)

    @property
    def pid(self) -> int | None:
        """Process id of the worker, none while there is none."""
        return None if self._process is None else self._process.pid

    def stop(self) -> None:
        """End the process; it is gone moments later."""
        process, self._process = self._process, None
        atexit.unregister(self.stop)
        self._backlog.clear()
        if process is not None:
            self._dying.add(process.pid)
            process.kill()
            _close(process.stdin)

    def _write(self, command: Event) -> None:
        """Write a line, to a new process if there is none.

        A new process waits until the last one is gone, and with it its lock on
        the case.
        """
        if self._dying:
            self._backlog.append(command)
            return
        if self._process is None:
            try:
                self._start()
            except OSError as error:
                failure = {"event": "crashed", "status": str(error)}
                QTimer.singleShot(0, partial(self._abandon, failure))
                return
        assert self._process is not None  # noqa: S101
        assert self._process.stdin is not None  # noqa: S101
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:  # it died; its end is on the way through `_ended`
            _logger.debug("Command %s was not delivered", command, exc_info=True)

    def _start(self) -> None:
        """Start a process and the threads that listen to it."""
        self._log.clear()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "napari_leukoseg.plugin.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # Windows
        )
        atexit.register(self.stop)
        for listen in (self._listen, self._listen_log):
            threading.Thread(target=listen, args=(self._process,), daemon=True).start()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Hand lines to the interface thread; runs in a thread."""
        assert process.stdout is not None  # noqa: S101
        with suppress(RuntimeError), process.stdout as lines:  # client deleted
            for line in lines:
                self._line.emit(process.pid, line)
        status = process.wait()
        with suppress(RuntimeError):
            self._ended.emit(process.pid, status)

    def _listen_log(self, process: subprocess.Popen[bytes]) -> None:
        """Keep the last lines of the log; runs in a thread."""
        assert process.stderr is not None  # noqa: S101
        with process.stderr as lines:
            for line in lines:
                self._log.append(line.decode(errors="replace").rstrip())

    def _take_line(self, pid: int, line: bytes) -> None:
        """Pass on an event of the present process."""
        if pid == self.pid:
            self._hear(json.loads(line))

    def _take_end(self, pid: int, status: int) -> None:
        """Go on after a process that was ended, or tell that one died by itself."""
        if pid in self._dying:
            self._dying.discard(pid)
            backlog, self._backlog = self._backlog, []
            for command in backlog:
                self._write(command)
        elif pid == self.pid:
            log = "\n".join(self._log)
            _logger.error("The worker died with status %s:\n%s", status, log)
            assert self._process is not None  # noqa: S101
            _close(self._process.stdin)
            self._process = None
            self._abandon({"event": "crashed", "status": status})


def _close(pipe: IO[bytes] | None) -> None:
    """Close a pipe whose other end may be gone."""
    with suppress(OSError):
        if pipe is not None:
            pipe.close()


class ForegroundClient(WorkerClient):
    """Client of a worker in the interface thread, step by step; for tests."""

    def __init__(self) -> None:
        super().__init__()
        self._worker = Worker(threads=1)
        self._commands: deque[Event] = deque()
        self._steps: Generator[Event, None, None] | None = None
        self._ticker = QTimer(self)
        self._ticker.timeout.connect(self._step)

    def stop(self) -> None:
        """Drop every command."""
        self._ticker.stop()
        self._commands.clear()
        if self._steps is not None:
            self._steps.close()
            self._steps = None

    def _write(self, command: Event) -> None:
        """Queue a command."""
        if command["do"] == "cancel":
            self._worker.cancel(command["id"])
        else:
            self._commands.append(command)
        self._ticker.start()

    def _step(self) -> None:
        """Take one step of the present command."""
        if self._steps is None:
            if not self._commands:
                self._ticker.stop()
                return
            self._steps = self._worker.answer(self._commands.popleft())
        event = next(self._steps, None)
        if event is None:
            self._steps = None
        else:
            self._hear(event)
