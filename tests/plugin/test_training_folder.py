"""What a run leaves on disk, and who may take it up."""

import json
import os
from pathlib import Path

import psutil
import pytest

from napari_leukoseg.plugin.training_folder import TrainingFolder
from napari_leukoseg.training.finetuning import (
    FinetuneProgress,
    FinetuneRequest,
    FinetuneSettings,
    Stage,
)


@pytest.fixture
def folder(tmp_path: Path) -> TrainingFolder:
    folder = TrainingFolder.create("run")
    settings = FinetuneSettings(base="mine", seed=3)
    request = FinetuneRequest((tmp_path,), settings, folder.out)
    folder.write_request(request.to_dict())
    return folder


def add_model(folder: TrainingFolder) -> None:
    (folder.out / "model").mkdir(parents=True)
    (folder.out / "model" / "model.json").write_text("{}")


def test_names_are_never_given_twice() -> None:
    paths = {TrainingFolder.create("run").path for _ in range(3)}
    assert len(paths) == 3


def test_folder_of_a_living_viewer_is_no_orphan(folder: TrainingFolder) -> None:
    assert folder.has_owner
    assert TrainingFolder.orphans() == []
    folder.release()
    assert TrainingFolder.orphans() == [folder]
    folder.adopt()
    assert TrainingFolder.orphans() == []


@pytest.mark.parametrize(
    "owner",
    [
        {"pid": os.getpid(), "create_time": psutil.Process().create_time() - 99},
        {"pid": 2**22 + 1, "create_time": 0},
        {"pid": "x"},
        [],
    ],
)
def test_owner_that_is_another_or_none(folder: TrainingFolder, owner: object) -> None:
    (folder.path / "viewer.json").write_text(json.dumps(owner))
    assert not folder.has_owner


def test_model_is_there_once_its_card_is(folder: TrainingFolder) -> None:
    assert folder.model is None
    add_model(folder)
    assert folder.model == folder.out / "model"


def test_settings_are_those_of_the_request(folder: TrainingFolder) -> None:
    assert folder.settings() == FinetuneSettings(base="mine", seed=3)
    folder.request_file.write_text("{")
    assert folder.settings() == FinetuneSettings()


def test_history_up_to_an_event_that_was_cut_off(folder: TrainingFolder) -> None:
    assert folder.history().epochs == []
    for epoch in range(3):
        progress = FinetuneProgress(Stage.TRAIN, epoch, 3, figures={"loss": 1.0})
        folder.note(progress.to_dict())
    path = folder.path / "events.jsonl"
    path.write_text(path.read_text()[:-4])
    assert [p.epoch for p in folder.history().epochs] == [0, 1]


def test_history_of_another_version_is_left_out(folder: TrainingFolder) -> None:
    folder.note({"stage": "of the future"})
    assert folder.history().epochs == []


def test_damaged_result_is_none(folder: TrainingFolder) -> None:
    folder.out.mkdir()
    (folder.out / "result.json").write_text('{"verdict": "better"}')
    assert folder.result() is None


def test_nothing_is_left(folder: TrainingFolder) -> None:
    add_model(folder)
    folder.remove()
    assert not folder.path.exists()
    folder.remove()
