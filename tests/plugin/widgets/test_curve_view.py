"""Curves as painted."""

from typing import TYPE_CHECKING

import pytest
from pytestqt.qtbot import QtBot

from napari_leukoseg.plugin.training_history import TrainingHistory
from napari_leukoseg.plugin.widgets.curve_view import CurveView
from napari_leukoseg.training.finetuning import FinetuneProgress, Stage

if TYPE_CHECKING:
    from qtpy.QtGui import QImage


def history_of(n_steps: int, n_epochs: int) -> TrainingHistory:
    history = TrainingHistory()
    for number in range(n_steps):
        history.add(FinetuneProgress(Stage.TRAIN, 0, 3, number, 90, 1 / (1 + number)))
    for number in range(n_epochs):
        figures = {"loss": 0.5, "cell_dice": 0.9 - 0.1 * number}
        history.add(FinetuneProgress(Stage.TRAIN, number, 3, 30, 90, 0.5, figures))
    return history


@pytest.mark.parametrize("width", [160, 400])
def test_each_part_shows(qtbot: QtBot, width: int) -> None:
    view = CurveView()
    qtbot.addWidget(view)
    view.resize(width, view.height())
    pictures: list[QImage] = []
    for n_steps, n_epochs in ((0, 0), (1, 0), (30, 0), (30, 1), (30, 3)):
        view.show_history(history_of(n_steps, n_epochs), 3)
        pictures.append(view.grab().toImage())
        assert pictures[-1] not in pictures[:-1]


def test_is_painted_anew_when_more_is_told(qtbot: QtBot) -> None:
    view = CurveView()
    qtbot.addWidget(view)
    view.show()
    qtbot.waitExposed(view)
    history = history_of(3, 1)
    view.show_history(history, 3)
    qtbot.waitUntil(lambda: not view._settle.isActive())
    before = view.grab().toImage()
    history.add(FinetuneProgress(Stage.TRAIN, 0, 3, 60, 90, 0.1))
    view.show_history(history, 3)
    assert view._settle.isActive()
    qtbot.waitUntil(lambda: not view._settle.isActive())
    assert view.grab().toImage() != before
