"""The dock as a person uses it: open, segment, cancel, again, close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
from napari.layers import Labels
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QApplication, QShortcut

from napari_leukoseg.case import Case
from napari_leukoseg.plugin.preferences import Preferences
from napari_leukoseg.plugin.review.marks import SELECTED_NAME
from napari_leukoseg.plugin.roles import CLASSES, ROLES
from napari_leukoseg.plugin.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari import Viewer
    from pytestqt.qtbot import QtBot

    from napari_leukoseg.plugin.widgets.dock import LeukoSegDock
    from napari_leukoseg.synthetic import DrawnRegion


@pytest.fixture
def segment(dock: LeukoSegDock, wait: Any) -> Callable[[], str]:
    """Press Segment, and give what is said at the end."""

    def press() -> str:
        runs = dock.session.runs
        dock.segment_page.segment_button.click()
        assert runs.is_active
        wait(lambda: not runs.is_active)
        wait(lambda: dock.session.results is None or dock.session.results.is_settled)
        return dock.segment_page.message.text

    return press


def test_segment_gives_three_layers_with_table_and_legend(
    dock: LeukoSegDock, viewer: Viewer, open_field: Any, segment: Any
) -> None:
    open_field()
    said = segment()
    assert [layer.name for layer in viewer.layers[1:]] == list(ROLES)
    nucleus, cytoplasm, classes = viewer.layers[1:]
    table = dock.session.results.view.snapshot.table
    assert len(table) > 0
    assert f"{len(table)} cell" in said
    ids = np.union1d(nucleus.data, cytoplasm.data)
    assert set(ids) == {0, *table["cell_id"]}
    assert not np.any((nucleus.data > 0) & (cytoplasm.data > 0))
    np.testing.assert_array_equal(
        classes.data > 0, (nucleus.data > 0) | (cytoplasm.data > 0)
    )
    assert list(nucleus.features["index"]) == list(table["cell_id"])
    counts = dock.segment_page.legend.texts()
    assert sum(int(text) for text in counts.values()) == len(table)
    assert all(isinstance(layer, Labels) for layer in viewer.layers[1:])
    assert all(layer.editable for layer in viewer.layers[1:])
    assert tuple(nucleus.scale) == tuple(viewer.layers[0].scale)
    assert nucleus.units == viewer.layers[0].units


def test_again_updates_layers_in_place(
    dock: LeukoSegDock, viewer: Viewer, open_field: Any, segment: Any
) -> None:
    open_field()
    segment()
    layers = list(viewer.layers)
    data = [layer.data for layer in layers]
    n_cells = len(dock.session.results.view.snapshot.table)
    assert "Nothing left to do" in segment()
    form = dock.segment_page.form
    form.auto_diameter.setChecked(False)
    form.diameter_box.setValue(50)
    assert "Nothing left" not in segment()
    assert list(viewer.layers) == layers
    assert all(a.data is b for a, b in zip(layers, data, strict=True))
    table = dock.session.results.view.snapshot.table
    assert table["cell_id"].min() > n_cells  # ids never come again
    assert set(np.unique(layers[1].data)) <= {0, *table["cell_id"]}


def test_undo_does_not_take_back_a_run(
    dock: LeukoSegDock, viewer: Viewer, open_field: Any, segment: Any
) -> None:
    open_field()
    segment()
    nucleus = viewer.layers["nucleus"]
    before = nucleus.data.copy()
    nucleus.undo()
    np.testing.assert_array_equal(nucleus.data, before)


def test_painted_cells_outlive_the_next_run(
    dock: LeukoSegDock, viewer: Viewer, open_field: Any, segment: Any, wait: Any
) -> None:
    open_field()
    segment()
    desk, nucleus = dock.session.desk, viewer.layers["nucleus"]
    wait(lambda: desk.can_edit)
    nucleus.paint((5, 5), 999)
    wait(lambda: desk.undo_action == "AddCell")
    painted = nucleus.data[5, 5]
    assert painted == desk.table["cell_id"].max() < 999
    assert "Nothing left to do" in segment()
    form = dock.segment_page.form
    form.auto_diameter.setChecked(False)
    form.diameter_box.setValue(50)
    segment()
    assert viewer.layers["nucleus"] is nucleus
    assert nucleus.data[5, 5] == painted


def test_click_tells_class_and_confidence(
    dock: LeukoSegDock, viewer: Viewer, open_field: Any, segment: Any
) -> None:
    open_field()
    segment()
    row, column = np.argwhere(viewer.layers["nucleus"].data > 0)[0]
    world = viewer.layers[0].data_to_world((row, column))
    cell_id = dock.session.results.cell_at(world)
    assert cell_id == viewer.layers["nucleus"].data[row, column]
    dock.session.cell_clicked.emit(cell_id)
    text = dock.segment_page.cell_label.text()
    assert text.startswith(f"Cell {cell_id}: ")
    assert "confidence" in text
    assert viewer.status == text
    dock.session.cell_clicked.emit(0)
    assert dock.segment_page.cell_label.text() == ""


def test_cancel_leaves_a_case_that_the_next_press_takes_up(
    dock: LeukoSegDock, viewer: Viewer, open_field: Any, segment: Any, wait: Any
) -> None:
    open_field()
    page, runs = dock.segment_page, dock.session.runs
    runs.progressed.connect(lambda event: page.cancel_button.click())
    page.segment_button.click()
    wait(lambda: not runs.is_active)
    assert page.message.text.startswith("Stopped")
    runs.progressed.disconnect()
    runs.progressed.connect(page._show_progress)
    assert "cell" in segment()
    assert viewer.layers["nucleus"].data.any()


def test_area_in_view_is_all_that_is_segmented(
    dock: LeukoSegDock,
    viewer: Viewer,
    open_field: Any,
    segment: Any,
    drawn_field: DrawnRegion,
) -> None:
    open_field()
    form = dock.segment_page.form
    form.area_box.setCurrentIndex(form.area_box.findData("view"))
    first_id = np.unique(drawn_field.nucleus)[1]
    center = np.argwhere(drawn_field.nucleus == first_id).mean(axis=0)
    camera = viewer.scene.camera
    camera.center = tuple(viewer.layers[0].data_to_world(center))
    camera.zoom = viewer.canvas.size[0] / (100 * viewer.layers[0].scale[0])
    region = form.request().region
    assert region is not None
    assert region.contains(*center)
    assert region.height <= 101
    segment()
    table = dock.session.results.view.snapshot.table
    assert 0 < len(table) < len(np.unique(drawn_field.nucleus)) - 1
    assert table["centroid_row_px"].between(region.row, region.row_stop).all()


def test_nothing_open_is_told_in_the_page(dock: LeukoSegDock) -> None:
    dock.segment_page.segment_button.click()
    assert "no picture" in dock.segment_page.message.text
    assert not dock.session.runs.is_active


def test_closing_the_dock_ends_the_session(
    viewer: Viewer, dock: LeukoSegDock, session: Session, open_field: Any, qtbot: QtBot
) -> None:
    open_field()
    dock.segment_page.segment_button.click()
    session.leave("test")
    viewer.window.remove_dock_widget(dock)
    assert Session.of(viewer) is not session
    Session.of(viewer).close()
    assert CLASSES not in viewer.layers


def test_pages_lead_on(dock: LeukoSegDock, open_field: Any) -> None:
    open_field()
    assert dock.tabs.currentIndex() == 0
    dock.slide_page.next_button.click()
    assert dock.tabs.tabText(dock.tabs.currentIndex()) == "Segment"


def test_tabs_are_in_the_order_of_the_work(dock: LeukoSegDock) -> None:
    titles = [dock.tabs.tabText(index) for index in range(dock.tabs.count())]
    assert titles == ["Slide", "Stain", "Segment", "Review", "Train"]
    for index in range(dock.tabs.count()):
        keys = QKeySequence(f"Alt+{index + 1}")
        found = [s for s in dock.findChildren(QShortcut) if s.key() == keys]
        assert len(found) == 1
        found[0].activated.emit()
        assert dock.tabs.currentIndex() == index


def test_dock_is_wide_enough_for_every_page(dock: LeukoSegDock) -> None:
    for index in range(dock.tabs.count()):
        area = dock.tabs.widget(index)
        page = area.widget()
        bar = area.verticalScrollBar().sizeHint().width()
        needed = page.minimumSizeHint().width() + bar
        assert dock.minimumSizeHint().width() >= needed
        assert needed <= 330, type(page).__name__


def test_review_follows_a_run(
    dock: LeukoSegDock, open_field: Any, segment: Any, wait: Any
) -> None:
    open_field()
    segment()
    desk, refusals = dock.session.desk, []
    dock.session.runs.progressed.connect(lambda _: refusals.append(desk.refusal))
    wait(lambda: desk.can_edit)
    cell_id = int(desk.table["cell_id"][0])
    dock.show_page(dock.review_page)
    desk.select((cell_id,))
    dock.review_page.assign(5)
    assert int(desk.table["class_id"][0]) == 5
    # The next run may write at once, and leaves what was reviewed alone.
    form = dock.segment_page.form
    form.auto_diameter.setChecked(False)
    form.diameter_box.setValue(50)
    assert "Nothing left" not in segment()
    assert any("run is writing" in refusal for refusal in refusals)
    wait(lambda: desk.can_edit)
    by_id = desk.table.set_index("cell_id")
    assert by_id["class_id"][cell_id] == 5
    assert by_id["reviewed"][cell_id]


def test_closing_the_viewer_ends_the_worker_and_leaves_a_case(
    viewer: Viewer, field_png: Path, color_model: Path, wait: Any, home: Path
) -> None:
    Preferences(model=str(color_model)).save()
    _, dock = viewer.window.add_plugin_dock_widget("napari-leukoseg", "LeukoSeg")
    session = dock.session
    session.open(field_png)
    box = dock.segment_page.form.model_box
    wait(lambda: session.picture is not None and box.currentData() is not None)
    dock.segment_page.segment_button.click()
    wait(lambda: (home / "cases" / "field.leukoseg.zarr").exists())
    worker = psutil.Process(session.client.pid)
    viewer.close()
    wait(lambda: session.client.pid is None)
    psutil.wait_procs([worker], timeout=30)
    assert not worker.is_running()
    with Case.open(home / "cases" / "field.leukoseg.zarr") as case:
        assert case.revision >= 0


def test_closing_takes_the_rings_of_selected_cells_away(
    viewer: Viewer, dock: LeukoSegDock, session: Session, open_field: Any, segment: Any
) -> None:
    open_field()
    segment()
    ids = session.desk.table["cell_id"].tolist()
    session.desk.select(ids)
    QApplication.processEvents()
    assert len(viewer.layers[SELECTED_NAME].data) == len(ids)
    session.leave("test")
    viewer.window.remove_dock_widget(dock)
    assert len(viewer.layers[SELECTED_NAME].data) == 0
