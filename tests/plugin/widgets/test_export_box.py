"""Exports and reports from the viewer: written beside it, told of, stoppable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from napari.components import ViewerModel
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_leukoseg.cells import CountSettings
from napari_leukoseg.plugin.export_targets import TARGETS
from napari_leukoseg.plugin.preferences import Preferences
from napari_leukoseg.plugin.widgets.export_box import ExportBox
from napari_leukoseg.plugin.widgets.message_bar import Tone

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from napari_leukoseg.plugin.session import Session

TARGET = {target.to: target for target in TARGETS}


@pytest.fixture
def viewer() -> ViewerModel:
    """Viewer without a window, which is made in no time."""
    return ViewerModel()


@pytest.fixture
def box(session: Session, qtbot: QtBot, drawn_case: Path, wait: Any) -> ExportBox:
    """Box of an open case, which reports on the first two cells."""
    box = ExportBox(session, lambda: CountSettings(2))
    qtbot.addWidget(box)
    box.show()
    session.open(drawn_case)
    wait(lambda: session.desk.can_edit and session.results.is_settled)
    return box


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Answer the dialogs: a file, a folder, or nothing."""

    def answer(path: Path | str, kind: str = "") -> None:
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_: (str(path), kind)
        )
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(path))

    return answer


def test_menu_offers_what_can_be_written(box: ExportBox, session: Session) -> None:
    box.menu.aboutToShow.emit()
    assert [action.text() for action in box.menu.actions()] == [
        target.title for target in TARGETS
    ]
    assert all(action.isEnabled() for action in box.menu.actions())
    slide, session.desk.slide = session.desk.slide, None
    box.menu.aboutToShow.emit()
    for target, action in zip(TARGETS, box.menu.actions(), strict=True):
        assert action.isEnabled() != target.needs_slide
    session.desk.slide = slide


def test_report_and_a_folder(
    box: ExportBox,
    choose: Any,
    tmp_path: Path,
    wait: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = []
    monkeypatch.setattr(
        QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile())
    )
    out = tmp_path / "new" / "r"
    choose(out, "Web page (*.html)")
    box.report_button.click()
    assert not box.report_button.isEnabled()
    assert not box.export_button.isEnabled()
    assert not box.progress_bar.isHidden()
    wait(lambda: box.report_button.isEnabled())
    assert box.message.tone is Tone.SUCCESS
    page = out.with_suffix(".html").read_text(encoding="utf-8")
    assert "2 of " in page
    assert "<img" in page
    box.open_button.click()
    choose(tmp_path)
    box.export(TARGET["crops"])
    wait(lambda: box.report_button.isEnabled())
    assert len(list((tmp_path / "field_cells").rglob("*.png"))) > 1
    box.open_button.click()
    assert [Path(path) for path in opened] == [
        out.with_suffix(".html"),
        tmp_path / "field_cells",
    ]
    assert Path(Preferences.load().export_folder) == tmp_path


def test_folder_that_is_there(
    box: ExportBox, choose: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[dict[str, Any]] = []
    monkeypatch.setattr(box._process, "start", jobs.append)
    choose(tmp_path)
    (tmp_path / "field_masks").mkdir()
    for answer in (QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes):
        monkeypatch.setattr(QMessageBox, "question", lambda *_, a=answer: a)
        box.export(TARGET["png"])
    choose("")
    box.export(TARGET["png"])
    box.export(TARGET["csv"])
    box.report()
    assert [(job["out"], job["overwrite"]) for job in jobs] == [
        (str(tmp_path / "field_masks"), True)
    ]


def test_stop_and_try_again(
    box: ExportBox, choose: Any, tmp_path: Path, wait: Any
) -> None:
    choose(tmp_path / "x.geojson")
    box.export(TARGET["geojson"])
    box.cancel_button.click()
    wait(lambda: box.export_button.isEnabled())
    assert "Stopped" in box.message.text
    assert list(tmp_path.glob("x.geojson*")) == []
    (tmp_path / "file").write_text("")
    choose(tmp_path / "file" / "x.geojson")
    box.export(TARGET["geojson"])
    assert box.message.text == ""
    wait(lambda: box.export_button.isEnabled())
    assert box.message.tone is Tone.ERROR
    assert "cannot be written to" in box.message.text
    assert box.open_button.isHidden()


def test_session_ends_an_export(
    box: ExportBox, session: Session, choose: Any, tmp_path: Path
) -> None:
    choose(tmp_path / "x.geojson")
    box.export(TARGET["geojson"])
    session.close()
    assert not session.exports.is_running
    assert not (tmp_path / "x.geojson").exists()
