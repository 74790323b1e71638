from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_leukoseg.plugin.clicks import watch_clicks


@pytest.fixture
def model() -> ViewerModel:
    model = ViewerModel()
    model.add_labels(np.zeros((9, 9), int))
    return model


def press(model: ViewerModel, *moves: tuple[int, int]) -> None:
    """Press at (5, 5), move, and release."""
    event: Any = SimpleNamespace(pos=(5, 5), position=(1.0, 2.0), modifiers=())
    for callback in list(model.mouse_drag_callbacks):
        event.type, event.pos = "mouse_press", (5, 5)
        drag = callback(model, event)
        next(drag, None)
        for place in moves:
            event.type, event.pos = "mouse_move", place
            next(drag, None)
        event.type = "mouse_release"
        next(drag, None)


@pytest.mark.parametrize(
    ("moves", "is_click"), [([], True), ([(6, 7)], True), ([(40, 5), (5, 5)], False)]
)
def test_click_is_no_drag(
    model: ViewerModel, moves: list[tuple[int, int]], is_click: bool
) -> None:
    clicks: list[Any] = []
    watch_clicks(model, clicks.append)
    press(model, *moves)
    assert clicks == [(1.0, 2.0)] * is_click


def test_click_belongs_to_whoever_paints(model: ViewerModel) -> None:
    clicks: list[Any] = []
    watch_clicks(model, clicks.append)
    model.layers[0].mode = "paint"
    press(model)
    assert clicks == []


def test_stop_ends_it(model: ViewerModel) -> None:
    clicks: list[Any] = []
    stop = watch_clicks(model, clicks.append)
    stop()
    stop()
    press(model)
    assert clicks == []
