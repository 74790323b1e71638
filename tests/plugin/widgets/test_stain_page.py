from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from PIL import Image
from pytestqt.qtbot import QtBot

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.plugin import stain_blocks
from napari_leukoseg.plugin.preferences import Preferences
from napari_leukoseg.plugin.session import Session
from napari_leukoseg.plugin.stain_jobs import PixelSource, StainedView, StainFacts
from napari_leukoseg.plugin.stain_layers import find_stained
from napari_leukoseg.plugin.widgets.message_bar import Tone
from napari_leukoseg.plugin.widgets.run_form import RunForm
from napari_leukoseg.plugin.widgets.stain_page import StainPage, StainWidget
from napari_leukoseg.slide import open_slide
from napari_leukoseg.stain import (
    PictureFormat,
    StainStep,
    find_reference,
    write_picture,
)
from napari_leukoseg.synthetic import SmearSettings, write_field

PREVIEW = "stain preview"


@pytest.fixture
def page(session: Session, qtbot: QtBot, wait: Any) -> Iterator[StainPage]:
    """Return the page, on screen, with its methods known."""
    page = StainPage(session)
    qtbot.addWidget(page)
    page.show()
    wait(lambda: page.form.method_box.count() > 0)
    yield page
    page.hide()
    if page.sheet is not None:
        page.sheet.close()


@pytest.fixture(scope="module")
def slide_tiff(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a drawn slide with two levels."""
    folder = tmp_path_factory.mktemp("slide")
    settings = SmearSettings((1100, 900), seed=4, white_cell_fraction=0.05)
    for _ in write_field(folder / "drawn.png", settings):
        pass
    with open_slide(folder / "drawn.png") as slide:
        for _ in write_picture(slide, folder / "slide.ome.tif", PictureFormat.TIFF):
            pass
    return folder / "slide.ome.tif"


@pytest.fixture
def views(session: Session, page: StainPage) -> list[StainedView]:
    """Return what is shown, as it comes."""
    shown: list[StainedView] = []
    session.stain.view_changed.connect(shown.append)
    return shown


@pytest.fixture
def look(
    viewer: Viewer, views: list[StainedView], open_field: Any, wait: Any
) -> Callable[[], StainedView]:
    """Open the drawn field, and wait for its preview."""

    def see() -> StainedView:
        open_field()
        wait(lambda: bool(views) and PREVIEW in viewer.layers)
        return views[-1]

    return see


def after_change(views: list[StainedView], wait: Any) -> StainedView:
    """Wait for the next view."""
    known = len(views)
    wait(lambda: len(views) > known)
    return views[-1]


def save_white(path: Path) -> Path:
    """Write a picture without anything on it."""
    Image.new("RGB", (60, 40), "white").save(path)
    return path


def test_view_is_standardized_right_of_the_divide(
    page: StainPage, viewer: Viewer, session: Session, look: Any
) -> None:
    view = look()
    layer = viewer.layers[PREVIEW]
    shown, (rows, columns) = layer.data, layer.data.shape[:2]
    assert not shown[:, : columns // 4, 3].any()
    assert (shown[:, -columns // 4 :, 3] == 255).all()
    times = rows // view.after.shape[0]
    enlarged = view.after.repeat(times, axis=0).repeat(times, axis=1)
    np.testing.assert_array_equal(
        shown[:, -columns // 4 :, :3], enlarged[:, -columns // 4 :]
    )
    assert (view.after != view.before).any()
    assert viewer.layers.index(layer) == viewer.layers.index(session.layer) + 1
    # The layer lies where the picture does, and is no picture to segment.
    np.testing.assert_allclose(
        layer.extent.world, session.layer.extent.world, atol=session.layer.scale[0]
    )
    assert session.pictures == [session.layer]


def test_divide_follows_slider_and_mouse(
    page: StainPage, viewer: Viewer, session: Session, look: Any
) -> None:
    look()
    layer = viewer.layers[PREVIEW]
    page.divide_slider.setValue(0)
    assert layer.data[..., 3].all()
    page.divide_slider.setValue(1000)
    assert not layer.data[:, :-4, 3].any()
    page.divide_slider.setValue(500)
    center = viewer.scene.camera.center[-2:]
    mouse = SimpleNamespace(position=center, type="mouse_press")
    drag = session.stain._preview._drag(viewer, mouse)
    next(drag)
    assert not viewer.scene.camera.mouse_pan
    mouse.type = "mouse_move"
    quarter = viewer.canvas.size[1] / viewer.scene.camera.zoom / 4
    mouse.position = (center[0], center[1] - quarter)
    next(drag)
    assert page.divide_slider.value() == pytest.approx(250, abs=1)
    mouse.type = "mouse_release"
    assert next(drag, None) is None
    assert viewer.scene.camera.mouse_pan
    away = SimpleNamespace(position=center, type="mouse_press")
    assert next(session.stain._preview._drag(viewer, away), "pans") == "pans"


def test_settings_are_tried_at_once_and_remembered(
    page: StainPage, views: list[StainedView], look: Any, wait: Any
) -> None:
    look()
    for box, value in (
        (page.form.method_box, "macenko"),
        (page.form.reference_box, "jtsc"),
    ):
        box.setCurrentIndex(box.findData(value))
        box.activated.emit(box.currentIndex())
    wait(lambda: views[-1].step.title == "Macenko → jtsc")
    page.form.strength_slider.setValue(50)
    wait(lambda: views[-1].step.strength == 0.5)
    kept = Preferences.load()
    assert (kept.stain_method, kept.stain_reference) == ("macenko", "jtsc")
    assert kept.stain_strength == 0.5


def test_facts_name_dyes_and_parts(
    page: StainPage, session: Session, look: Any, wait: Any
) -> None:
    facts: list[StainFacts | None] = []
    session.stain.facts_changed.connect(facts.append)
    session.stain.choose(method="macenko")
    look()
    wait(lambda: bool(facts) and facts[-1] is not None)
    assert not page.facts.isHidden()
    grid = page.facts.layout()
    items = [grid.itemAt(i).widget() for i in range(grid.count())]
    texts = [item.text() for item in items]
    for text in ("Thiazine", "Eosin", "Nuclei", "Ground"):
        assert text in texts
    assert facts[-1].changes[0].part == "nuclei"


def test_preview_goes_with_the_page_and_with_its_layer(
    page: StainPage, viewer: Viewer, views: list[StainedView], look: Any, wait: Any
) -> None:
    look()
    page.hide()
    assert PREVIEW not in viewer.layers
    page.show()
    wait(lambda: PREVIEW in viewer.layers)
    viewer.layers.remove(PREVIEW)
    assert not page.preview_box.isChecked()
    assert page.facts.isHidden()


def test_applied_layer_is_what_segment_uses(
    page: StainPage, viewer: Viewer, session: Session, look: Any, wait: Any
) -> None:
    form = RunForm(session)
    form.model_box.addItem("m", "m")
    form.stain_box.setCurrentIndex(form.stain_box.findData("page"))
    look()
    with pytest.raises(SettingsError, match="press Apply"):
        form.request()
    page.apply_button.click()
    wait(lambda: session.stain.applied_step(session.layer) is not None)
    name = "field.png (Reinhard → wright-giemsa)"
    layer, picture = viewer.layers[name], session.layer
    step = StainStep.from_dict(form.request().stain)
    expected = step.normalizer.transform(np.asarray(picture.data))
    np.testing.assert_array_equal(layer.data, expected)
    np.testing.assert_array_equal(layer.extent.world, picture.extent.world)
    assert not page.preview_box.isChecked()
    assert session.layer is picture
    page.apply_button.click()  # twice replaces
    wait(lambda: not page.busy_bar.isVisible())
    assert [layer.name for layer in viewer.layers] == ["field.png", name]
    viewer.layers.remove(name)
    assert session.stain.applied_step(picture) is None
    with pytest.raises(SettingsError, match="press Apply"):
        form.request()


def test_what_was_applied_can_be_taken_back(
    page: StainPage, viewer: Viewer, session: Session, look: Any, wait: Any
) -> None:
    look()
    assert not page.withdraw_button.isEnabled()
    page.apply_button.click()
    wait(lambda: page.withdraw_button.isEnabled())
    page.withdraw_button.click()
    assert [layer.name for layer in viewer.layers] == ["field.png"]
    assert page.applied_label.isHidden()


def test_picture_without_cells_is_told_and_another_one_is_fine(
    page: StainPage,
    session: Session,
    viewer: Viewer,
    look: Any,
    tmp_path: Path,
    wait: Any,
) -> None:
    session.open(save_white(tmp_path / "white.png"))
    wait(lambda: page.message.tone is Tone.ERROR)
    assert "take the estimate from a picture" in page.message.text
    assert PREVIEW not in viewer.layers
    look()
    assert not page.message.text


def test_stain_is_estimated_from_another_picture(
    page: StainPage,
    session: Session,
    views: list[StainedView],
    look: Any,
    tmp_path: Path,
    wait: Any,
) -> None:
    box = page.form.estimate_box
    field = look().request.picture.path
    session.open(save_white(tmp_path / "white.png"))
    wait(lambda: page.message.tone is Tone.ERROR and bool(page.message.text))
    assert "Estimate on the Stain page" in page.message.text
    choices = [box.itemText(i) for i in range(box.count())]
    assert choices == ["From this picture", "field.png", "From another file…"]
    box.setCurrentIndex(1)
    box.activated.emit(1)
    assert "estimated from field.png" in after_change(views, wait).step.title
    assert not page.message.text
    assert box.currentText() == "field.png"
    page.apply_button.click()
    wait(lambda: session.stain.applied_step(session.layer) is not None)
    assert session.stain.applied_step(session.layer).source is not None
    session.stain.borrow(PixelSource("elsewhere.png", field))  # the same file
    assert box.currentText() == "field.png"
    session.stain.borrow(PixelSource("gone.png", tmp_path / "gone.png"))
    assert box.currentText() == "gone.png"
    (other,) = (one for one in session.pictures if one is not session.layer)
    session.choose(other)
    assert box.currentText() == "From this picture"


@pytest.mark.parametrize("method", ["retinex", "learned"])
def test_slide_is_shown_at_once_and_sharpened_where_it_is_looked_at(
    method: str,
    page: StainPage,
    viewer: Viewer,
    session: Session,
    slide_tiff: Path,
    monkeypatch: pytest.MonkeyPatch,
    wait: Any,
) -> None:
    monkeypatch.setattr(stain_blocks, "BLOCK_PX", 256)
    page.preview_box.setChecked(False)
    session.open(slide_tiff)
    wait(lambda: session.picture is not None and bool(session.picture.fingerprint))
    session.stain.choose(method=method)
    page.apply_button.click()
    wait(lambda: session.stain.applied_step(session.layer) is not None)
    (layer,) = find_stained(viewer.layers, session.layer)
    assert layer.multiscale
    painter = session.stain._applied._painters[layer]
    fine, part = layer.data[0], np.s_[300:900, 200:700]
    coarse = fine[part]  # asks for what is missing
    assert coarse.any()
    seen = [coarse]
    painter.painted.connect(lambda: seen.append(fine[part]))
    wait(lambda: painter.is_idle and len(seen) > 1)
    with StainStep.standardized(
        session.stain.applied_step(session.layer), open_slide(slide_tiff)
    ) as expected:
        sharp = expected.level_array()[part].astype(int)
    assert np.abs(fine[part] - sharp).max() <= 1
    assert np.abs(coarse - sharp).mean() < 25
    viewer.layers.remove(layer)
    fine[0:9, 0:9]  # nobody looks any more
    assert session.stain.applied_step(session.layer) is None


def test_layer_of_numbers_that_are_none_is_told(
    page: StainPage, viewer: Viewer, wait: Any
) -> None:
    viewer.add_image(np.full((20, 30, 3), np.nan), rgb=True, name="broken")
    wait(lambda: page.message.tone is Tone.ERROR)
    assert "NaN" in page.message.text


def test_look_that_cannot_be_used_is_told_and_the_last_one_stays(
    page: StainPage, session: Session, look: Any, tmp_path: Path, wait: Any
) -> None:
    look()
    missing, white = tmp_path / "gone.json", save_white(tmp_path / "white.png")
    for path, said in ((missing, "no stain reference"), (white, "no stained nuclei")):
        page.message.clear()
        session.stain.shelf.add_file(path)
        wait(lambda: page.message.tone is Tone.ERROR and bool(page.message.text))
        assert said in page.message.text
    assert session.stain.settings.reference == "wright-giemsa"
    assert page.busy_bar.isHidden()


def test_look_of_the_view_is_saved_and_offered_again(
    page: StainPage,
    session: Session,
    look: Any,
    tmp_path: Path,
    wait: Any,
) -> None:
    look()
    titles = [action.text() for action in page.form.reference_button.menu().actions()]
    action = page.form.reference_button.menu().actions()[
        titles.index("What is in view")
    ]
    action.trigger()
    wait(lambda: session.stain.settings.reference == "field.png (view)")
    assert page.form.reference_box.currentText() == "field.png (view)"
    path = tmp_path / "ours.json"
    session.stain.shelf.save("field.png (view)", path)
    assert find_reference(path).name == "field.png (view)"
    assert Preferences.load().stain_reference == str(path)


def test_contact_sheet_shows_methods_and_chooses_one(
    page: StainPage, session: Session, look: Any, wait: Any
) -> None:
    shelf = session.stain.shelf
    shelf.methods = tuple(m for m in shelf.methods if not m.is_local)
    look()
    page.compare_button.click()
    items = page.sheet._items
    assert len(items) == 1 + 2 * len(shelf.methods)
    wait(lambda: all(item.toolTip() for key, item in items.items() if key[0]))
    assert items["macenko", "published"].toolTip().startswith("Macenko, as published")
    page.sheet.list.itemClicked.emit(items["vahadane", "smear"])
    assert session.stain.settings.method == "vahadane"
    assert page.form.method_box.currentData() == "vahadane"
    page.compare_button.click()  # filled anew
    assert len(page.sheet._items) == len(items)


def test_without_a_picture_nothing_can_be_done(page: StainPage) -> None:
    assert not page.hint.isHidden()
    assert not page.apply_button.isEnabled()
    assert not page.message.text
    page.compare()
    assert "open one on the Slide page" in page.message.text


def test_widget_of_its_own(session: Session, viewer: Viewer, qtbot: QtBot) -> None:
    widget = StainWidget(viewer)
    qtbot.addWidget(widget)
    assert widget.session is session
