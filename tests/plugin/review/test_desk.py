"""After every edit layers, table and case say the same; nobody is locked out."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_leukoseg.case import Case
from napari_leukoseg.correct import (
    AssignClass,
    DeleteCells,
    GrowCells,
    MarkReviewed,
    MergeCells,
    change_scheme,
)
from napari_leukoseg.errors import CaseError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.review import desk as desk_module
from napari_leukoseg.plugin.review.marks import SELECTED_NAME
from napari_leukoseg.plugin.roles import CLASSES, ROLES

CROWD = Region(0, 0, 1400, 1300)
"""Where all cells but one are."""

HOLD = """
import sys, time
from napari_leukoseg.case import Case
with Case.open(sys.argv[1]) as case:
    case.recover()
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def viewer():
    """Viewer without a window, which is made in no time."""
    return ViewerModel()


@pytest.fixture(params=["plain", "pyramid"])
def path(request, field_case, big_case):
    return field_case if request.param == "plain" else big_case


@pytest.fixture
def told(session):
    """Ids of cells that the desk tells of, edit by edit."""
    told = []
    session.desk.changed.connect(told.append)
    return told


@pytest.fixture
def said(session):
    said = []
    session.desk.failed.connect(said.append)
    return said


def assert_shown(desk, session):
    """Layers at every level and table are those of the case."""
    for role, layer in session.results.layers.items():
        levels = list(layer.data) if layer.multiscale else [layer.data]
        for number, level in enumerate(levels):
            part = CROWD.scaled(0.5**number).intersection(Region.of_shape(level.shape))
            if role == CLASSES:
                expected = desk.case.read_classes(part, number)
            else:
                expected = desk.case.read_labels(role, part, number)
            np.testing.assert_array_equal(level[part.slices], expected)
    pd.testing.assert_frame_equal(desk.table, desk.case.table())


def edits_of(ids):
    return [
        AssignClass((ids[0], ids[2]), 5),
        MarkReviewed((ids[1],)),
        GrowCells((ids[0],), 3),
        DeleteCells((ids[2],)),
        MergeCells((ids[0], ids[1])),
    ]


def test_every_edit_is_shown_at_once(open_case, path, session, told, wait):
    desk = open_case(path)
    ids = desk.table["cell_id"].tolist()
    first = desk.case.table()
    edits = edits_of(ids)
    for edit in edits:
        told.clear()
        assert desk.apply(edit) is not None
        assert len(told) == 1
        assert set(told[0]) <= set(ids)
        wait(lambda: session.results.is_drawn)  # at once, unless the machine is busy
        assert_shown(desk, session)
        assert desk.undo_action == edit.action
    for _ in edits:
        desk.undo()
        wait(lambda: session.results.is_drawn)
        assert_shown(desk, session)
    pd.testing.assert_frame_equal(desk.table, first)
    assert desk.undo_action is None
    desk.redo()
    wait(lambda: session.results.is_drawn)
    assert_shown(desk, session)
    assert desk.redo_action == edits[1].action


def test_tables_of_the_layers_and_count_follow(open_case, path, session, wait):
    desk = open_case(path)
    cell_id = int(desk.table["cell_id"][0])
    desk.apply(AssignClass((cell_id,), 4))
    assert not session.results.is_settled
    wait(lambda: session.results.is_settled)
    features = session.results.layers["nucleus"].features.set_index("cell_id")
    assert features["class"][cell_id] == "eosinophil"
    counted = {c.class_id: c.count for c in desk.view.snapshot.count.classes}
    assert counted[4] == (desk.table["class_id"] == 4).sum()
    assert all(layer.editable for layer in session.results.layers.values()) is (
        desk.view.is_plain
    )


def test_changed_regions_hold_changed_pixels_only(open_case, path, session):
    desk = open_case(path)
    cell_id = int(desk.table["cell_id"][0])
    assert desk.changed_regions == (Region.of_shape(desk.case.shape),)
    box = desk.case.cell(cell_id).region
    desk.apply(AssignClass((cell_id,), 4))
    assert desk.changed_regions == ()
    desk.apply(DeleteCells((cell_id,)))
    assert desk.changed_regions == (box,)


def test_another_program_may_write_between_edits(
    open_case, field_case, monkeypatch, wait
):
    monkeypatch.setattr(desk_module, "RELEASE_MS", 1)
    desk = open_case(field_case)
    ids = desk.table["cell_id"].tolist()
    with Case.open(field_case) as other:
        other.recover()  # the desk holds no lock after opening
    desk._releaser.setInterval(50)
    desk.apply(MarkReviewed((ids[0],)))
    with Case.open(field_case) as other, pytest.raises(CaseError):
        other.recover()
    wait(lambda: not desk._releaser.isActive())
    with Case.open(field_case) as other:
        AssignClass((ids[1],), 5).apply(other)
    desk.apply(MarkReviewed((ids[2],)))
    by_id = desk.table.set_index("cell_id")
    assert by_id["class_id"][ids[1]] == 5  # what the other has done is shown as well
    assert by_id["reviewed"][ids].tolist()[:3] == [True, True, True]


def test_case_that_is_written_elsewhere_waits(
    session, field_case, wait, said, monkeypatch
):
    monkeypatch.setattr(desk_module, "RETRY_MS", 50)
    desk = session.desk
    desk._retrier.setInterval(50)
    command = [sys.executable, "-c", HOLD, str(field_case)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        session.open(field_case)
        wait(lambda: "being written by" in desk.refusal)
        assert not desk.can_edit
        assert desk.apply(MarkReviewed((1,))) is None
        assert "being written by" in said[-1]
        assert len(desk.table) > 0  # it is shown all the same
        holder.communicate("\n")
    wait(lambda: desk.can_edit)
    assert desk.apply(MarkReviewed((1,))) is not None


def test_impossible_edit_is_told_and_changes_nothing(
    open_case, field_case, session, said, told
):
    desk = open_case(field_case)
    told.clear()
    assert desk.apply(AssignClass((1,), 99)) is None
    assert desk.apply(MergeCells((1,))) is None
    assert len(said) == 2
    assert told == []
    assert_shown(desk, session)


def test_without_a_case_there_is_nothing_to_edit(session, said):
    desk = session.desk
    assert not desk.can_edit
    assert "no cells" in desk.refusal
    assert len(desk.table) == 0
    desk.undo()
    desk.select((1, 2))
    assert desk.selected == ()
    assert desk.apply(MarkReviewed((1,))) is None
    assert said == [desk.refusal] * 2


def test_scheme_recolors_the_layer_of_classes(open_case, path, session, told, wait):
    desk = open_case(path)
    told.clear()
    red = desk.scheme[1]
    scheme = desk.scheme.changed(type(red)(1, red.name, red.key, "#123456"))
    assert desk.change(lambda case: change_scheme(case, scheme))
    wait(lambda: session.results.is_settled)
    assert told == [()]
    assert desk.scheme == scheme
    color = session.results.layers[CLASSES].colormap.map(1)
    np.testing.assert_allclose(color[:3], np.array([0x12, 0x34, 0x56]) / 255, atol=0.01)


def test_selection_is_of_cells_that_exist(open_case, field_case, viewer, wait):
    desk = open_case(field_case)
    heard = []
    desk.selection_changed.connect(lambda: heard.append(desk.selected))
    ids = desk.table["cell_id"].tolist()
    desk.select((ids[2], 999, ids[0], ids[2]), center=True)
    assert desk.selected == (ids[2], ids[0])
    desk.select(desk.selected)
    assert len(heard) == 1
    wait(lambda: SELECTED_NAME in viewer.layers)
    rings = viewer.layers[SELECTED_NAME]
    assert len(rings.data) == 2
    desk.apply(DeleteCells((ids[2],)))
    assert desk.selected == (ids[0],)
    wait(lambda: len(rings.data) == 1)
    box = desk.case.cell(ids[0]).region
    middle = (np.array(box.bounds[:2]) + box.bounds[2:] - 1) / 2
    np.testing.assert_allclose(rings.data[0], middle)
    desk.select(())
    wait(lambda: len(rings.data) == 0)


def test_center_brings_the_cell_into_view(open_case, big_case, session, viewer, wait):
    desk = open_case(big_case)
    viewer.scene.camera.zoom = 0.01
    desk.select((3,), center=True)
    box = desk.case.cell(3).region
    middle = (np.array(box.bounds[:2]) + box.bounds[2:] - 1) / 2
    expected = session.layer.data_to_world(middle)
    camera = viewer.scene.camera
    wait(lambda: np.allclose(camera.center[-2:], expected))
    shown_px = box.height * session.layer.scale[-1] * camera.zoom
    assert 0.05 * min(viewer.canvas.size) < shown_px < min(viewer.canvas.size)


def test_history_outlives_the_session(open_case, field_case, session):
    desk = open_case(field_case)
    desk.apply(AssignClass((1,), 5))
    session.close()
    assert desk.case is None
    with Case.open(field_case) as case:
        assert case.undo() == "AssignClass"


def test_what_a_killed_process_left_is_repaired(open_case, field_case, session):
    with Case.open(field_case) as case:
        GrowCells((1,), 4).apply(case)
        expected = case.read_labels("cytoplasm", Region.of_shape(case.shape))
    for name in ROLES[:2]:  # labels as they were before, as after a power cut
        for chunk in (field_case / "labels" / name).rglob("c/*/*"):
            chunk.unlink()
    (field_case / "leukoseg" / "journal" / "applied.json").unlink(missing_ok=True)
    desk = open_case(field_case)
    shown = desk.case.read_labels("cytoplasm", Region.of_shape(desk.case.shape))
    np.testing.assert_array_equal(shown, expected)
