from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.review.window import WINDOW_KEY, PaintWindow, WindowState
from napari_leukoseg.plugin.review.window_region import MAX_AREA_PX, window_around

ROLES = ("nucleus", "cytoplasm")


@pytest.fixture
def desk(open_case, big_case):
    return open_case(big_case)


@pytest.fixture
def look(desk, viewer, session):
    """Move the camera to a pixel of level 0, with so many canvas pixels for each."""

    def at(row, column, zoom=1.0):
        scale = session.layer.scale[-1]
        viewer.scene.camera.center = tuple(session.layer.data_to_world((row, column)))
        viewer.scene.camera.zoom = zoom / scale

    return at


@pytest.fixture
def window(desk, session, look):
    window = PaintWindow(session)
    look(1000, 1040)
    yield window
    window.close()


def window_layers(viewer):
    return [layer for layer in viewer.layers if WINDOW_KEY in layer.metadata]


def ready(window):
    return lambda: window.state is WindowState.READY


def assert_true(window, desk):
    for role, layer in window.layers.items():
        truth = desk.case.read_labels(role, window.region)
        np.testing.assert_array_equal(layer.data, truth)


def test_follows_the_view_and_loses_nothing(
    window, desk, viewer, session, look, wait
) -> None:
    pyramids = [viewer.layers[role] for role in ROLES]
    window.open("cytoplasm", "paint")
    wait(ready(window))
    layer = window.layers["cytoplasm"]
    assert viewer.layers.selection.active is layer
    assert layer.mode == "paint"
    assert not any(pyramid.visible for pyramid in pyramids)
    assert_true(window, desk)
    corner = (window.region.row, window.region.column)
    world = session.layer.data_to_world(corner)
    np.testing.assert_allclose(layer.data_to_world((0, 0)), world)
    first = window.region

    desk.select((1,))
    layer.paint(np.subtract((1000, 955), corner), 1)  # left of cell 1
    look(3450, 3550)  # the stroke has not become an edit yet
    wait(lambda: window.region not in (first, Region(0, 0, 0, 0)))
    assert desk.undo_action == "PaintPixels"
    assert desk.case.read_ids(Region(1000, 955, 1, 1)) == 1
    assert_true(window, desk)
    assert layer in viewer.layers
    assert layer.mode == "paint"
    assert (layer.data == 4).any()

    window.close()
    assert not window.layers
    assert layer not in viewer.layers
    assert all(pyramid.visible for pyramid in pyramids)
    assert not window_layers(viewer)


def test_rests_while_too_much_is_in_view(window, desk, viewer, look, wait) -> None:
    pyramid = viewer.layers["nucleus"]
    look(2100, 2100, zoom=0.05)
    window.open("nucleus", "erase")
    wait(lambda: window.state is WindowState.TOO_FAR)
    assert not window.layers
    look(1000, 1040)
    wait(ready(window))
    layer = window.layers["nucleus"]
    assert layer.mode == "erase"
    assert not pyramid.visible
    look(2100, 2100, zoom=0.05)
    wait(lambda: window.state is WindowState.TOO_FAR)
    assert pyramid.visible
    assert not layer.visible
    assert not layer.editable
    look(1000, 1040)
    wait(ready(window))
    assert layer.visible
    assert layer.mode == "erase"  # the tool is back in hand
    assert_true(window, desk)


def test_shows_what_is_edited_elsewhere(window, desk, session, wait) -> None:
    from napari_leukoseg.correct import DeleteCells, SplitCell

    window.open("nucleus", "paint")
    wait(ready(window))
    for edit in (DeleteCells((1,)), SplitCell(2, ((1000, 1078), (1010, 1078)))):
        assert desk.apply(edit) is not None
        assert_true(window, desk)
    assert not (window.layers["nucleus"].data == 1).any()
    desk.undo()
    desk.undo()
    assert_true(window, desk)
    assert (window.layers["nucleus"].data == 1).any()
    wait(lambda: session.results.is_settled)


def test_erasing_in_the_window_and_undo_by_key(window, desk, session, wait) -> None:
    window.open("nucleus", "erase")
    wait(ready(window))
    layer = window.layers["nucleus"]
    layer.brush_size = 200
    place = np.subtract((1000, 1000), (window.region.row, window.region.column))
    layer.paint(place, 0)
    session.painting.flush()
    assert not desk.case.cell(1).nucleus.any()
    assert_true(window, desk)
    undo = next(act for key, act in layer.keymap.items() if str(key) == "Ctrl+Z")
    undo(layer)
    assert desk.case.cell(1).nucleus.any()
    assert_true(window, desk)
    wait(lambda: session.results.is_settled)


def test_ends_with_its_layers_and_its_picture(window, viewer, session, wait) -> None:
    window.open("nucleus", "paint")
    wait(ready(window))
    viewer.layers.remove(window.layers["nucleus"])
    assert not window.is_open
    assert not window_layers(viewer)
    assert viewer.layers["nucleus"].visible
    window.open("nucleus", "paint")
    wait(ready(window))
    viewer.layers.remove(session.layer)
    assert not window.is_open


@pytest.mark.parametrize(
    "seen",
    [
        Region(0, 0, 600, 800),
        Region(4000, 4100, 600, 900),
        Region(100, 3000, 1, 1),
        Region(1000, 1000, 2048, 2048),
        Region(0, 0, 2000, 2090),
        Region(10, 10, 1020, 4090),
    ],
)
def test_window_holds_what_is_seen(seen) -> None:
    shape = (5000, 5000)
    window = window_around(seen, shape)
    assert window.intersection(seen) == seen
    assert window.intersection(Region.of_shape(shape)) == window
    assert window.size.area <= MAX_AREA_PX
