from pathlib import Path
from typing import Any

import pytest
from napari import Viewer
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog

from napari_leukoseg.plugin.session import Session
from napari_leukoseg.plugin.widgets.message_bar import Tone
from napari_leukoseg.plugin.widgets.slide_page import SlidePage, SlideWidget


@pytest.fixture
def page(session: Session, qtbot: Any) -> SlidePage:
    page = SlidePage(session)
    qtbot.addWidget(page)
    return page


def shown(page: SlidePage) -> list[str]:
    return [page._name.text(), page._size.text(), page._format.text()]


def test_empty_page_invites(page: SlidePage) -> None:
    assert not page._hint.isHidden()
    assert page._facts.isHidden()
    assert not page.next_button.isEnabled()


def test_facts_of_a_picture(page: SlidePage, open_field: Any) -> None:
    path = open_field()
    assert page._hint.isHidden()
    assert shown(page)[0] == path.name
    assert shown(page)[1].startswith("400 × 320 px (")
    assert shown(page)[2] == "PNG"
    assert not page.mpp_box.isEnabled()  # the file states it
    assert page._objective.text()
    assert page.next_button.isEnabled()
    assert page.message.isHidden()


def test_missing_pixel_size_can_be_given(
    page: SlidePage, session: Session, big_field: Path, wait: Any
) -> None:
    session.open(big_field)
    wait(lambda: session.picture is not None)
    assert page.mpp_box.text() == "unknown"
    page.mpp_box.setValue(0.5)
    assert session.picture.mpp == 0.5
    assert "mm" in shown(page)[1]
    page.mpp_box.setValue(0.01)
    assert page.message.tone is Tone.ERROR
    assert "0.02" in page.message.text
    assert session.picture.mpp == page.mpp_box.value() == 0.5


def test_error_is_a_sentence_in_the_page(
    page: SlidePage, tmp_path: Path, wait: Any
) -> None:
    path = tmp_path / "broken.tif"
    path.write_bytes(b"II*\0")
    page.open_path(str(path))
    wait(lambda: page.message.tone is Tone.ERROR)
    assert "broken.tif" in page.message.text
    assert page._busy.isHidden()
    assert "Traceback" not in page.message.text


def test_dropped_file_is_opened(
    page: SlidePage, session: Session, field_png: Path, wait: Any
) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(field_png))])
    page.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    wait(lambda: session.picture is not None)
    assert session.picture.path == field_png


@pytest.mark.parametrize("button", ["open_button", "folder_button"])
def test_dialogs_start_where_the_last_file_was(
    page: SlidePage,
    session: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    button: str,
) -> None:
    asked: list[Any] = []

    def answer(*arguments: Any) -> Any:
        asked.append(arguments)
        return ("", "") if button == "open_button" else ""

    for name in ("getOpenFileName", "getExistingDirectory"):
        monkeypatch.setattr(QFileDialog, name, answer)
    session.preferences.open_folder = str(tmp_path)
    getattr(page, button).click()
    assert asked[0][2] == str(tmp_path)
    assert session.layer is None


def test_recent_files_without_those_that_are_gone(
    page: SlidePage, session: Session, field_png: Path, wait: Any
) -> None:
    session.preferences.remember(field_png)
    session.preferences.remember(Path("/gone/away.png"))
    menu = page.recent_button.menu()
    menu.aboutToShow.emit()
    (action,) = menu.actions()
    assert action.text() == field_png.name
    action.trigger()
    wait(lambda: session.picture is not None)


def test_widget_of_its_own(session: Session, viewer: Viewer) -> None:
    _, widget = viewer.window.add_plugin_dock_widget("napari-leukoseg", "Slide")
    assert isinstance(widget, SlideWidget)
    assert widget.session is session
    assert widget.page.next_button.isHidden()
