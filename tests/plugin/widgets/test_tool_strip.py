from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_leukoseg.case import Case, case_path
from napari_leukoseg.correct import AddCell, History
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.preferences import Preferences
from napari_leukoseg.plugin.review.commands import COMMANDS
from napari_leukoseg.plugin.widgets.tool_icons import ICONS, tool_icon
from napari_leukoseg.plugin.widgets.tool_strip import KEYS, ToolStrip
from napari_leukoseg.slide import open_slide

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def field(tmp_path: Path, field_png: Path) -> Path:
    """Case with two round cells, the picture beside it."""
    picture = tmp_path / "field.png"
    picture.write_bytes(field_png.read_bytes())
    path = case_path(tmp_path, "field")
    disk = np.hypot(*np.mgrid[-20:21, -20:21]) <= 20
    with open_slide(picture) as slide, Case.create(path, slide) as case:
        for column in (60, 160):
            box = Region(60, column, 41, 41)
            History(case, slide).apply(AddCell(box, disk & False, disk))
    return path


@pytest.fixture
def strip(session, qtbot):
    strip = ToolStrip(session)
    qtbot.addWidget(strip)
    return strip


@pytest.fixture
def desk(strip, session, field, wait):
    session.open(field)
    wait(lambda: session.desk.can_edit and session.results.is_settled)
    return session.desk


def enabled(strip):
    return {name for name, button in strip.buttons.items() if button.isEnabled()}


def test_nothing_can_be_done_without_a_case(strip) -> None:
    assert enabled(strip) == set()
    assert set(strip.buttons) == {command.name for command in COMMANDS} == set(ICONS)
    assert "no cells to review" in strip.buttons["draw"].toolTip()
    assert strip.hint.isHidden()
    assert len({key for key, _ in KEYS}) == len(KEYS)


def test_buttons_follow_selection_and_history(strip, desk) -> None:
    always = {"paint_nucleus", "paint_cytoplasm", "draw", "click", "undo"}
    with_cells = always | {"split", "erase"}
    assert enabled(strip) == with_cells
    some = with_cells | {"delete", "fill", "smooth", "grow", "shrink"}
    desk.select((1,))
    assert enabled(strip) == some | {"divide", "replace"}
    desk.select((1, 2))
    assert enabled(strip) == some | {"merge"}
    strip.buttons["merge"].click()
    assert len(desk.table) == 1
    assert "Undo: merging (Ctrl+Z)" in strip.buttons["undo"].toolTip()
    strip.buttons["undo"].click()
    assert len(desk.table) == 2
    assert "Redo: merging" in strip.buttons["redo"].toolTip()
    assert strip.buttons["redo"].isEnabled()


def test_tool_in_hand_is_shown_with_what_to_do(strip, desk, viewer) -> None:
    strip.buttons["draw"].click()
    assert strip.buttons["draw"].isChecked()
    assert "Drag around" in strip.hint.text()
    strip.buttons["paint_cytoplasm"].click()
    assert not strip.buttons["draw"].isChecked()
    assert strip.buttons["paint_cytoplasm"].isChecked()
    viewer.layers["cytoplasm"].mode = "erase"
    assert strip.buttons["erase"].isChecked()
    strip.buttons["erase"].click()
    assert not any(button.isChecked() for button in strip.buttons.values())
    assert strip.hint.isHidden()


def test_settings_are_used_and_remembered(strip, desk) -> None:
    strip.distance_box.setValue(4)
    strip.part_box.setCurrentIndex(1)
    assert Preferences.load().tool_part == "nucleus"
    assert Preferences.load().tool_distance_px == 4
    strip.part_box.setCurrentIndex(0)
    area = desk.case.cell(1).mask.sum()
    desk.select((1,))
    strip.buttons["grow"].click()
    assert desk.case.cell(1).mask.sum() == pytest.approx(
        area * (24 / 20) ** 2, rel=0.05
    )


@pytest.mark.parametrize("name", ICONS)
def test_icons_show_something_in_the_color_of_the_theme(name, qapp) -> None:
    image = tool_icon(name, "#ff0000").pixmap(20, 20).toImage()
    colors = {image.pixelColor(x, y).name() for x in range(20) for y in range(20)}
    assert "#ff0000" in colors
    assert len(colors) > 1


def test_icons_follow_the_theme(strip, viewer) -> None:
    def color():
        image = strip.buttons["split"].icon().pixmap(20, 20).toImage()
        return max(image.pixelColor(x, x).lightness() for x in range(20))

    before = color()
    viewer.theme = "light"
    assert color() < before
