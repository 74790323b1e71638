"""Exports in a process of its own: a job comes in, JSON lines come out.

The first line of the input is an `ExportJob`. Each line of the output is an event:
``progress`` with ``share``, and at last ``done`` with ``paths``, ``failed`` with
``message``, or ``cancelled``. Any further input, or its end, cancels.
"""

from __future__ import annotations

import _thread
import json
import signal
import sys
import threading
import time
from typing import Any

from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.export.jobs import ExportJob, run_job

MIN_INTERVAL_S = 0.1
"""Shortest time between two events of progress."""


def main() -> None:
    """Carry out one job."""
    # Ignored where the program was started in the background, and so would a cancel be.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    job = ExportJob(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_listen, daemon=True).start()
    try:
        _emit(event="done", paths=run_job(job, _Teller()))
    except LeukosegError as error:
        _emit(event="failed", message=str(error))
    except KeyboardInterrupt:
        _emit(event="cancelled")


class _Teller:
    """Tells of progress, now and then."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, share: float) -> None:
        now = time.monotonic()
        if now - self._last > MIN_INTERVAL_S:
            self._last = now
            _emit(event="progress", share=share)


def _listen() -> None:
    """Cancel when there is more to read, or nothing any more."""
    sys.stdin.readline()
    _thread.interrupt_main()


def _emit(**event: Any) -> None:
    """Write one event."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
