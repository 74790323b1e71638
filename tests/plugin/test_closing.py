"""The window asks before it cuts work short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtWidgets import QDockWidget, QMainWindow, QMessageBox, QVBoxLayout, QWidget

from napari_leukoseg.plugin.closing import CloseGuard

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

BUTTONS = QMessageBox.StandardButton


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    window = QMainWindow()
    central = QWidget()
    QVBoxLayout(central).addWidget(QWidget())
    window.setCentralWidget(central)
    qtbot.addWidget(window)
    window.show()
    return window


@pytest.fixture
def page(window: QMainWindow) -> QWidget:
    page, dock = QWidget(), QDockWidget()
    dock.setWidget(page)
    window.addDockWidget(dock.allowedAreas().RightDockWidgetArea, dock)
    return page


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked; the answer is taken from the list's attribute."""
    asked: list[str] = []

    def ask(_: object, __: str, text: str, *___: object) -> object:
        asked.append(text)
        return Answer.button

    monkeypatch.setattr(QMessageBox, "question", ask)
    return asked


class Answer:
    button = BUTTONS.Cancel


@pytest.mark.parametrize("button", [BUTTONS.Cancel, BUTTONS.Close])
def test_answer_decides(
    window: QMainWindow,
    page: QWidget,
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
    button: QMessageBox.StandardButton,
) -> None:
    monkeypatch.setattr(Answer, "button", button)
    CloseGuard.watch(page, lambda: "Something runs.")
    assert window.close() is (button == BUTTONS.Close)
    assert window.isVisible() is (button == BUTTONS.Cancel)
    assert len(asked) == 1
    assert asked[0].startswith("Something runs.")


def test_nothing_is_asked_without_a_reason(
    window: QMainWindow, page: QWidget, asked: list[str]
) -> None:
    CloseGuard.watch(page, lambda: "")
    assert window.close()
    assert asked == []


def test_two_pages_ask_once(
    window: QMainWindow, page: QWidget, asked: list[str]
) -> None:
    for reason in ("One.", "Two."):
        CloseGuard.watch(page, lambda reason=reason: reason)
    window.close()
    assert len(asked) == 1
    assert asked[0].startswith("Two.")


def test_window_that_a_program_takes_apart_is_not_held(
    window: QMainWindow, page: QWidget, asked: list[str]
) -> None:
    CloseGuard.watch(page, lambda: "Something runs.")
    window.centralWidget().findChild(QWidget).close()
    assert window.close()
    assert asked == []


def test_widget_without_a_window(qtbot: QtBot) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    assert CloseGuard.watch(page, lambda: "Something runs.") is None
