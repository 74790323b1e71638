import threading
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject

from napari_leukoseg.errors import SlideError
from napari_leukoseg.plugin.background import Background


@pytest.fixture
def background(qtbot: QtBot) -> Any:
    background = Background()
    yield background
    background.close()


def test_result_arrives_in_the_interface_thread(background: Any, wait: Any) -> None:
    heard: list[object] = []

    def on_done(result: object) -> None:
        heard.extend([result, threading.current_thread()])

    background.run(threading.get_ident, on_done, heard.append)
    wait(lambda: bool(heard))
    assert heard[0] != threading.get_ident()
    assert heard[1] is threading.main_thread()
    assert not background.is_busy


@pytest.mark.parametrize(
    ("error", "said"),
    [(SlideError("x.svs is empty."), "x.svs is empty."), (KeyError("k"), "KeyError")],
)
def test_failure_arrives_as_a_sentence(
    background: Any, wait: Any, error: Exception, said: str
) -> None:
    heard: list[str] = []

    def fail() -> None:
        raise error

    background.run(fail, heard.append, heard.append)
    wait(lambda: bool(heard))
    assert said in heard[0]


def test_nothing_is_delivered_after_close(background: Any, qtbot: QtBot) -> None:
    release, heard = threading.Event(), []
    background.run(release.wait, heard.append, heard.append)
    background.close()
    release.set()
    background.run(lambda: 1, heard.append, heard.append)
    later = Background()
    with qtbot.waitSignal(later._finished):
        later.run(lambda: 2, lambda _: None, heard.append)
    later.close()
    assert heard == []


def test_nothing_is_delivered_to_an_owner_that_is_gone(
    background: Any, wait: Any, qtbot: QtBot
) -> None:
    release, heard = threading.Event(), []
    owner = QObject()
    background.run(release.wait, heard.append, heard.append, owner)
    with qtbot.waitSignal(owner.destroyed):
        owner.deleteLater()
    assert not background.is_busy
    with qtbot.waitSignal(background._finished):
        release.set()
    background.run(lambda: "next", heard.append, heard.append)
    wait(lambda: "next" in heard)
    assert heard == ["next"]
