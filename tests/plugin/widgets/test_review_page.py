"""The Review page as a person uses it: look, pick, judge, filter, go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QShortcut

from napari_leukoseg.case import Case
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.preferences import Preferences
from napari_leukoseg.plugin.review.arranging import Order
from napari_leukoseg.plugin.widgets.class_editor import PRESETS, ClassEditor
from napari_leukoseg.plugin.widgets.gallery_menu import CellMenu
from napari_leukoseg.plugin.widgets.review_page import ReviewPage

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_leukoseg.plugin.review.desk import ReviewDesk
    from napari_leukoseg.plugin.session import Session

LEFT = Qt.MouseButton.LeftButton
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def viewer() -> ViewerModel:
    """Viewer without a window, which is made in no time."""
    return ViewerModel()


@pytest.fixture
def page(session: Session, qtbot: QtBot) -> ReviewPage:
    """Page before anything is open."""
    page = ReviewPage(session)
    qtbot.addWidget(page)
    page.resize(420, 1000)
    page.show()
    return page


@pytest.fixture
def desk(session: Session, page: ReviewPage, drawn_case: Path, wait: Any) -> ReviewDesk:
    """Desk with the drawn case, all of whose cells can be seen."""
    session.open(drawn_case)
    wait(lambda: session.desk.can_edit and session.results.is_settled)
    assert len(page.gallery.cells.cell_ids) == len(session.desk.table) >= 5
    return session.desk


def click(page: ReviewPage, qtbot: QtBot, row: int, keys: Any = None) -> int:
    """Click on a cell of the gallery; return its id."""
    gallery = page.gallery
    gallery.scrollTo(gallery.cells.index(row))
    place = gallery.visualRect(gallery.cells.index(row)).center()
    keys = Qt.KeyboardModifier.NoModifier if keys is None else keys
    qtbot.mouseClick(gallery.viewport(), LEFT, keys, place)
    return int(gallery.cells.cell_ids[row])


def press(page: ReviewPage, key: str) -> None:
    """Press a key of the page."""
    mine = [s for s in page.findChildren(QShortcut) if s.parent() is not page._help]
    found = [s for s in mine if s.key().toString() == key and s.isEnabled()]
    assert len(found) == 1
    assert found[0].context() == Qt.ShortcutContext.WidgetWithChildrenShortcut
    found[0].activated.emit()


def class_of(desk: ReviewDesk, cell_id: int) -> int:
    return int(desk.table.set_index("cell_id")["class_id"][cell_id])


def test_gallery_shows_every_cell_under_its_class(
    page: ReviewPage, desk: ReviewDesk
) -> None:
    groups = page.gallery.cells.groups
    assert [group.class_id for group in groups] == [c.id for c in desk.scheme]
    for group in groups:
        assert {class_of(desk, i) for i in group.cell_ids} <= {group.class_id}
    assert page.progress.text() == f"0 of {len(desk.table)} reviewed"


def test_crops_are_those_of_the_cells(
    page: ReviewPage, desk: ReviewDesk, wait: Any
) -> None:
    ids = page.gallery.cells.cell_ids.tolist()
    page.gallery.viewport().repaint()
    wait(lambda: page.crops.get(ids[0]) is not None)
    image, region = page.crops.get(ids[0]), page.gallery.cells.region(0)
    assert region.intersection(desk.case.cell(ids[0]).region).size.area > 0
    assert image.width() == round(page.gallery.side_px * page.devicePixelRatioF())
    factor = image.width() / region.width
    inside = region.intersection(Region.of_shape(desk.slide.shape))
    expected = desk.slide.read_scaled(inside, factor)
    row = round((inside.row - region.row) * factor)
    column = round((inside.column - region.column) * factor)
    color = image.pixelColor(column + 10, row + 12)
    assert [color.red(), color.green(), color.blue()] == expected[12, 10].tolist()


def test_click_selects_here_and_in_the_picture(
    page: ReviewPage, desk: ReviewDesk, session: Session, qtbot: QtBot, wait: Any
) -> None:
    cell_id = click(page, qtbot, 2)
    assert desk.selected == (cell_id,)
    assert page.cell_label.text().startswith(f"Cell {cell_id}:")
    box = desk.case.cell(cell_id).region
    middle = (np.array(box.bounds[:2]) + box.bounds[2:] - 1) / 2
    expected = session.layer.data_to_world(middle)
    camera = session.viewer.scene.camera
    wait(lambda: np.allclose(camera.center[-2:], expected))


def test_modifier_keys_select_more(
    page: ReviewPage, desk: ReviewDesk, qtbot: QtBot
) -> None:
    ids = page.gallery.cells.cell_ids.tolist()
    click(page, qtbot, 1)
    click(page, qtbot, 3, SHIFT)
    assert set(desk.selected) == set(ids[1:4])
    click(page, qtbot, 2, CONTROL)
    assert set(desk.selected) == {ids[1], ids[3]}
    click(page, qtbot, 0)
    assert desk.selected == (ids[0],)
    assert "selected" not in page.cell_label.text()


def test_frame_selects_what_it_touches(
    page: ReviewPage, desk: ReviewDesk, qtbot: QtBot
) -> None:
    gallery = page.gallery
    group = next(g for g in gallery.cells.groups if len(g.cell_ids) > 1)
    rows = [gallery.cells.row_of(i) for i in group.cell_ids[:2].tolist()]
    first, second = (gallery.visualRect(gallery.cells.index(r)) for r in rows)
    view = gallery.viewport()
    qtbot.mousePress(view, LEFT, pos=first.center())
    for share in (0.5, 1.0):
        way = (second.center() - first.center()) * share
        qtbot.mouseMove(view, first.center() + way)
    assert gallery.band is not None
    qtbot.mouseRelease(view, LEFT, pos=second.center())
    assert gallery.band is None
    assert set(desk.selected) == set(group.cell_ids[:2].tolist())


def test_selection_in_the_picture_shows_in_the_gallery(
    page: ReviewPage, desk: ReviewDesk, session: Session
) -> None:
    cell_id = int(page.gallery.cells.cell_ids[-1])
    session.cell_clicked.emit(cell_id)
    assert page.gallery.selected_ids == [cell_id]
    rect = page.gallery.visualRect(
        page.gallery.cells.index(page.gallery.cells.row_of(cell_id))
    )
    assert page.gallery.viewport().rect().contains(rect.center())
    session.cell_clicked.emit(0)
    assert page.gallery.selected_ids == []


def test_key_gives_the_class_and_goes_on(
    page: ReviewPage, desk: ReviewDesk, qtbot: QtBot
) -> None:
    first = click(page, qtbot, 0)
    following = page.gallery.cells.next_unreviewed(0, (first,))
    new = class_of(desk, first) % 5 + 1
    press(page, desk.scheme[new].key)
    assert class_of(desk, first) == new
    assert desk.selected == (following,)
    assert page.gallery.selected_ids == [following]
    assert first in page.gallery.cells.groups[new - 1].cell_ids
    assert page.progress.value() == 1
    desk.undo()
    assert page.progress.value() == 0
    assert class_of(desk, first) != new


def test_several_cells_stay_selected(
    page: ReviewPage, desk: ReviewDesk, qtbot: QtBot
) -> None:
    click(page, qtbot, 0)
    click(page, qtbot, 2, SHIFT)
    chosen = set(desk.selected)
    page.class_bar.buttons[5].click()
    assert {class_of(desk, i) for i in chosen} == {5}
    assert set(desk.selected) == set(page.gallery.selected_ids) == chosen


def test_one_key_goes_through_all_that_wait(page: ReviewPage, desk: ReviewDesk) -> None:
    seen = []
    press(page, "Space")
    while page.progress.value() < len(desk.table):
        seen.append(desk.selected[0])
        press(page, "Return")
    assert seen == page.gallery.cells.cell_ids.tolist()  # in the order of the gallery
    assert desk.table["reviewed"].all()
    press(page, "Space")
    assert "has been reviewed" in page.message.text
    press(page, "Shift+Return")
    assert (~desk.table["reviewed"]).sum() == 1


def test_key_without_a_selection_says_what_to_do(
    page: ReviewPage, desk: ReviewDesk
) -> None:
    press(page, "1")
    assert "Select cells first" in page.message.text
    assert not desk.table["reviewed"].any()


@pytest.mark.parametrize("target", ["header", "button"])
def test_dropped_cells_take_the_class(
    page: ReviewPage, desk: ReviewDesk, target: str
) -> None:
    gallery = page.gallery
    ids = gallery.cells.cell_ids.tolist()[:2]
    data = gallery.cells.mimeData([gallery.cells.index(r) for r in range(2)])
    widget, place = page.class_bar.buttons[6], QPoint(3, 3)
    if target == "header":
        widget = gallery
        box = gallery.places.header_box(5)
        gallery.verticalScrollBar().setValue(box.y)
        place = QPoint(5, box.y - gallery.verticalOffset() + 3)
        gallery.drop_class = 6  # as the move of the mouse before has found
    drop = QDropEvent(
        QPointF(place),
        Qt.DropAction.MoveAction,
        data,
        LEFT,
        Qt.KeyboardModifier.NoModifier,
    )
    widget.dropEvent(drop)
    assert {class_of(desk, i) for i in ids} == {6}


def test_filters_hide_cells_and_say_so(
    page: ReviewPage, desk: ReviewDesk, qtbot: QtBot
) -> None:
    bar = page.filter_bar
    chosen = click(page, qtbot, 0)
    page.bar.advance_box.setChecked(False)
    press(page, "Return")
    bar.reviewed_box.setCurrentText("Not reviewed")
    assert chosen not in page.gallery.cells.cell_ids
    assert len(page.gallery.cells.cell_ids) == len(desk.table) - 1
    assert "hidden by the filters" in page.cell_label.text()
    bar.least_box.setValue(90)
    assert len(page.gallery.cells.cell_ids) == 0  # the model was sure to 80 %
    bar.most_box.setValue(10)
    assert "least value first" in page.message.text
    bar.reset_button.click()
    assert len(page.gallery.cells.cell_ids) == len(desk.table)
    assert page.message.text == ""
    hidden = page.gallery.cells.groups[0].class_id
    bar._menu.actions()[0].setChecked(False)
    assert hidden not in {g.class_id for g in page.gallery.cells.groups}


def test_choices_are_remembered(
    page: ReviewPage, desk: ReviewDesk, session: Session, qtbot: QtBot
) -> None:
    page.bar.order_box.setCurrentIndex(page.bar.order_box.findData(Order.LARGEST))
    sizes = desk.table.set_index("cell_id")["cell_diameter_px"]
    for group in page.gallery.cells.groups:
        assert (np.diff(sizes[group.cell_ids]) <= 0).all()
    press(page, "+")
    press(page, ".")
    again = Preferences.load()
    assert again.gallery_order == "largest"
    assert again.gallery_side_px == page.gallery.side_px > 96
    assert again.gallery_contours
    session.preferences = again
    other = ReviewPage(session)
    qtbot.addWidget(other)
    assert other.bar.order is Order.LARGEST
    assert other.gallery.side_px == page.gallery.side_px


def test_folded_class_hides_its_cells(
    page: ReviewPage, desk: ReviewDesk, qtbot: QtBot
) -> None:
    gallery = page.gallery
    number = next(n for n, g in enumerate(gallery.cells.groups) if len(g.cell_ids))
    group = gallery.cells.groups[number]
    before = gallery.places.height
    middle = gallery._header_rect(number).center()
    qtbot.mouseClick(gallery.viewport(), LEFT, pos=middle)
    assert gallery.places.height < before
    desk.select(group.cell_ids[:1].tolist())  # from elsewhere: it opens again
    assert gallery.places.height == before


def test_keyboard_moves_through_the_gallery(
    page: ReviewPage, desk: ReviewDesk, qtbot: QtBot
) -> None:
    ids = page.gallery.cells.cell_ids.tolist()
    click(page, qtbot, 0)
    qtbot.keyClick(page.gallery, Qt.Key.Key_Right)
    assert desk.selected == (ids[1],)
    qtbot.keyClick(page.gallery, Qt.Key.Key_End, SHIFT)
    assert set(desk.selected) == set(ids[1:])
    qtbot.keyClick(page.gallery, Qt.Key.Key_Home)
    assert desk.selected == (ids[0],)
    for _ in range(2):
        qtbot.keyClick(page.gallery, Qt.Key.Key_Right, SHIFT)
    qtbot.keyClick(page.gallery, Qt.Key.Key_Left, SHIFT)
    assert set(desk.selected) == set(ids[:2])
    page.gallery.selectAll()
    assert set(page.gallery.selected_ids) == set(ids)


def test_menu_offers_what_can_be_done(page: ReviewPage, desk: ReviewDesk) -> None:
    group = next(g for g in page.gallery.cells.groups if len(g.cell_ids))
    menu = CellMenu(page, group.class_id)
    entries = {a.text().split("\t")[0]: a for a in menu.actions()}
    assert not entries["Delete"].isEnabled()
    entries[f"Select all {len(group.cell_ids)}"].trigger()
    assert set(desk.selected) == set(group.cell_ids.tolist())
    menu = CellMenu(page, None)
    entries = {a.text().split("\t")[0]: a for a in menu.actions()}
    n_cells = len(desk.table)
    entries["Delete"].trigger()
    assert len(desk.table) == n_cells - len(group.cell_ids)


def test_help_lists_every_class_and_key(page: ReviewPage, desk: ReviewDesk) -> None:
    press(page, "F1")
    text = page._help.text
    for cell_class in desk.scheme:
        assert cell_class.name in text
    for key in ("Space", "Return", "Shift+Return", "F1", "Delete", "Ctrl+Z"):
        assert key in text
    press(page, "F1")
    assert not page._help.isVisible()


def test_page_without_a_case_says_what_is_missing(page: ReviewPage) -> None:
    assert "segment the picture" in page.gallery.hint
    assert not page.next_button.isEnabled()
    assert not page.reviewed_button.isEnabled()
    assert not any(b.isEnabled() for b in page.class_bar.buttons.values())
    page.edit_classes()
    assert "segment the picture" in page.message.text


def test_hidden_page_catches_up(
    page: ReviewPage, desk: ReviewDesk, qtbot: QtBot
) -> None:
    page.hide()
    cell_id = int(desk.table["cell_id"][0])
    desk.select((cell_id,))
    page.assign(5)
    assert page.progress.value() == 0
    page.show()
    assert page.progress.value() == 1
    assert page.gallery.selected_ids == [*desk.selected]


def test_editor_adds_a_class_with_its_key(
    page: ReviewPage, desk: ReviewDesk, qtbot: QtBot, wait: Any, session: Session
) -> None:
    editor = ClassEditor(desk, page)
    qtbot.addWidget(editor)
    editor.add_class(*PRESETS[0])
    editor.rows[-1].name.setText("neutrophil")
    editor.accept()
    assert "given twice" in editor.message.text
    editor.rows[-1].name.setText("blast")
    editor.accept()
    assert editor.result() == ClassEditor.DialogCode.Accepted
    wait(lambda: session.results.is_settled)
    assert desk.scheme.by_name("blast").key == "b"
    click(page, qtbot, 0)
    cell_id = desk.selected[0]
    press(page, "B")
    assert class_of(desk, cell_id) == 7
    with Case.open(desk.case.path) as case:
        assert case.scheme == desk.scheme
    # Cells have it now, so that it cannot be removed.
    again = ClassEditor(desk, page)
    qtbot.addWidget(again)
    assert not again.rows[-1].remove.isEnabled()
    assert [row.remove.isEnabled() for row in again.rows[:6]] == [False] * 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda row: row.name.setText(" "), "has no name"),
        (lambda row: row.key.setText("."), "no letter or digit"),
        (lambda row: row.key.setText("1"), "given twice"),
    ],
)
def test_editor_refuses_what_makes_no_scheme(
    page: ReviewPage, desk: ReviewDesk, qtbot: QtBot, change: Any, said: str
) -> None:
    before = desk.scheme
    editor = ClassEditor(desk, page)
    qtbot.addWidget(editor)
    editor.add_class(*PRESETS[-1])
    change(editor.rows[-1])
    editor.accept()
    assert said in editor.message.text
    assert desk.scheme == before


def test_schemes_are_saved_and_loaded(
    page: ReviewPage, desk: ReviewDesk, qtbot: QtBot, tmp_path: Path
) -> None:
    editor = ClassEditor(desk, page)
    qtbot.addWidget(editor)
    for preset in PRESETS:
        editor.add_class(*preset)
    wanted = editor.scheme()
    editor.save(tmp_path / "classes.json")
    other = ClassEditor(desk, page)
    qtbot.addWidget(other)
    other.load(tmp_path / "classes.json")
    assert other.scheme() == wanted
    other.load(tmp_path / "missing.json")
    assert "cannot be read" in other.message.text
    other.save(tmp_path / "no folder" / "classes.json")
    assert "cannot be written" in other.message.text
