"""Every way a fine-tuning can end, told by a process that is only played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from napari_leukoseg.plugin import places
from napari_leukoseg.plugin.background import Background
from napari_leukoseg.plugin.training_folder import TrainingFolder
from napari_leukoseg.plugin.training_run import Training, TrainingState
from napari_leukoseg.training.finetuning import (
    FinetuneProgress,
    FinetuneSettings,
    Stage,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_leukoseg.plugin.runs import Ending


class Played:
    """Process that does what a test says."""

    def __init__(self, training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
        self.training, self.process = training, training._process
        self.calls: list[str] = []
        for name in ("start", "cancel", "kill", "stop"):
            self._replace(name, monkeypatch)

    def _replace(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def called(*_: object) -> None:
            self.calls.append(name)

        monkeypatch.setattr(self.process, name, called)

    def tell(self, **event: Any) -> None:
        self.process.event.emit(event)

    def epoch(self, epoch: int, *, is_best: bool = False) -> None:
        figures = {"loss": 1.0 / (epoch + 1), "cell_dice": 0.9, "nucleus_dice": None}
        progress = FinetuneProgress(
            Stage.TRAIN, epoch, 3, figures=figures, is_best=is_best
        )
        if is_best:
            model = self.training._folder.out / "model"
            model.mkdir(parents=True, exist_ok=True)
            (model / "model.json").write_text("{}")
        self.tell(event="progress", **progress.to_dict())

    def end(self, status: str = "") -> None:
        self.process.ended.emit(status)


@pytest.fixture
def training(qtbot: QtBot) -> Iterator[Training]:
    background = Background()
    training = Training(background)
    yield training
    training.stop()
    background.close()


@pytest.fixture
def endings(training: Training) -> list[Ending]:
    heard: list[Ending] = []
    training.ended.connect(heard.append)
    return heard


@pytest.fixture
def process(
    training: Training, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Played:
    played = Played(training, monkeypatch)
    training.start([tmp_path], FinetuneSettings())
    return played


def left_behind() -> list[Path]:
    folder = places.trainings_folder()
    return list(folder.iterdir()) if folder.is_dir() else []


def test_one_at_a_time(training: Training, process: Played, tmp_path: Path) -> None:
    assert training.state is TrainingState.RUNNING
    training.start([tmp_path], FinetuneSettings(seed=9))
    assert process.calls == ["start"]
    assert training.settings == FinetuneSettings()


def test_failure_before_there_is_a_model_leaves_nothing(
    training: Training, process: Played, endings: list[Ending]
) -> None:
    process.tell(event="failed", message="Too few cells.", is_expected=True)
    process.end()
    assert training.state is TrainingState.IDLE
    assert endings[0].is_error
    assert endings[0].message.startswith("Too few cells. There is no model yet")
    assert left_behind() == []


def test_memory_that_runs_out_keeps_the_best(
    training: Training, process: Played, endings: list[Ending]
) -> None:
    process.epoch(0)
    process.epoch(1, is_best=True)
    message = "There is not enough memory to train."
    process.tell(event="failed", message=message, is_expected=True)
    process.end()
    assert training.state is TrainingState.DECIDING
    assert endings[0].is_error
    assert "best model so far is kept" in endings[0].message


def test_failure_of_our_own_is_told_as_such(
    process: Played, endings: list[Ending]
) -> None:
    process.tell(event="failed", message="KeyError: 3", is_expected=False)
    process.end()
    assert "KeyError: 3" in endings[0].message
    assert "report" in endings[0].message


def test_process_that_dies(
    training: Training, process: Played, endings: list[Ending]
) -> None:
    process.epoch(1, is_best=True)
    process.end("9")
    assert "status 9" in endings[0].message
    assert training.state is TrainingState.DECIDING
    assert training.result is None


def test_cancel_twice_kills(
    training: Training, process: Played, endings: list[Ending]
) -> None:
    process.epoch(1, is_best=True)
    training.cancel()
    assert training.state is TrainingState.STOPPING
    training.cancel()
    assert process.calls == ["start", "cancel", "kill"]
    process.end("9")
    assert not endings[0].is_error
    assert endings[0].message.startswith("Stopped.")
    assert training.state is TrainingState.DECIDING


def test_discarded_model_leaves_no_trace(training: Training, process: Played) -> None:
    process.epoch(1, is_best=True)
    training.cancel()
    process.end()
    training.discard()
    assert training.state is TrainingState.IDLE
    assert left_behind() == []


def test_model_that_cannot_be_kept_stays(
    training: Training, process: Played, wait: Callable[[Any], None]
) -> None:
    process.epoch(1, is_best=True)
    training.cancel()
    process.end()
    said: list[str] = []
    training.failed.connect(said.append)
    training.keep("../outside")
    wait(lambda: bool(said))
    assert "../outside" in said[0]
    assert training.state is TrainingState.DECIDING
    assert training.model is not None


def test_closing_the_viewer_leaves_the_best_to_the_next_session(
    training: Training, process: Played, qtbot: QtBot
) -> None:
    process.epoch(0)
    process.epoch(1, is_best=True)
    training.stop()
    assert process.calls[-1] == "stop"
    (orphan,) = TrainingFolder.orphans()
    background = Background()
    other = Training(background)
    assert other.take_up(orphan)
    assert other.state is TrainingState.DECIDING
    assert [p.epoch for p in other.history.epochs] == [0, 1]
    assert other.history.best.epoch == 1
    assert other.settings == FinetuneSettings()
    other.discard()
    background.close()
    assert left_behind() == []


def test_closing_the_viewer_before_there_is_a_model_leaves_nothing(
    training: Training, process: Played
) -> None:
    training.stop()
    assert left_behind() == []
    assert training.state is TrainingState.IDLE


def test_orphan_without_a_model_is_removed(training: Training) -> None:
    folder = TrainingFolder.create("run")
    assert not training.take_up(folder)
    assert left_behind() == []
