from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QApplication
from scipy import ndimage

from napari_leukoseg.case import LABEL_NAMES, Case
from napari_leukoseg.geometry import Region


@pytest.fixture
def desk(open_case, field_case):
    return open_case(field_case)


@pytest.fixture
def settle(session, wait):
    """Wait until strokes have become edits."""

    def until():
        session.painting.flush()
        wait(lambda: session.results.is_settled)

    return until


@pytest.fixture
def said(desk):
    sentences = []
    desk.failed.connect(sentences.append)
    return sentences


@pytest.fixture
def agree(desk, viewer):
    """Check that layers, case and table say the same."""

    def check():
        whole = Region.of_shape(desk.case.shape)
        shown = {role: viewer.layers[role].data for role in LABEL_NAMES}
        for name in LABEL_NAMES:
            np.testing.assert_array_equal(
                shown[name], desk.case.read_labels(name, whole)
            )
        ids = np.maximum(*shown.values())
        assert not np.logical_and(*shown.values()).any()
        assert set(np.unique(ids)) - {0} == set(desk.table["cell_id"])
        classes = np.zeros(ids.max() + 1, int)
        classes[desk.table["cell_id"]] = desk.table["class_id"]
        np.testing.assert_array_equal(viewer.layers["WBC class"].data, classes[ids])

    return check


def middle(desk, cell_id):
    """Return a pixel of a cell's nucleus."""
    cell = desk.case.cell(cell_id)
    pixels = np.argwhere(cell.nucleus)
    return pixels[len(pixels) // 2] + (cell.region.row, cell.region.column)


def free_pixel(desk):
    """Return a pixel far from cells, where a brush fits."""
    whole = Region.of_shape(desk.case.shape)
    room = ndimage.distance_transform_edt(np.pad(desk.case.read_ids(whole) == 0, 1))
    return np.unravel_index(room[1:-1, 1:-1].argmax(), desk.case.shape)


def test_brush_adds_pixels_to_the_selected_cell(desk, viewer, settle, agree):
    cell_id = int(desk.table["cell_id"].iloc[0])
    desk.select((cell_id,))
    layer = viewer.layers["nucleus"]
    assert layer.selected_label == viewer.layers["cytoplasm"].selected_label == cell_id
    before = layer.data.copy()
    pixels = np.argwhere(viewer.layers["cytoplasm"].data == cell_id)
    layer.brush_size = 3
    layer.paint(pixels[0], cell_id)
    assert (layer.data != before).any()
    settle()
    agree()
    assert layer.data[tuple(pixels[0])] == cell_id
    assert desk.undo_action == "PaintPixels"
    desk.undo()
    settle()
    np.testing.assert_array_equal(layer.data, before)
    agree()


@pytest.mark.parametrize("role", LABEL_NAMES)
def test_erasing_goes_to_the_ground(desk, viewer, settle, agree, role):
    layer = viewer.layers[role]
    n_pixels = np.count_nonzero(layer.data)
    layer.brush_size = 5
    layer.paint(np.argwhere(layer.data)[20], 0)
    assert (n_left := np.count_nonzero(layer.data)) < n_pixels
    settle()
    agree()
    assert np.count_nonzero(layer.data) == n_left
    assert desk.undo_action == "ErasePixels"


def test_unknown_id_makes_a_cell(desk, viewer, settle, agree):
    layer = viewer.layers["cytoplasm"]
    n_cells = len(desk.table)
    layer.brush_size = 4
    layer.paint(free_pixel(desk), 4000)
    settle()
    agree()
    new_id = int(desk.table["cell_id"].max())
    assert len(desk.table) == n_cells + 1
    assert desk.selected == (new_id,)
    assert layer.selected_label == new_id < 4000
    viewer.layers["nucleus"].brush_size = 1
    viewer.layers["nucleus"].paint(np.argwhere(layer.data == new_id)[3], new_id)
    settle()
    agree()
    assert len(desk.table) == n_cells + 1


def test_key_for_a_new_label_means_a_new_cell(desk, viewer):
    cell_id = int(desk.table["cell_id"].iloc[0])
    desk.select((cell_id,))
    layer = viewer.layers["nucleus"]
    layer.keymap[next(key for key in layer.keymap if str(key) == "M")](layer)
    assert desk.selected == ()
    assert layer.selected_label == desk.case.next_id
    layer.selected_label = cell_id  # as napari's picker does
    assert desk.selected == (cell_id,)


def test_polygon_is_one_edit(desk, viewer, settle, agree):
    cell_id = int(desk.table["cell_id"].iloc[0])
    row, column = middle(desk, cell_id)
    layer = viewer.layers["cytoplasm"]
    corners = [(row - 4, column - 4), (row - 4, column + 4), (row + 4, column)]
    layer.paint_polygon(corners, cell_id)
    settle()
    agree()
    assert layer.data[row, column] == cell_id
    desk.undo()
    settle()
    assert desk.undo_action is None
    agree()


def test_fill_takes_a_nucleus_over(desk, viewer, settle, agree):
    first, second = (int(i) for i in desk.table["cell_id"][:2])
    viewer.layers["nucleus"].fill(middle(desk, second), first)
    settle()
    agree()


def test_what_makes_no_sense_vanishes(desk, viewer, settle, agree, said):
    cell_id = int(desk.table["cell_id"].iloc[0])
    centers = desk.table[["centroid_row_px", "centroid_column_px"]].to_numpy()
    far = max(
        ((5, 5), (5, 395), (315, 5), (315, 395)),
        key=lambda corner: np.abs(centers[0] - corner).max(),
    )
    before = viewer.layers["nucleus"].data.copy()
    viewer.layers["nucleus"].paint(far, cell_id)
    settle()
    assert "lies" in said[-1] and str(cell_id) in said[-1]
    np.testing.assert_array_equal(viewer.layers["nucleus"].data, before)
    viewer.layers["WBC class"].paint(middle(desk, cell_id), 77)
    settle()
    assert said[-1].startswith("77 is no class")
    viewer.layers["WBC class"].paint(free_pixel(desk), 2)
    settle()
    assert "none where you painted" in said[-1]
    agree()


def test_preserved_labels_keep_their_pixels(desk, viewer, settle, agree):
    first = int(desk.table["cell_id"].iloc[0])
    layer = viewer.layers["cytoplasm"]
    layer.preserve_labels = True
    nuclei = viewer.layers["nucleus"].data.copy()
    layer.brush_size = 9
    layer.paint(middle(desk, first), first)
    settle()
    agree()
    np.testing.assert_array_equal(viewer.layers["nucleus"].data, nuclei)


def test_painting_a_class_assigns_it(desk, viewer, settle, agree):
    cell_id = int(desk.table["cell_id"].iloc[0])
    before = int(desk.table["class_id"].iloc[0])
    wanted = 1 + before % 5
    viewer.layers["WBC class"].paint(middle(desk, cell_id), wanted)
    settle()
    row = desk.table.set_index("cell_id").loc[cell_id]
    assert row["class_id"] == wanted
    assert row["reviewed"]
    agree()


def test_naparis_undo_is_that_of_the_case(desk, viewer, settle, agree):
    layer = viewer.layers["nucleus"]
    before = layer.data.copy()
    layer.paint(np.argwhere(layer.data)[20], 0)
    settle()
    changed = layer.data.copy()
    layer.undo()  # napari's own knows nothing
    np.testing.assert_array_equal(layer.data, changed)
    undo = next(act for key, act in layer.keymap.items() if str(key) == "Ctrl+Z")
    undo(layer)
    settle()
    np.testing.assert_array_equal(layer.data, before)
    assert desk.redo_action == "ErasePixels"
    agree()


def test_strokes_are_durable(desk, viewer, settle, field_case):
    layer = viewer.layers["nucleus"]
    layer.paint(np.argwhere(layer.data)[20], 0)
    settle()
    with Case.open(field_case) as case:
        stored = case.read_labels("nucleus", Region.of_shape(case.shape))
    np.testing.assert_array_equal(stored, layer.data)


def test_a_stroke_waits_for_the_mouse_button(desk, viewer, settle, monkeypatch):
    pressed = [Qt.MouseButton.LeftButton]
    monkeypatch.setattr(QGuiApplication, "mouseButtons", lambda: pressed[0])
    layer = viewer.layers["nucleus"]
    layer.paint(np.argwhere(layer.data)[20], 0)
    for _ in range(5):
        QApplication.processEvents()
    assert desk.undo_action is None
    pressed[0] = Qt.MouseButton.NoButton
    settle()
    assert desk.undo_action == "ErasePixels"
