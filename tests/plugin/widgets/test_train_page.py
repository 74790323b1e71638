"""The Train page as a person uses it, with a small fine-tuning in a real process."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from PIL import Image
from qtpy.QtWidgets import QMessageBox

from napari_leukoseg.case import Case, case_path
from napari_leukoseg.plugin import places
from napari_leukoseg.plugin.preferences import Preferences
from napari_leukoseg.plugin.training_folder import TrainingFolder
from napari_leukoseg.plugin.training_run import TrainingState
from napari_leukoseg.plugin.widgets.message_bar import Tone
from napari_leukoseg.plugin.widgets.train_page import TrainPage, TrainWidget
from napari_leukoseg.segment.library import ModelLibrary
from napari_leukoseg.slide import open_slide
from napari_leukoseg.synthetic import SmearSettings, write_field
from napari_leukoseg.training.finetuning import survey_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari import Viewer
    from pytestqt.qtbot import QtBot

    from napari_leukoseg.plugin.session import Session

N_FIELDS = 4
MANY_EPOCHS = 500


@pytest.fixture(scope="session")
def drawn_fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of small drawn pictures with label files beside them."""
    folder = tmp_path_factory.mktemp("fields")
    for number in range(N_FIELDS):
        settings = SmearSettings(
            (160, 200),
            seed=number,
            cell_diameter_px=40.0,
            white_cell_fraction=0.25,
            class_weights=(1, 1, 0, 0, 0),
        )
        for _ in write_field(folder / f"{number}.png", settings, with_labels=True):
            pass
    return folder


@pytest.fixture
def fields(drawn_fields: Path, tmp_path: Path) -> Path:
    """Copy of it that a test may change."""
    return shutil.copytree(drawn_fields, tmp_path / "fields")


@pytest.fixture
def page(
    session: Session, qtbot: QtBot, wait: Any, color_model: Path
) -> Iterator[TrainPage]:
    """Page in a window of its own, with a small base and steps that take no time."""
    page = TrainPage(session)
    qtbot.addWidget(page)
    page.resize(300, 800)
    page.show()
    wait(lambda: page.setup.form.base_box.findData("default") >= 0)
    page.setup.form.use_model(str(color_model))
    page.setup.form.epochs_box.setValue(2)
    page.setup.form.steps_box.setValue(1)
    yield page
    session.training.stop()
    wait(lambda: not session.background.is_busy)


@pytest.fixture
def choose(page: TrainPage, wait: Any) -> Callable[..., None]:
    """Add sources, and wait until they were looked at."""

    def add(*paths: Path) -> None:
        for path in paths:
            page.setup.sources.add(path)
        wait(lambda: page.setup.survey is not None)

    return add


@pytest.fixture
def yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Confirm everything."""
    answer = QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answer)


def first_best(page: TrainPage) -> Callable[[], bool]:
    """Tell whether there is a model to keep."""
    return lambda: page._training.history.best is not None


def test_survey_tells_what_is_there(page: TrainPage, choose: Any, fields: Path) -> None:
    assert not page.train_button.isEnabled()
    assert "Choose something" in page.train_button.toolTip()
    choose(fields)
    survey = survey_sources([fields])
    shown = page.setup.survey_view.texts()
    assert set(shown) == {survey.scheme[i].name for i in survey.cells}
    total = sum(int(taught) + int(kept) for taught, kept in shown.values())
    assert total == survey.n_reviewed
    note = page.setup.survey_view.note.text()
    assert all(field.name in note for field in survey.kept_aside)
    assert page.train_button.isEnabled()


def test_too_few_cells_cannot_be_trained_on(
    page: TrainPage, choose: Any, fields: Path
) -> None:
    for path in fields.glob("[1-9]*"):
        path.unlink()
    choose(fields)
    assert "needed" in page.setup.survey_view.warning.text()
    assert not page.train_button.isEnabled()
    page.train()
    assert page.message.tone is Tone.ERROR
    assert "needed" in page.message.text
    assert not page._training.is_active
    page.setup.sources.list.item(0).setSelected(True)
    page.setup.sources.remove_button.click()
    assert page.message.text == ""  # it was of another choice


def test_source_that_was_deleted_is_told(
    page: TrainPage, choose: Any, fields: Path, wait: Any
) -> None:
    choose(fields)
    shutil.rmtree(fields)
    page.setup.look_again()
    wait(lambda: not page.train_button.isEnabled())
    assert "moved or deleted" in page.setup.survey_view.warning.text()
    assert "cannot be used" in page.setup.sources.list.item(0).text()


def test_source_that_vanishes_at_the_last_moment_stops_the_training(
    page: TrainPage, choose: Any, fields: Path, tmp_path: Path, wait: Any
) -> None:
    gone = shutil.copytree(fields, tmp_path / "gone")
    for path in gone.glob("*.png"):  # not the same pictures
        with Image.open(path) as picture:
            picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    choose(fields, gone)
    wait(lambda: len(page.setup.usable) == 2)
    shutil.rmtree(gone)
    page.train_button.click()
    wait(lambda: not page._training.is_active)
    assert page.message.tone is Tone.ERROR
    assert "moved or deleted" in page.message.text
    assert not page.setup.isHidden()
    assert list(places.trainings_folder().iterdir()) == []


def test_sources_are_unchecked_and_removed(
    page: TrainPage, choose: Any, fields: Path, wait: Any
) -> None:
    choose(fields)
    item = page.setup.sources.list.item(0)
    item.setCheckState(item.checkState().Unchecked)
    assert page.setup.sources.paths == []
    assert not page.train_button.isEnabled()
    page.setup.sources.add(fields)  # chooses it again
    assert page.setup.sources.paths == [fields]
    assert page.setup.sources.list.count() == 1
    item.setSelected(True)
    page.setup.sources.remove_button.click()
    assert page.setup.sources.list.count() == 0
    wait(lambda: "Add cases" in page.setup.survey_view.note.text())


def test_trains_compares_and_keeps(
    page: TrainPage,
    session: Session,
    choose: Any,
    fields: Path,
    wait: Any,
) -> None:
    choose(fields)
    page.train_button.click()
    pid = session.training.pid
    assert page.setup.isHidden()
    assert not page.cancel_button.isHidden()
    wait(lambda: not session.training.is_active)
    assert page.message.tone is Tone.SUCCESS, page.message.text
    assert not psutil.pid_exists(pid)  # its memory is given back
    assert [p.epoch for p in session.training.history.epochs] == [0, 1, 2]
    assert session.training.result.verdict in page.comparison.verdict.text()
    (header, *figures) = page.comparison.texts()
    assert header == ["", "base", "new", "change"]
    assert any("Dice" in row[0] for row in figures)
    page.previews.slider.setValue(0)
    assert page.previews.title.text() == "Base"
    assert not page.previews._pictures[0].pixmap().isNull()
    assert not page.curves.isHidden()
    page.keep_bar.name_box.setText("mine")
    page.keep_bar.keep_button.click()
    wait(lambda: session.training.state is TrainingState.IDLE)
    assert ModelLibrary().info("mine").training["finetuning"]["lineage"]
    wait(lambda: page.setup.form.base_box.findData("mine") >= 0)
    assert list(places.trainings_folder().iterdir()) == []
    assert Preferences.load().training_sources == [str(fields)]
    page.use_button.click()
    assert Preferences.load().model == "mine"


def test_cancel_halfway_keeps_the_best_and_discard_leaves_no_trace(
    page: TrainPage, session: Session, choose: Any, fields: Path, wait: Any, yes: None
) -> None:
    page.setup.form.epochs_box.setValue(MANY_EPOCHS)
    choose(fields)
    page.train_button.click()
    wait(first_best(page))
    page.cancel_button.click()
    assert "at &once" in page.cancel_button.text()
    wait(lambda: not session.training.is_active)
    assert page.message.text.startswith("Stopped.")
    assert page.comparison.isHidden()
    assert not page.keep_bar.isHidden()
    page.keep_bar.discard_button.click()
    assert not page.setup.isHidden()
    assert list(places.trainings_folder().iterdir()) == []
    assert ModelLibrary().names() == ()


def test_killed_process_and_closed_viewer_lose_nothing(
    page: TrainPage, session: Session, choose: Any, fields: Path, wait: Any
) -> None:
    page.setup.form.epochs_box.setValue(MANY_EPOCHS)
    choose(fields)
    page.train_button.click()
    assert page._reason_to_stay()
    wait(first_best(page))
    psutil.Process(session.training.pid).kill()
    wait(lambda: not session.training.is_active)
    assert page.message.tone is Tone.ERROR
    assert "ended by itself" in page.message.text
    assert not page.keep_bar.isHidden()
    session.training.stop()  # as the end of the session does
    (orphan,) = TrainingFolder.orphans()
    page.hide()
    page.show()
    assert session.training.model == orphan.model
    assert "earlier session" in page.message.text


def test_failure_is_told_and_the_page_is_ready_again(
    page: TrainPage, session: Session, choose: Any, fields: Path, monkeypatch: Any
) -> None:
    process = session.training._process
    monkeypatch.setattr(process, "start", lambda _: None)
    choose(fields)
    page.train_button.click()
    process.event.emit({"event": "failed", "message": "No.", "is_expected": True})
    process.ended.emit("")
    assert page.message.tone is Tone.ERROR
    assert page.message.text.startswith("No.")
    assert not page.setup.isHidden()
    assert page.train_button.isEnabled()


def test_disk_that_cannot_be_written_is_told(
    page: TrainPage, choose: Any, fields: Path
) -> None:
    choose(fields)
    places.trainings_folder().parent.mkdir(parents=True, exist_ok=True)
    places.trainings_folder().write_text("no folder")
    page.train_button.click()
    assert page.message.tone is Tone.ERROR
    assert "cannot be written" in page.message.text
    assert not page.setup.isHidden()


def test_open_case_is_offered_once(
    page: TrainPage, session: Session, open_field: Any, tmp_path: Path, wait: Any
) -> None:
    case = case_path(tmp_path, "field")
    with open_slide(open_field()) as slide:
        Case.create(case, slide).close()
    session.results_of(session.layer).open(case)
    wait(lambda: page.setup.sources.has(case))
    page.setup.sources.list.item(0).setSelected(True)
    page.setup.sources.remove_button.click()
    session.results_changed.emit()
    assert not page.setup.sources.has(case)
    wait(lambda: session.results.is_settled)


def test_models_are_exported_imported_and_removed(
    page: TrainPage, session: Session, color_model: Path, tmp_path: Path, wait: Any
) -> None:
    ModelLibrary().add(color_model, "first")
    session.models_changed.emit()
    library = page.library
    wait(lambda: library.list.count() == 1)
    assert not library.export_button.isEnabled()
    library.list.setCurrentRow(0)
    assert library.selected == "first"
    file = tmp_path / "first.leukoseg-model"
    library.export("first", file)
    wait(file.is_file)
    library.remove("first")
    wait(lambda: library.list.count() == 0)
    library.import_(file)
    wait(lambda: library.list.count() == 1)
    assert ModelLibrary().names() == ("first",)
    file.write_bytes(b"no archive")
    library.import_(file)
    wait(lambda: page.message.tone is Tone.ERROR)
    assert "not a model file" in page.message.text


def test_preset_and_base_are_remembered(
    page: TrainPage, session: Session, color_model: Path, qtbot: QtBot
) -> None:
    form = page.setup.form
    form.preset_box.setCurrentIndex(form.preset_box.findData("thorough"))
    page.setup.remember()
    again = TrainPage(session)
    qtbot.addWidget(again)
    assert again.setup.form.settings().preset == "thorough"
    assert again.setup.form.settings().base == str(color_model)


def test_given_numbers_reach_the_request(page: TrainPage) -> None:
    form = page.setup.form
    form.rate_box.setValue(2.5)
    form.aside_box.setValue(40)
    form.seed_box.setValue(7)
    settings = form.settings()
    assert (settings.epochs, settings.steps_per_epoch) == (2, 1)
    assert settings.learning_rate == pytest.approx(2.5e-4)
    assert (settings.kept_aside, settings.seed) == (0.4, 7)
    form.epochs_box.setValue(0)
    assert form.settings().epochs is None
    assert json.dumps(settings.to_dict())


def test_widget_of_its_own(session: Session, viewer: Viewer) -> None:
    _, widget = viewer.window.add_plugin_dock_widget("napari-leukoseg", "Train")
    assert isinstance(widget, TrainWidget)
    assert widget.session is session
