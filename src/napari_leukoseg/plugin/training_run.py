"""One fine-tuning at a time, from the press of the button to Keep or Discard."""

from __future__ import annotations

import time
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_leukoseg.plugin.runs import Ending, describe_duration
from napari_leukoseg.plugin.training_folder import TrainingFolder
from napari_leukoseg.plugin.training_history import TrainingHistory
from napari_leukoseg.plugin.training_process import TrainingProcess
from napari_leukoseg.training.finetuning import (
    FinetuneProgress,
    FinetuneRequest,
    FinetuneResult,
    FinetuneSettings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_leukoseg.plugin.background import Background

    Event = dict[str, Any]

__all__ = ["Training", "TrainingState"]


class TrainingState(StrEnum):
    """Where a fine-tuning is."""

    IDLE = "idle"
    RUNNING = "running"
    STOPPING = "stopping"
    DECIDING = "deciding"
    """It has ended, and its model is neither kept nor discarded yet."""
    KEEPING = "keeping"


class Training(QObject):
    """Starts, watches and stops fine-tuning, and holds what it came to.

    Parameters
    ----------
    background : Background
        Keeps models.

    Attributes
    ----------
    state_changed : Signal
        See `state`.
    progressed : Signal of FinetuneProgress
        What the process tells.
    ended : Signal of Ending
        Once for each run, before the user decides about its model.
    history : TrainingHistory
        Of the present run or the last one.
    result : FinetuneResult or None
        What it came to; none also where a run ended before the comparison.
    settings : FinetuneSettings or None
        What was asked for.
    kept : Signal of str
        Name under which a model was added to the user's library.
    failed : Signal of str
        A sentence about a model that could not be kept.
    """

    state_changed = Signal()
    progressed = Signal(object)
    ended = Signal(object)
    kept = Signal(str)
    failed = Signal(str)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self.history = TrainingHistory()
        self.result: FinetuneResult | None = None
        self.settings: FinetuneSettings | None = None
        self._state = TrainingState.IDLE
        self._folder: TrainingFolder | None = None
        self._failure = ""
        self._process = TrainingProcess()
        self._process.event.connect(self._on_event)
        self._process.ended.connect(self._on_ended)

    @property
    def state(self) -> TrainingState:
        """Where the present run is."""
        return self._state

    @property
    def is_active(self) -> bool:
        """Whether a process trains."""
        return self._state in (TrainingState.RUNNING, TrainingState.STOPPING)

    @property
    def pid(self) -> int:
        """Process id of the training, 0 while there is none."""
        return self._process.pid

    @property
    def model(self) -> Path | None:
        """Folder of the model that waits for a decision."""
        return None if self._folder is None else self._folder.model

    def start(
        self,
        paths: Sequence[Path],
        settings: FinetuneSettings,
        slides: Sequence[Path] = (),
    ) -> None:
        """Start to train.

        Parameters
        ----------
        paths : sequence of Path
            Cases, and folders of pictures with masks.
        settings : FinetuneSettings
            What is asked for.
        slides : sequence of Path, optional
            Where slides may lie that do not lie beside their case.

        Raises
        ------
        OSError
            If the files of the run cannot be written.
        """
        if self._state is not TrainingState.IDLE:
            return
        folder = TrainingFolder.create(time.strftime("%Y%m%d-%H%M%S"))
        request = FinetuneRequest(tuple(paths), settings, folder.out, tuple(slides))
        folder.write_request(request.to_dict())
        self._folder, self.settings = folder, settings
        self.history, self.result, self._failure = TrainingHistory(), None, ""
        self._set_state(TrainingState.RUNNING)
        self._process.start(folder.request_file)

    def cancel(self) -> None:
        """Stop and keep the best so far; a second time, stop at once."""
        if self._state is TrainingState.RUNNING:
            self._set_state(TrainingState.STOPPING)
            self._process.cancel()
        elif self._state is TrainingState.STOPPING:
            self._process.kill()

    def take_up(self, folder: TrainingFolder) -> bool:
        """Take up a run whose viewer has gone; tell whether it has a model."""
        if self._state is not TrainingState.IDLE:
            return False
        if folder.model is None:
            folder.remove()
            return False
        folder.adopt()
        self._folder, self.settings = folder, folder.settings()
        self.history, self.result = folder.history(), folder.result()
        self._set_state(TrainingState.DECIDING)
        return True

    def keep(self, name: str) -> None:
        """Add the model to the user's library; `kept` or `failed` tells the outcome."""
        if self._state is TrainingState.DECIDING and self.model is not None:
            self._set_state(TrainingState.KEEPING)
            work = partial(_keep, self.model, name)
            self._background.run(work, self._on_kept, self._on_not_kept)

    def discard(self) -> None:
        """Remove the model and all that the run has left."""
        if self._state is TrainingState.DECIDING:
            self._forget()

    def stop(self) -> None:
        """End the process; a model that is there waits for the next session."""
        if self.is_active:
            self._process.stop()
        folder, self._folder = self._folder, None
        self._state = TrainingState.IDLE
        if folder is not None and folder.model is not None:
            folder.release()
        elif folder is not None:
            folder.remove()

    def _on_event(self, event: Event) -> None:
        """Take what the process tells."""
        assert self._folder is not None  # noqa: S101
        match event.pop("event", None):
            case "progress":
                self._take_progress(event)
            case "done":
                self.result = FinetuneResult.from_dict(event)
            case "failed":
                self._failure = _explain(event)

    def _take_progress(self, event: Event) -> None:
        """Keep and pass on how far it is."""
        assert self._folder is not None  # noqa: S101
        progress = FinetuneProgress.from_dict(event)
        if progress.figures:
            self._folder.note(event)
        self.history.add(progress)
        self.progressed.emit(progress)

    def _on_ended(self, status: str) -> None:
        """Go on where the process has ended, in whatever way."""
        if not self.is_active:
            return
        is_stopped = self._state is TrainingState.STOPPING
        ending = self._ending(status, is_stopped=is_stopped)
        if self.model is None:
            self._forget()
        else:
            self._set_state(TrainingState.DECIDING)
        self.ended.emit(ending)

    def _ending(self, status: str, *, is_stopped: bool) -> Ending:
        """Tell how a run ended."""
        kept = (
            "The best model so far is kept until you decide about it."
            if self.model is not None
            else "There is no model yet; your corrections are untouched."
        )
        if self.result is not None:
            took = describe_duration(self.result.seconds)
            lead = f"Finished after {took}."
            return Ending(True, f"{lead} Keep or discard the new model.")
        if is_stopped:
            return Ending(False, f"Stopped. {kept}")
        lead = self._failure or (
            f"The training process ended by itself (status {status or 0}); often "
            "there is too little free memory."
        )
        return Ending(False, f"{lead} {kept}", is_error=True)

    def _on_kept(self, name: str) -> None:
        """Forget the run, whose model is in the library."""
        self._forget()
        self.kept.emit(name)

    def _on_not_kept(self, message: str) -> None:
        """Leave the decision open."""
        self._set_state(TrainingState.DECIDING)
        self.failed.emit(message)

    def _forget(self) -> None:
        """Remove the files of the run and be ready for the next."""
        folder, self._folder = self._folder, None
        self.result = None
        if folder is not None:
            folder.remove()
        self._set_state(TrainingState.IDLE)

    def _set_state(self, state: TrainingState) -> None:
        """Enter a state."""
        self._state = state
        self.state_changed.emit()


def _keep(model: Path, name: str) -> str:
    """Add a model to the library; runs in a thread."""
    from napari_leukoseg.segment.library import ModelLibrary

    return ModelLibrary().add(model, name).name


def _explain(event: Event) -> str:
    """Return a sentence about a failure."""
    if event.get("is_expected", True):
        return str(event["message"])
    return (
        f"Something went wrong that should not ({event['message']}); please report it "
        "with the log of napari."
    )
