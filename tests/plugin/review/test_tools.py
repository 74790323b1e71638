from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.utils.key_bindings import coerce_keybinding

from napari_leukoseg import correct
from napari_leukoseg.correct import ErasePixels
from napari_leukoseg.correct.edit import PlannedEdit
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.review.commands import ACTIONS, COMMANDS
from napari_leukoseg.plugin.review.sketch import LAYER_NAME
from napari_leukoseg.plugin.review.tools import canvas_key
from napari_leukoseg.plugin.review.window import WindowState

KEYS = {command.name: canvas_key(command.key) for command in COMMANDS}


@pytest.fixture
def desk(open_case, field_case):
    return open_case(field_case)


@pytest.fixture
def tools(desk, session):
    return session.tools


@pytest.fixture
def said(desk):
    sentences = []
    desk.failed.connect(sentences.append)
    desk.noticed.connect(sentences.append)
    return sentences


@pytest.fixture
def drag(viewer, session):
    """Drag on the tool's layer over points of level 0, as the canvas would."""

    def along(points, *modifiers, button=1):
        layer = viewer.layers[LAYER_NAME]
        zoom = viewer.scene.camera.zoom * abs(session.layer.scale[-1])
        event = SimpleNamespace(button=button, modifiers=modifiers, type="mouse_press")
        steps = None
        for point in points:
            event.position = session.layer.data_to_world(point)
            event.pos = np.multiply(point, zoom)[::-1]
            if steps is None:
                steps = layer.mouse_drag_callbacks[0](layer, event)
                next(steps, None)
                event.type = "mouse_move"
            else:
                next(steps, None)
        event.type = "mouse_release"
        next(steps, None)

    return along


def press(layer_or_viewer, key):
    """Press a key that is bound on a layer or the viewer."""
    act = layer_or_viewer.keymap[coerce_keybinding(key)]
    assert act.__name__  # napari asks for it with every key
    return act(layer_or_viewer)


def across(cell):
    row, column = cell.centroid
    reach = max(cell.region.height, cell.region.width)
    return [(row + reach * f, column) for f in np.linspace(-1, 1, 20)]


def around(center, radius):
    angles = np.linspace(0, 2 * np.pi, 30)
    return np.add(center, radius * np.stack([np.sin(angles), np.cos(angles)], axis=1))


def test_line_splits_and_merge_takes_it_back(
    desk, tools, viewer, drag, session, wait
) -> None:
    before = len(desk.table)
    cell_id = int(desk.table["cell_id"].iloc[0])
    desk.select((cell_id,))
    tools.run("split")
    assert tools.active == "split"
    assert "line" in tools.hint
    drag(across(desk.case.cell(cell_id)))
    assert desk.undo_action == "SplitCell"
    assert len(desk.table) == before + 1
    assert tools.active == "split"  # for the next cell
    press(viewer.layers[LAYER_NAME], "Escape")
    assert tools.active is None
    assert LAYER_NAME not in viewer.layers
    desk.select((cell_id, int(desk.table["cell_id"].max())))
    press(viewer, "Shift-M")
    assert desk.undo_action == "MergeCells"
    assert len(desk.table) == before
    assert desk.selected == (cell_id,)
    wait(lambda: session.results.is_settled)


def test_outline_adds_and_replaces(desk, tools, drag, session, wait) -> None:
    n_cells = len(desk.table)
    cell = desk.case.cell(int(desk.table["cell_id"].iloc[0]))
    desk.select((cell.cell_id,))
    tools.run("delete")
    assert len(desk.table) == n_cells - 1
    tools.run("draw")
    drag(around(cell.centroid, 22))
    added = int(desk.table["cell_id"].max())
    assert desk.selected == (added,)
    assert desk.case.cell(added).nucleus.any()
    tools.run("replace")
    drag(around(cell.centroid, 12))
    assert desk.undo_action == "ReplaceMasks"
    assert desk.case.cell(added).mask.sum() == pytest.approx(np.pi * 144, rel=0.2)
    session.preferences.tool_part = "nucleus"
    drag(around(cell.centroid, 6))
    assert desk.case.cell(added).nucleus.sum() == pytest.approx(np.pi * 36, rel=0.3)
    tools.put_down()
    wait(lambda: session.results.is_settled)


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("fill", "FillHoles"),
        ("smooth", "SmoothCells"),
        ("grow", "GrowCells"),
        ("shrink", "GrowCells"),
    ],
)
def test_outlines_are_changed_by_key(
    desk, tools, viewer, session, wait, name, action
) -> None:
    desk.select(desk.table["cell_id"][:1].tolist())
    cell = desk.case.cell(desk.selected[0])
    if name == "fill":  # make a hole
        row, column = (round(x) for x in cell.centroid)
        hole = Region(row, column, 2, 2)
        desk.apply(ErasePixels("cell", hole, np.ones((2, 2), bool)))
    press(viewer, KEYS[name])
    assert desk.undo_action == action
    wait(lambda: session.results.is_settled)


def test_what_cannot_be_done_is_told(desk, tools, said, viewer, drag) -> None:
    desk.select(())
    press(viewer, "Shift-M")
    assert "two cells or more" in said[-1]
    press(viewer, "Delete")
    assert "Select cells first" in said[-1]
    press(viewer, canvas_key("Ctrl+Z"))
    assert said[-1] == "There is nothing to undo."
    tools.run("split")
    drag([(1, 1), (1, 20), (1, 40)])
    assert "crosses no cell" in said[-1]
    n_said = len(said)
    drag([(1, 1)])  # a click draws nothing
    drag(around((50, 50), 20), button=2)
    assert len(said) == n_said
    assert desk.undo_action is None
    tools.put_down()


def test_brushes_are_taken_up_and_put_down(desk, tools, viewer) -> None:
    nucleus, cytoplasm = viewer.layers["nucleus"], viewer.layers["cytoplasm"]
    tools.run("paint_cytoplasm")
    assert viewer.layers.selection.active is cytoplasm
    assert (cytoplasm.mode, tools.active) == ("paint", "paint_cytoplasm")
    assert "a new cell" in tools.hint
    desk.select(desk.table["cell_id"][:1].tolist())
    assert f"cell {desk.selected[0]}" in tools.hint
    tools.run("erase")
    assert (cytoplasm.mode, tools.active) == ("erase", "erase")
    nucleus.mode = "polygon"  # by napari's own buttons
    viewer.layers.selection.active = nucleus
    assert tools.active == "paint_nucleus"
    press(nucleus, "Escape")
    assert (nucleus.mode, tools.active, tools.hint) == ("pan_zoom", None, "")
    press(nucleus, "Escape")
    assert desk.selected == ()
    tools.run("paint_nucleus")
    tools.run("paint_nucleus")  # again puts it down
    assert (nucleus.mode, tools.active) == ("pan_zoom", None)


def test_drawing_ends_with_its_layer_and_its_picture(
    desk, tools, viewer, session
) -> None:
    tools.run("draw")
    viewer.layers.remove(viewer.layers[LAYER_NAME])
    assert tools.active is None
    tools.run("draw")
    viewer.layers.remove(session.layer)
    assert tools.active is None
    assert LAYER_NAME not in viewer.layers
    assert tools.trouble("draw")


def test_brush_on_a_pyramid_opens_the_window(
    open_case, big_case, session, viewer, wait
) -> None:
    open_case(big_case)
    tools = session.tools
    viewer.reset_view()
    viewer.scene.camera.zoom = 0.1 / session.layer.scale[-1]
    tools.run("paint_nucleus")
    wait(lambda: tools.window.state is WindowState.TOO_FAR)
    assert tools.active == "paint_nucleus"
    assert tools.hint.startswith("Zoom in to paint")
    viewer.scene.camera.center = session.layer.data_to_world((1000, 1040))
    viewer.scene.camera.zoom = 1 / session.layer.scale[-1]
    wait(lambda: tools.window.state is WindowState.READY)
    assert tools.active == "paint_nucleus"
    tools.run("erase")
    wait(lambda: tools.window.state is WindowState.READY)
    assert tools.active == "erase"
    tools.escape()
    assert not tools.window.is_open
    assert tools.active is None


def test_every_edit_has_words_for_people() -> None:
    kinds = {
        name
        for name in correct.__all__
        if isinstance(kind := getattr(correct, name), type)
        and issubclass(kind, PlannedEdit)
        and kind is not PlannedEdit
    }
    assert kinds == set(ACTIONS)
    keys = [command.key for command in COMMANDS]
    assert len(set(keys)) == len(keys)
