"""One segmentation at a time, from the press of the button to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_leukoseg.plugin.exporting import LayerPixels, export_picture
from napari_leukoseg.plugin.jobs import SegmentJob
from napari_leukoseg.plugin.pictures import Picture

if TYPE_CHECKING:
    from napari_leukoseg.geometry import Region
    from napari_leukoseg.plugin.background import Background
    from napari_leukoseg.plugin.results import Results
    from napari_leukoseg.plugin.worker_client import WorkerClient

    Event = dict[str, Any]

__all__ = [
    "Ending",
    "RunRequest",
    "RunState",
    "Runs",
    "describe_duration",
    "locate_case",
]


_KEPT = "What is finished is kept in the case"


class RunState(StrEnum):
    """Where a run is."""

    IDLE = "idle"
    PREPARING = "preparing"
    RUNNING = "running"
    CANCELLING = "cancelling"


@dataclass(frozen=True, eq=False)
class RunRequest:
    """What the user asked for.

    Parameters
    ----------
    layer : Image
        Layer of the picture.
    picture : Picture
        What is known of it.
    region : Region or None
        Part of it, none for the whole.
    model, device : str
        As `SegmentJob`.
    cell_diameter_px : float or None
        As `SegmentJob`.
    case_folder : Path
        Folder of cases.
    stain : str or dict
        As `SegmentJob`.
    """

    layer: Image
    picture: Picture
    region: Region | None
    model: str
    device: str
    cell_diameter_px: float | None
    case_folder: Path
    stain: str | dict[str, Any] = "model"

    def to_job(self, slide: str, case: str) -> SegmentJob:
        """Return what the worker needs."""
        return SegmentJob(
            slide=slide,
            case=case,
            shape=self.picture.shape,
            mpp=self.picture.mpp,
            model=self.model,
            device=self.device,
            bounds=None if self.region is None else self.region.bounds,
            cell_diameter_px=self.cell_diameter_px,
            stain=self.stain,
        )


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Parameters
    ----------
    is_finished : bool
        Whether nothing is left to do.
    message : str
        One or two sentences for people.
    is_error : bool
        Whether something went wrong.
    """

    is_finished: bool
    message: str
    is_error: bool = False


class Runs(QObject):
    """Starts, watches and stops segmentation runs.

    Parameters
    ----------
    client : WorkerClient
        Does the work.
    background : Background
        Prepares it.
    results_of : callable
        Gives the results of a picture's layer.

    Attributes
    ----------
    state_changed : Signal
        See `state`.
    progressed : Signal of dict
        Fields of `pipeline.Progress`, or a ``message`` alone.
    ended : Signal of Ending
        Once for each run.
    """

    state_changed = Signal()
    progressed = Signal(dict)
    ended = Signal(object)

    def __init__(
        self,
        client: WorkerClient,
        background: Background,
        results_of: Callable[[Image], Results],
    ) -> None:
        super().__init__()
        self._client, self._background = client, background
        self._results_of = results_of
        self._request: RunRequest | None = None
        self._state = RunState.IDLE
        self._number = 0
        self._n_cells = 0
        self._case: Path | None = None
        self._has_worked = False
        client.event.connect(self._on_event)

    @property
    def state(self) -> RunState:
        """Where the present run is."""
        return self._state

    @property
    def is_active(self) -> bool:
        """Whether a run is under way."""
        return self._state is not RunState.IDLE

    @property
    def layer(self) -> Image | None:
        """Layer that is being segmented."""
        return None if self._request is None else self._request.layer

    def start(self, request: RunRequest) -> None:
        """Start a run, or take up the last one where it stopped."""
        if self.is_active:
            return
        self._request, self._case = request, None
        self._n_cells, self._has_worked = 0, False
        self._set_state(RunState.PREPARING)
        self.progressed.emit({"message": "Preparing the picture"})
        pixels = LayerPixels.of_layer(request.layer)
        prepare = partial(_prepare, request, pixels)
        send = partial(self._if_current, request, self._send)
        fail = partial(self._if_current, request, self._fail)
        self._background.run(prepare, send, fail)

    def cancel(self) -> None:
        """Stop; what is finished stays in the case."""
        if self._state is RunState.PREPARING:
            self._end(Ending(False, "Stopped before anything was done."))
        elif self._state is RunState.RUNNING:
            self._set_state(RunState.CANCELLING)
            self._client.cancel(self._number)

    def _if_current(
        self, request: RunRequest | None, then: Callable[[Any], None], value: Any
    ) -> None:
        """Go on, unless the run was stopped meanwhile."""
        if self._request is request and self._state is RunState.PREPARING:
            then(value)

    def _send(self, job: SegmentJob) -> None:
        """Give the job to the worker, once the case as it was is shown."""
        self._case = Path(job.case)
        if self._case.exists():
            send = partial(self._if_current, self._request, self._dispatch, job)
            self._show_case(send)
        else:
            self._dispatch(job)

    def _dispatch(self, job: SegmentJob) -> None:
        """Give the job to the worker."""
        self._set_state(RunState.RUNNING)
        self._number = self._client.send("segment", job=job.to_dict())

    def _on_event(self, event: Event) -> None:
        """Hear of the run's progress."""
        if event["id"] != self._number or self._request is None:
            return
        match event["event"]:
            case "stage":
                self.progressed.emit(event)
            case "started":
                self._show_case()
            case "progress":
                self._progress(event)
            case "done":
                self._end(self._success(event["summary"]))
            case "cancelled":
                self._end(Ending(False, self._left_off("Stopped.")))
            case "failed":
                self._fail(_explain(event))
            case "crashed":
                lead = (
                    "The worker process ended by itself (status "
                    f"{event['status']}); often there is too little free memory."
                )
                self._end(Ending(False, self._left_off(lead), is_error=True))

    def _progress(self, event: Event) -> None:
        """Pass progress on, and show new cells."""
        self._has_worked |= event["stage"] == "segment"
        self.progressed.emit(event)
        if event["n_cells"] != self._n_cells and self._request is not None:
            self._n_cells = event["n_cells"]
            self._results_of(self._request.layer).renew()

    def _show_case(self, then: Callable[[], None] | None = None) -> None:
        """Show the case's layers, then go on."""
        assert self._request is not None  # noqa: S101
        assert self._case is not None  # noqa: S101
        results = self._results_of(self._request.layer)
        results.set_running(True)
        # What cannot be shown must not be added to; a run under way goes on.
        fail = partial(self._if_current, self._request, self._fail)
        results.open(self._case, then, fail if then is not None else None)

    def _success(self, summary: Event) -> Ending:
        """Tell what was found."""
        cells = _count(summary["n_cells"], "cell")
        if self._has_worked:
            lead = (
                f"{cells} in the case, after {describe_duration(summary['seconds'])}."
            )
        else:
            lead = f"Nothing left to do with these settings: {cells} in the case."
        return Ending(True, " ".join([lead, *summary["notices"]]))

    def _left_off(self, lead: str) -> str:
        """Tell what is kept of a run that did not finish."""
        return (
            f"{lead} What is finished is kept in the case; Segment goes on from there."
        )

    def _fail(self, message: str) -> None:
        """End with an error."""
        self._end(Ending(False, message, is_error=True))

    def _end(self, ending: Ending) -> None:
        """Close the run."""
        request, self._request = self._request, None
        self._number = 0
        if request is not None and self._case is not None:
            self._results_of(request.layer).set_running(False)
        self._set_state(RunState.IDLE)
        self.ended.emit(ending)

    def _set_state(self, state: RunState) -> None:
        """Enter a state."""
        self._state = state
        self.state_changed.emit()


def locate_case(picture: Picture, folder: Path) -> Path | None:
    """Return where a picture's case is or will be; runs in a thread.

    None where the picture has no file yet, and with it no fingerprint.
    """
    from napari_leukoseg.case import slide_stem
    from napari_leukoseg.plugin.cases import find_case

    if picture.path is None or not picture.fingerprint:
        return None
    return find_case(folder, slide_stem(picture.path), picture.fingerprint)


def _prepare(request: RunRequest, pixels: LayerPixels) -> SegmentJob:
    """Make sure that there is a file, and find its case; runs in a thread."""
    from napari_leukoseg.plugin.picture_files import look_up

    picture = request.picture
    if not picture.fingerprint:
        picture = look_up(picture)
    if picture.path is None:
        picture = look_up(replace(picture, path=export_picture(pixels)))
    case = locate_case(picture, request.case_folder)
    return request.to_job(str(picture.path), str(case))


def _explain(event: Event) -> str:
    """Return a sentence about a failure."""
    if event["is_expected"]:
        return str(event["message"])
    return (
        f"Something went wrong that should not ({event['message']}). {_KEPT}; "
        "please report it."
    )


def _count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def describe_duration(seconds: float) -> str:
    """Return a time for people."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 1 else "less than a second"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
