"""Runs a fine-tuning as a process of its own: a request in, JSON lines out.

``python -m napari_leukoseg.training.finetuning REQUEST.json`` reads a
`FinetuneRequest` and writes an event a line to standard output: ``progress`` events,
then ``done``, ``cancelled`` or ``failed``. It ends when its input ends or says
``cancel``, so that it never outlives the viewer.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from napari_leukoseg.errors import DataError, LeukosegError
from napari_leukoseg.training.finetuning.memory import memory_errors
from napari_leukoseg.training.finetuning.plan import (
    FinetuneProgress,
    FinetuneRequest,
    Stage,
)
from napari_leukoseg.training.finetuning.survey import survey_sources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import RawIOBase
    from typing import BinaryIO

    Event = dict[str, Any]

__all__ = ["events_of", "main"]

_logger = logging.getLogger(__name__)

NICENESS = 10
"""Priority given up, so that the window of the viewer comes first."""

PATIENCE_S = 2.0
"""What a step may take after it was asked to stop; then the process ends in it."""


def events_of(request: FinetuneRequest, stop: threading.Event) -> Iterator[Event]:
    """Carry out a request until it is done, or `stop` is set.

    Parameters
    ----------
    request : FinetuneRequest
        What is asked for.
    stop : threading.Event
        Looked at between steps.

    Yields
    ------
    event : dict
        ``event`` names it. A failure has a ``message`` for people, and ``is_expected``
        tells whether the user can do something about it.
    """
    try:
        with memory_errors():
            yield from _run(request, stop)
    except LeukosegError as error:
        yield {"event": "failed", "message": str(error), "is_expected": True}
    except Exception as error:
        _logger.exception("Fine-tuning failed")
        message = f"{type(error).__name__}: {error}"
        yield {"event": "failed", "message": message, "is_expected": False}


def _run(request: FinetuneRequest, stop: threading.Event) -> Iterator[Event]:
    """Survey, and tune step by step."""
    yield {"event": "progress", **_loading()}
    survey = survey_sources(
        request.paths,
        slides=request.slides,
        kept_aside=request.settings.kept_aside,
        seed=request.settings.seed,
    )
    if survey.problems:  # it would be trained on less than the user has seen
        raise DataError(survey.problems[0])
    import torch

    from napari_leukoseg.training.finetuning.run import finetune

    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))  # one is the viewer's
    steps = finetune(survey, request.settings, request.out)
    try:
        while not stop.is_set():
            yield {"event": "progress", **next(steps).to_dict()}
        steps.close()
        yield _cancelled(request)
    except StopIteration as end:
        yield {"event": "done", **end.value.to_dict()}
    finally:
        steps.close()


def _cancelled(request: FinetuneRequest) -> Event:
    """Return the event that tells what is left of a run that was stopped."""
    model = request.out / "model"
    return {"event": "cancelled", "model": str(model) if model.is_dir() else None}


def _loading() -> Event:
    """Return what is told before anything is loaded."""
    return FinetuneProgress(Stage.READ, message="Loading PyTorch").to_dict()


class Output:
    """Writes events, whole lines each, and nothing after the last one.

    Parameters
    ----------
    file : BinaryIO
        Where to.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._lock = file, threading.Lock()

    def write(self, event: Event) -> None:
        """Write an event; the one that ends the process waits for no other."""
        with self._lock:
            self._file.write(json.dumps(event).encode() + b"\n")
            self._file.flush()
            if event["event"] != "progress":
                os._exit(0)  # threads of libraries have nothing left to do


def _listen(
    source: RawIOBase, stop: threading.Event, output: Output, request: FinetuneRequest
) -> None:
    """Wait for a word or the end of the input; both mean to stop, and soon."""
    for line in source:
        if line.strip() == b"cancel":
            break
    stop.set()
    time.sleep(PATIENCE_S)
    output.write(_cancelled(request))


def _yield_priority() -> None:
    """Let the viewer come first where both want the processor."""
    try:
        process = psutil.Process()
        if sys.platform == "win32":
            process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            process.nice(NICENESS)
    except (OSError, psutil.Error):
        _logger.debug("The priority could not be lowered", exc_info=True)


def main(arguments: list[str] | None = None) -> None:
    """Carry out the request that the first argument names."""
    logging.basicConfig(level=logging.WARNING)
    (path,) = sys.argv[1:] if arguments is None else arguments
    output = Output(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # what libraries print goes to the log
    _yield_priority()
    request = FinetuneRequest.from_dict(json.loads(Path(path).read_text("utf-8")))
    stop = threading.Event()
    # Unbuffered: a lock that is held while waiting would stop a process that is
    # forked meanwhile.
    words = os.fdopen(os.dup(0), "rb", buffering=0)
    listener = (words, stop, output, request)
    threading.Thread(target=_listen, args=listener, daemon=True).start()
    with suppress(BrokenPipeError):  # the viewer is gone
        for event in events_of(request, stop):
            output.write(event)
    os._exit(1)


if __name__ == "__main__":
    main()
