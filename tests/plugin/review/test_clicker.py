from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_leukoseg.case import tight_box
from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.correct import DeleteCells, ErasePixels
from napari_leukoseg.correct.clicking import NoCellError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.review import click_work
from napari_leukoseg.plugin.review.clicker import CellClicker
from napari_leukoseg.plugin.review.packed_outline import PackedOutline

REACH = 60


class ColorClicker:
    """Takes what is not ground around a click for the cell; notes what it was asked."""

    def __init__(self):
        self.asked = []

    def segment(self, slide, prompt, *, previous=None, cell_diameter_px=None):
        self.asked.append((prompt, previous, cell_diameter_px))
        if prompt.box is not None:
            row, column = (
                prompt.box.row + prompt.box.height // 2,
                prompt.box.column + 40,
            )
        else:
            row, column = (round(x) for x in prompt.positive[0])
        box = Region(row - REACH, column - REACH, 2 * REACH, 2 * REACH)
        image = slide.read_region(box)
        pieces, _ = ndimage.label(image[..., 0] < 220)
        whole = pieces == pieces[REACH, REACH]
        if not pieces[REACH, REACH]:
            raise NoCellError("There is no cell here; click into one.")
        for point in prompt.negative:
            whole[round(point[0]) - box.row :] = False
        nucleus = whole & (image[..., 0] < 140)
        tight = tight_box(whole)
        return SegmentedCell(
            tight.shifted(box.row, box.column),
            nucleus[tight.slices],
            (whole & ~nucleus)[tight.slices],
            (),
            np.zeros(0),
            0.9,
        )


@pytest.fixture
def asked(monkeypatch):
    clicker = ColorClicker()
    monkeypatch.setattr(click_work, "load_clicker", lambda threads: clicker)
    return clicker.asked


@pytest.fixture
def desk(open_case, big_case, asked):
    return open_case(big_case)


@pytest.fixture
def clicker(desk, session, wait):
    clicker = CellClicker(session)
    yield clicker
    wait(lambda: not clicker.n_waiting and session.results.is_settled)


@pytest.fixture
def said(desk):
    sentences = []
    desk.failed.connect(sentences.append)
    return sentences


def test_click_adds_the_cell_and_further_ones_correct_it(
    desk, clicker, asked, wait
) -> None:
    before = desk.case.cell(4)
    desk.apply(DeleteCells((4,)))
    clicker.add((3500.0, 3600.0))
    assert clicker.n_waiting == 1
    wait(lambda: not clicker.n_waiting)
    added = int(desk.table["cell_id"].max())
    assert added > 4
    assert desk.selected == (added,)
    after = desk.case.cell(added)
    inside = (before.mask.sum() - after.mask.sum()) / before.mask.sum()
    assert abs(inside) < 0.05  # JPEG or not, the same cell
    assert after.nucleus.any()
    prompt, previous, diameter = asked[-1]
    assert prompt.positive == ((3500.0, 3600.0),)
    assert previous is None
    assert diameter == pytest.approx(desk.table["cell_diameter_px"].median(), rel=0.1)

    clicker.correct((3520.0, 3600.0), is_inside=False)
    wait(lambda: not clicker.n_waiting)
    prompt, previous, _ = asked[-1]
    assert prompt.positive == ((3500.0, 3600.0),)
    assert prompt.negative == ((3520.0, 3600.0),)
    np.testing.assert_array_equal(previous.nucleus, after.nucleus)
    assert previous.region == after.region
    assert desk.case.cell(added).region.row_stop == 3520
    assert desk.undo_action == "ReplaceMasks"

    desk.select((3,))  # another cell has clicks of its own
    clicker.correct((1300.0, 1150.0), is_inside=True)
    wait(lambda: not clicker.n_waiting)
    assert asked[-1][0].positive == ((1300.0, 1150.0),)
    assert asked[-1][0].negative == ()


def test_box_and_several_clicks_before_an_answer(desk, clicker, asked, wait) -> None:
    desk.apply(DeleteCells((3, 4)))
    clicker.add_box((1255, 1110, 1346, 1196))
    clicker.add((3500.0, 3600.0))
    assert clicker.n_waiting == 2
    wait(lambda: not clicker.n_waiting)
    assert asked[0][0].box == Region.from_bounds(1255, 1110, 1346, 1196)
    assert len(desk.table) == 4


def test_box_around_a_cell_that_is_there_draws_it_anew(
    desk, clicker, session, wait
) -> None:
    lower = Region(3502, 3500, 100, 200)
    desk.apply(ErasePixels("cell", lower, np.ones((100, 200), bool)))
    before = desk.case.cell(4).mask.sum()
    session.desk.select((1, 2))
    clicker.add_box((3457, 3557, 3544, 3644))
    wait(lambda: not clicker.n_waiting)
    assert len(desk.table) == 4
    assert desk.case.cell(4).mask.sum() > 1.8 * before
    assert desk.selected == (4,)
    assert clicker.pointed.cell_id == 4
    desk.select((1,))
    assert clicker.pointed.cell_id is None


def test_what_cannot_be_is_told_and_nothing_changes(
    desk, clicker, asked, said, wait, session, monkeypatch
) -> None:
    clicker.add((1000.0, 1000.0))  # there is a cell
    assert not clicker.n_waiting
    assert desk.selected == (1,)
    clicker.add((200.0, 200.0))
    wait(lambda: not clicker.n_waiting)
    assert said == ["There is no cell here; click into one."]
    desk.select(())
    clicker.correct((1000.0, 1000.0), is_inside=True)
    assert "select one" in said[-1]
    monkeypatch.setattr(type(session.runs), "is_active", True)
    clicker.add((200.0, 200.0))
    assert "A run is going on" in said[-1] or "run is writing" in said[-1]
    assert not clicker.n_waiting
    assert len(asked) == 1
    assert desk.undo_action is None


def test_answer_for_another_picture_is_dropped(
    desk, clicker, session, viewer, wait
) -> None:
    desk.apply(DeleteCells((4,)))
    case = desk.case
    clicker.add((3500.0, 3600.0))
    viewer.layers.remove(session.layer)
    wait(lambda: not clicker.n_waiting)
    assert len(case.table()) == 3
    # Keeps `wait` of the fixture from asking for results that are gone.
    session.open(case.path)
    wait(lambda: session.desk.can_edit)


def test_outlines_pass_through_a_pipe() -> None:
    rng = np.random.default_rng(0)
    nucleus = rng.random((7, 9)) < 0.5
    outline = PackedOutline(Region(-3, 5, 7, 9), nucleus, ~nucleus)
    again = PackedOutline.from_dict(outline.to_dict())
    assert again.region == outline.region
    np.testing.assert_array_equal(again.nucleus, nucleus)
    np.testing.assert_array_equal(again.cytoplasm, ~nucleus)
