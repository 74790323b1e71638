from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.correct import (
    AssignClass,
    MergeCells,
    SplitByWatershed,
    SplitCell,
)
from napari_leukoseg.errors import SettingsError

from .drawn_case import masks, rows


@pytest.fixture
def merged(case, history):
    """Masks of cells 1 and 2, which are one now."""
    before = [np.logical_or(*masks(case, i)) for i in (1, 2)]
    history.apply(MergeCells((1, 2)))
    return before


def agreement(mask, other):
    return (mask & other).sum() / (mask | other).sum()


def assert_split_as_before(case, merged, new_id=7):
    parts = [np.logical_or(*masks(case, i)) for i in (1, new_id)]
    assert sum(part.sum() for part in parts) == sum(m.sum() for m in merged)
    for part in parts:
        assert max(agreement(part, m) for m in merged) > 0.9


@pytest.mark.parametrize(
    "line",
    [
        ((40, 83), (80, 83)),
        ((55, 83), (65, 83)),  # ends inside the cell
        ((30, 80), (60, 84), (95, 81)),
    ],
)
def test_line_cuts_where_it_crosses(case, merged, do, line):
    do(SplitCell(1, line))
    assert_split_as_before(case, merged)


def test_oblique_line_leaves_no_pixel_out(case, do):
    area = np.logical_or(*masks(case, 3)).sum()
    do(SplitCell(3, ((470.2, 130.9), (529, 171.1))))
    parts = [np.logical_or(*masks(case, i)).sum() for i in (3, 7)]
    assert sum(parts) == area
    assert min(parts) > 0.3 * area


def test_several_cuts_at_once(case, do):
    do(SplitCell(3, ((470, 140), (540, 140), (540, 160), (470, 160))))
    areas = rows(case)["cell_area_px"].loc[[3, 7, 8]]
    assert areas.is_monotonic_decreasing


def test_parts_inherit_the_class_and_wait_for_review(case, merged, history, do):
    history.apply(AssignClass((1,), 4))
    do(SplitCell(1, ((40, 83), (80, 83))))
    table = rows(case).loc[[1, 7]]
    assert table["class_id"].tolist() == [4, 4]
    assert table["reviewed"].tolist() == [True, False]
    assert table["score"].tolist() == [0.9, 0.9]
    assert case.protected_ids >= {1, 7}


def test_slivers_are_no_cells(case, do):
    # Along the edge of the cell, of which it shaves off a few pixels twice.
    do(SplitCell(3, ((470, 140), (540, 140), (535, 179), (470, 180))))
    assert rows(case).index.tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_watershed_finds_the_waist(case, merged, do):
    do(SplitByWatershed(1))
    assert_split_as_before(case, merged)


def test_watershed_from_seeds(case, merged, do):
    do(SplitByWatershed(1, seeds=((62, 50), (58, 115))))
    assert_split_as_before(case, merged)


def test_watershed_into_three(case, history, do):
    history.apply(MergeCells((1, 2, 3)))
    do(SplitByWatershed(1, n_parts=3))
    assert rows(case).index.tolist() == [1, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (SplitCell(1, ((10, 10), (10, 200))), "does not cut cell 1"),
        (SplitCell(1, ((60, 60), (60, 60))), "does not cut cell 1"),
        (SplitCell(44, ((10, 10), (10, 200))), "no cell 44"),
        (SplitByWatershed(1, 16), "shows no 16 parts"),
        (SplitByWatershed(1, seeds=((60, 60), (5, 5))), "not 2 different pixels"),
        (SplitByWatershed(1, seeds=((60, 60), (60.2, 60))), "not 2 different pixels"),
    ],
)
def test_what_cannot_be_split(case, history, edit, message):
    revision = case.revision
    with pytest.raises(SettingsError, match=message):
        history.apply(edit)
    assert case.revision == revision


def test_arguments_that_make_no_split():
    with pytest.raises(SettingsError, match="1 points make no line"):
        SplitCell(1, ((2, 2),))
    with pytest.raises(SettingsError, match="split into 1"):
        SplitByWatershed(1, n_parts=1)
