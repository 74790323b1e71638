"""What the pages share: pictures opened here and elsewhere, pixel size, the end."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot

from napari_leukoseg.case import Case
from napari_leukoseg.plugin.preferences import Preferences
from napari_leukoseg.plugin.roles import ROLES
from napari_leukoseg.plugin.session import Session
from napari_leukoseg.slide import open_slide


def test_one_session_a_viewer(session: Session, viewer: Viewer) -> None:
    assert Session.of(viewer) is session


def test_session_ends_with_its_last_page(session: Session, viewer: Viewer) -> None:
    session.join("another")
    session.leave("test")
    assert Session.of(viewer) is session
    session.leave("another")
    again = Session.of(viewer)
    assert again is not session
    again.close()


def test_open_adds_the_picture_and_remembers_it(
    session: Session, viewer: Viewer, open_field: Any
) -> None:
    path = open_field()
    assert [layer.name for layer in viewer.layers] == [path.name]
    assert session.layer is viewer.layers[0]
    assert session.picture.path == path
    assert Preferences.load().recent[0].path == str(path)


def test_open_again_adds_nothing(
    session: Session, viewer: Viewer, open_field: Any, qtbot: QtBot
) -> None:
    path = open_field()
    with qtbot.waitSignal(session.opened) as said:
        session.open(path)
    assert "already" in said.args[0]
    assert len(viewer.layers) == 1


@pytest.mark.parametrize("content", [b"", b"no slide", b"\x89PNG\r\n\x1a\n cut"])
def test_what_cannot_be_opened_is_told(
    session: Session, viewer: Viewer, tmp_path: Path, qtbot: QtBot, content: bytes
) -> None:
    path = tmp_path / "x.svs"
    path.write_bytes(content)
    with qtbot.waitSignal(session.failed) as said:
        session.open(path)
    assert "x.svs" in said.args[0]
    assert len(viewer.layers) == 0


def test_missing_file_is_told(session: Session, tmp_path: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(session.failed) as said:
        session.open(tmp_path / "gone.png")
    assert "gone.png" in said.args[0]


def test_layers_from_elsewhere_are_pictures_too(
    session: Session, viewer: Viewer, wait: Any
) -> None:
    viewer.add_points(np.zeros((1, 2)))
    assert session.layer is None
    layer = viewer.add_image(np.zeros((20, 30, 3), np.uint8), rgb=True, name="mine")
    assert session.layer is layer
    wait(lambda: bool(session.picture.format_name))
    assert session.picture.shape == (20, 30)
    assert session.picture.path is None
    viewer.layers.remove(layer)
    assert session.layer is None
    assert session.picture is None


def test_pixel_size_reaches_layers_and_the_next_session(
    session: Session, viewer: Viewer, tmp_path: Path, big_field: Path, wait: Any
) -> None:
    session.open(big_field)
    wait(lambda: session.picture is not None)
    session.set_mpp(0.3)
    assert session.picture.mpp == 0.3
    assert tuple(viewer.layers[0].scale) == (0.3, 0.3)
    assert viewer.layers[0].metadata["mpp"] == 0.3
    assert Preferences.load().mpp_of(big_field) == 0.3
    session.set_mpp(None)
    assert str(viewer.layers[0].units[0]) == "pixel"


@pytest.fixture
def case_folder(field_png: Path, tmp_path: Path) -> Path:
    path = tmp_path / "field.leukoseg.zarr"
    with open_slide(field_png) as slide:
        Case.create(path, slide).close()
    return path


def test_case_opens_with_its_picture(
    session: Session, viewer: Viewer, case_folder: Path, field_png: Path, wait: Any
) -> None:
    session.preferences.remember(field_png)
    session.open(case_folder)
    wait(lambda: session.results is not None and session.results.is_settled)
    assert [layer.name for layer in viewer.layers] == [field_png.name, *ROLES]
    assert session.results.path == case_folder
    session.open(case_folder)
    wait(lambda: not session.background.is_busy and session.results.is_settled)
    assert len([x for x in viewer.layers if x.name.startswith("nucleus")]) == 1


def test_case_without_its_picture_says_so(
    session: Session, viewer: Viewer, case_folder: Path, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(session.opened) as said:
        session.open(case_folder)
    assert "not found" in said.args[0]
    assert [layer.name for layer in viewer.layers] == list(ROLES)


def test_another_picture_hides_the_one_below(
    session: Session, viewer: Viewer, open_field: Any, big_field: Path, wait: Any
) -> None:
    first = open_field()
    mine = viewer.add_points(np.zeros((1, 2)))
    session.open(big_field)
    wait(lambda: len(viewer.layers) == 3)
    assert session.picture.path == big_field
    visible = {layer.name: layer.visible for layer in viewer.layers}
    assert visible == {first.name: False, mine.name: True, big_field.name: True}
    session.open(first)
    visible = {layer.name: layer.visible for layer in viewer.layers}
    assert visible == {first.name: True, mine.name: True, big_field.name: False}
