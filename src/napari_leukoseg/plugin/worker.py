"""Worker process of the viewer: runs segmentation, speaks JSON lines.

Started as ``python -m napari_leukoseg.plugin.worker``. Each line of standard
input is a command, each line of standard output an event; both are JSON objects.
It ends when its input ends, so that it never outlives the viewer.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import queue
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.jobs import SegmentJob

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import BinaryIO

    from napari_leukoseg.case import Case
    from napari_leukoseg.pipeline import Progress, RunSummary, SegmentSettings
    from napari_leukoseg.plugin.review.click_work import ClickWork
    from napari_leukoseg.plugin.stain_bench import StainBench
    from napari_leukoseg.segment import Segmenter
    from napari_leukoseg.slide import SlideReader

    Event = dict[str, Any]

__all__ = ["Worker", "main"]

_logger = logging.getLogger(__name__)

NICENESS = 10
"""Priority given up, so that the window of the viewer comes first."""


class Worker:
    """Answers commands one by one; keeps the model that it loaded last.

    Parameters
    ----------
    threads : int, optional
        Threads of the network; one fewer than cores if not given.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or max(1, (os.cpu_count() or 2) - 1)
        self._segmenter: tuple[tuple[str, ...], Segmenter] | None = None
        self._click_work: ClickWork | None = None
        self._cancelled: set[int] = set()
        self._bench: tuple[str, StainBench] | None = None
        self._commands: dict[str, Callable[[Event], Iterator[Event]]] = {
            "hello": self._hello,
            "describe": self._describe,
            "estimate": self._estimate,
            "segment": self._segment,
            "click": self._click,
            "stain": self._stain,
        }

    def cancel(self, command_id: int) -> None:
        """Stop a command after its present step, or before it begins; any thread."""
        self._cancelled.add(command_id)

    def answer(self, command: Event) -> Generator[Event, None, None]:
        """Carry out a command.

        Parameters
        ----------
        command : dict
            ``do`` names the command; ``id`` comes back with each event.

        Yields
        ------
        event : dict
            ``event`` names it. A command ends with ``done``, ``cancelled`` or
            ``failed``; a failure has a ``message`` for people, and
            ``is_expected`` tells whether the user can do something about it.
        """
        try:
            for event in self._commands[command["do"]](command):
                yield self._addressed(event, command)
        except LeukosegError as error:
            yield self._addressed(_failure(str(error), is_expected=True), command)
        except Exception as error:
            _logger.exception("Command %s failed", command.get("do"))
            message = f"{type(error).__name__}: {error}"
            yield self._addressed(_failure(message, is_expected=False), command)
        finally:
            self._cancelled.discard(command["id"])

    def _addressed(self, event: Event, command: Event) -> Event:
        """Tell which command an event belongs to."""
        return {**event, "do": command.get("do"), "id": command.get("id")}

    def _hello(self, _: Event) -> Iterator[Event]:
        """List the devices, the bundled models and the user's own."""
        import torch

        from napari_leukoseg.segment.device import available_devices, short_device_name
        from napari_leukoseg.segment.library import available_models

        torch.set_num_threads(self._threads)
        yield {
            "event": "done",
            "devices": [
                {"name": name, "label": short_device_name(torch.device(name))}
                for name in available_devices()
            ],
            "models": [
                _describe_model(name, folder)
                for name, folder in available_models().items()
            ],
        }

    def _describe(self, command: Event) -> Iterator[Event]:
        """Read the card of a model folder."""
        folder = Path(command["model"])
        yield {"event": "done", **_describe_model(str(folder), folder)}

    def _estimate(self, command: Event) -> Iterator[Event]:
        """Tell what a job would cost."""
        from napari_leukoseg.pipeline import estimate_seconds

        job = SegmentJob.from_dict(command["job"])
        segmenter = self._load(job)
        outline = cast("SlideReader", _Outline(job.shape, job.mpp))
        seconds = estimate_seconds(outline, segmenter, _settings(job))
        yield {"event": "done", "seconds": seconds, "device": segmenter.device_label}

    def _segment(self, command: Event) -> Iterator[Event]:
        """Run a job, streaming into its case."""
        from napari_leukoseg.pipeline import segment_slide
        from napari_leukoseg.slide import open_slide

        job = SegmentJob.from_dict(command["job"])
        yield {"event": "stage", "message": "Loading the model"}
        segmenter = self._load(job)
        with (
            open_slide(job.slide, mpp=job.mpp) as slide,
            _open_case(Path(job.case), slide) as case,
        ):
            yield {"event": "started", "case": job.case}
            steps = segment_slide(slide, segmenter, case, _settings(job))
            yield from self._drive(steps, command["id"])

    def _stain(self, command: Event) -> Iterator[Event]:
        """Standardize a part of a picture, for methods that need a network."""
        from napari_leukoseg.stain import StainStep

        step = StainStep.from_dict(command["step"])
        region = Region.from_bounds(*command["region"])
        bench, factor = self._bench_of(command["slide"]), float(command["factor"])
        view = bench.read(region, factor)
        pixels = bench.stained(step, region, factor, view)
        text = base64.b64encode(pixels.tobytes()).decode()
        yield {"event": "done", "pixels": text, "shape": pixels.shape}

    def _bench_of(self, slide: str) -> StainBench:
        """Return the bench of a picture, the last one if it is the same."""
        from napari_leukoseg.plugin.stain_bench import StainBench

        if self._bench is None or self._bench[0] != slide:
            if self._bench is not None:
                self._bench[1].close()
            self._bench = (slide, StainBench(slide))
        return self._bench[1]

    def _click(self, command: Event) -> Iterator[Event]:
        """Outline the cell that a person points at."""
        from napari_leukoseg.plugin.review.click_work import ClickWork

        if self._click_work is None:
            self._click_work = ClickWork(self._threads)
        yield {"event": "done", **self._click_work.answer(command)}

    def _drive(
        self, steps: Generator[Progress, None, RunSummary], command_id: int
    ) -> Iterator[Event]:
        """Take steps until there are no more, or the command is cancelled."""
        try:
            while command_id not in self._cancelled:
                yield {"event": "progress", **vars(next(steps))}
            yield {"event": "cancelled"}
        except StopIteration as end:
            yield {"event": "done", "summary": end.value.to_dict()}
        finally:
            steps.close()

    def _load(self, job: SegmentJob) -> Segmenter:
        """Return the segmenter of a job, the last one if it is the same."""
        from napari_leukoseg.segment import load_segmenter

        key = (job.model, job.device, *_model_state(job.model))
        if self._segmenter is None or self._segmenter[0] != key:
            self._segmenter = None  # frees memory before the next one needs it
            segmenter = load_segmenter(job.model, job.device, threads=self._threads)
            self._segmenter = (key, segmenter)
        return self._segmenter[1]


class _Outline(NamedTuple):
    """All that an estimate needs of a slide."""

    shape: tuple[int, int]
    mpp: float | None


def _settings(job: SegmentJob) -> SegmentSettings:
    """Return the settings of a job as the pipeline takes them."""
    from napari_leukoseg.pipeline import SegmentSettings
    from napari_leukoseg.stain import StainDefault, StainStep

    region = None if job.bounds is None else Region.from_bounds(*job.bounds)
    stain: StainStep | StainDefault
    if isinstance(job.stain, str):
        stain = StainDefault(job.stain)
    else:
        stain = StainStep.from_dict(job.stain)
    return SegmentSettings(job.cell_diameter_px, region, stain)


def _open_case(path: Path, slide: SlideReader) -> Case:
    """Open the case of a slide, or make it."""
    from napari_leukoseg.case import Case

    return Case.open(path) if path.exists() else Case.create(path, slide)


def _model_state(model: str) -> tuple[str, ...]:
    """Return what changes when a model folder is written anew."""
    from napari_leukoseg.segment.library import resolve_model

    card = resolve_model(model) / "model.json"
    return (str(card.stat().st_mtime_ns),) if card.is_file() else ()


def _describe_model(name: str, folder: Path) -> Event:
    """Return what people want to know of a model."""
    from napari_leukoseg.segment.card import read_card
    from napari_leukoseg.segment.systems import is_narrow

    card = read_card(folder)
    return {
        "name": name,
        "title": f"{card.name} (narrow)" if is_narrow(card) else card.name,
        "stain": card.stain,
        "description": card.description,
        "cell_diameter_px": card.cell_diameter_px,
    }


def _failure(message: str, *, is_expected: bool) -> Event:
    """Return the event of a failure."""
    return {"event": "failed", "message": message, "is_expected": is_expected}


def _listen(
    source: BinaryIO, worker: Worker, commands: queue.SimpleQueue[Event]
) -> None:
    """Pass commands on; end the process with its input."""
    for line in source:
        command = json.loads(line)
        if command["do"] == "cancel":
            worker.cancel(command["id"])
        else:
            commands.put(command)
    # The viewer is gone. What is committed is safe on disk, and a tile in
    # flight is done again by the next run, so there is nothing to wait for.
    os._exit(0)


def _yield_priority() -> None:
    """Let the viewer come first where both want the processor."""
    import psutil

    try:
        process = psutil.Process()
        if sys.platform == "win32":
            process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            process.nice(NICENESS)
    except (OSError, psutil.Error):
        _logger.debug("The priority could not be lowered", exc_info=True)


def _claim_output() -> BinaryIO:
    """Keep standard output for events; what libraries print goes to the log."""
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return events


def main() -> None:
    """Answer commands until the input ends."""
    logging.basicConfig(level=logging.WARNING)
    events = _claim_output()
    _yield_priority()
    worker = Worker()
    commands: queue.SimpleQueue[Event] = queue.SimpleQueue()
    listener = (sys.stdin.buffer, worker, commands)
    threading.Thread(target=_listen, args=listener, daemon=True).start()
    with suppress(BrokenPipeError):  # the viewer is gone
        while True:
            for event in worker.answer(commands.get()):
                events.write(json.dumps(event).encode() + b"\n")
                events.flush()


if __name__ == "__main__":
    main()
