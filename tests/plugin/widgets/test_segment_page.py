from pathlib import Path
from typing import Any

import pytest
from napari import Viewer

from napari_leukoseg.plugin.preferences import Preferences
from napari_leukoseg.plugin.session import Session
from napari_leukoseg.plugin.widgets.message_bar import Tone
from napari_leukoseg.plugin.widgets.segment_page import SegmentPage, SegmentWidget


@pytest.fixture
def page(dock: Any) -> SegmentPage:
    return dock.segment_page


@pytest.fixture
def segment(page: SegmentPage, session: Session, wait: Any) -> Any:
    def press() -> str:
        page.segment_button.click()
        wait(lambda: not session.runs.is_active)
        wait(lambda: session.results is None or session.results.is_settled)
        return page.message.text

    return press


def test_cost_is_told_before_the_start(
    page: SegmentPage, open_field: Any, wait: Any
) -> None:
    assert "Open a picture" in page.cost_label.text() or not page.cost_label.text()
    open_field()
    wait(lambda: page.cost_label.text().endswith(")."))
    assert "on CPU" in page.cost_label.text()


def test_devices_are_shown_by_name(page: SegmentPage) -> None:
    box = page.form.device_box
    assert box.itemData(0) == "auto"
    assert "CPU" in box.itemText(0)
    assert "cpu" in [box.itemData(index) for index in range(box.count())]


def test_folder_that_is_no_model_is_told(
    page: SegmentPage, tmp_path: Path, wait: Any
) -> None:
    page.form.use_model(str(tmp_path))
    wait(lambda: page.message.tone is Tone.ERROR)
    assert str(tmp_path) in page.message.text


def test_worker_that_does_not_start_is_told(page: SegmentPage) -> None:
    page.form._on_event({"do": "hello", "id": 0, "event": "crashed", "status": 1})
    assert page.message.tone is Tone.ERROR
    assert "does not start (status 1)" in page.message.text


def test_settings_are_remembered(
    page: SegmentPage, open_field: Any, segment: Any, color_model: Path
) -> None:
    open_field()
    page.form.auto_diameter.setChecked(False)
    page.form.diameter_box.setValue(61)
    segment()
    preferences = Preferences.load()
    assert preferences.cell_diameter_px == 61
    assert preferences.model == str(color_model)


def test_case_is_kept_where_the_user_wants_and_never_beside_the_source(
    page: SegmentPage,
    open_field: Any,
    segment: Any,
    home: Path,
    tmp_path: Path,
    wait: Any,
) -> None:
    path = open_field()
    before = set(path.parent.iterdir())
    wait(lambda: "field.leukoseg.zarr" in page.form.case_label.text())
    assert str(home / "cases") in page.form.case_label.toolTip()
    segment()
    assert set(path.parent.iterdir()) == before
    assert (home / "cases" / "field.leukoseg.zarr").is_dir()
    page.form.use_case_folder(str(tmp_path / "mine"))
    wait(lambda: str(tmp_path / "mine") in page.form.case_label.toolTip())
    segment()
    assert (tmp_path / "mine" / "field.leukoseg.zarr").is_dir()


def test_earlier_result_is_offered_and_shown(
    page: SegmentPage, viewer: Viewer, open_field: Any, segment: Any, wait: Any
) -> None:
    open_field()
    segment()
    assert page.show_button.isHidden()
    viewer.layers.clear()
    open_field()
    wait(lambda: not page.show_button.isHidden())
    assert page.legend.isHidden()
    page.show_button.click()
    wait(lambda: len(viewer.layers) == 4)
    wait(lambda: not page.legend.isHidden())
    assert page.show_button.isHidden()


def test_layer_without_a_file_is_segmented(
    page: SegmentPage,
    viewer: Viewer,
    drawn_field: Any,
    segment: Any,
    home: Path,
) -> None:
    viewer.add_image(drawn_field.image, rgb=True, name="from elsewhere")
    page.form.auto_diameter.setChecked(False)
    page.form.diameter_box.setValue(60)
    assert "cell" in segment()
    assert viewer.layers["nucleus"].data.any()
    assert (home / "cases" / "from elsewhere.leukoseg.zarr").is_dir()


def test_drawn_rectangle(
    page: SegmentPage,
    session: Session,
    viewer: Viewer,
    open_field: Any,
    segment: Any,
) -> None:
    open_field()
    box = page.form.area_box
    box.setCurrentIndex(box.findData("rectangle"))
    box.activated.emit(box.currentIndex())
    assert not page.form.draw_button.isHidden()
    assert "rectangle" in segment()
    assert page.message.tone is Tone.ERROR
    viewer.layers["segment area"].add_rectangles([[10, 20], [200, 300]])
    region = page.form.request().region
    segment()
    assert page.message.tone is Tone.SUCCESS
    table = session.results.view.snapshot.table
    assert len(table) > 0
    assert table["centroid_row_px"].between(region.row, region.row_stop).all()


def test_failure_is_told_and_the_page_is_ready_again(
    page: SegmentPage, open_field: Any, segment: Any, tmp_path: Path
) -> None:
    open_field()
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    page.form.use_case_folder(str(blocked))
    segment()
    assert page.message.tone is Tone.ERROR
    assert page.segment_button.isEnabled()
    assert not page.cancel_button.isEnabled()
    assert page.progress_bar.isHidden()


def test_widget_of_its_own(session: Session, viewer: Viewer) -> None:
    _, widget = viewer.window.add_plugin_dock_widget("napari-leukoseg", "Segment")
    assert isinstance(widget, SegmentWidget)
    assert widget.session is session
