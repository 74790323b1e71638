"""The cell that is meant is kept, and clicks are obeyed."""

import numpy as np
import pytest

from napari_leukoseg.correct.click_masks import (
    choose_cell,
    expected_overlap,
    insist,
)

SIDE = 64
NONE = np.zeros((SIDE, SIDE), bool)


def disk(row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = np.ogrid[:SIDE, :SIDE]
    return np.hypot(rows - row, columns - column) <= radius


APART = disk(20, 20, 10) | disk(45, 45, 12)
TOUCHING = disk(32, 18, 13) | disk(32, 42, 13)


def chosen(cell, positive=(), negative=(), box=None, outline=NONE) -> np.ndarray:
    return choose_cell(cell.astype(np.float32), positive, negative, box, outline)


def test_only_the_piece_clicked_on_is_kept() -> None:
    np.testing.assert_array_equal(chosen(APART, [(20, 22)]), disk(20, 20, 10))


def test_a_click_on_each_keeps_both() -> None:
    kept = chosen(APART, [(20, 22), (45, 45)])
    np.testing.assert_array_equal(kept, APART)


def test_a_click_on_ground_finds_no_cell() -> None:
    assert not chosen(APART, [(5, 60)]).any()


def test_a_click_outside_cuts_off_the_touching_cell() -> None:
    kept = chosen(TOUCHING, [(32, 15)], [(32, 45)])
    left = disk(32, 18, 13)
    assert not kept[32, 45]
    assert (kept & left).sum() / (kept | left).sum() > 0.85


def test_without_a_click_inside_the_middle_stands_for_the_cell() -> None:
    """As when the outline of an earlier answer is corrected by clicks outside only."""
    cell = disk(32, 22, 16) | disk(32, 48, 7)
    kept = chosen(cell, [], [(32, 50)], outline=cell)
    assert kept[32, 22]
    assert not kept[32, 50]


def test_a_further_click_inside_is_in_the_mask() -> None:
    cell = disk(32, 32, 12)
    kept = chosen(cell, [(32, 32), (32, 46)])
    assert kept[32, 46]
    assert kept[cell].all()


def test_a_box_keeps_what_fills_it() -> None:
    kept = chosen(APART, box=(33, 33, 58, 58))
    np.testing.assert_array_equal(kept, disk(45, 45, 12))
    cut = chosen(disk(32, 32, 20), box=(22, 22, 42, 42))
    rows = np.flatnonzero(cut.any(axis=1))
    assert (rows[0], rows[-1]) == (20, 43)


def test_holes_are_filled() -> None:
    ring = disk(32, 32, 15) & ~disk(32, 32, 5)
    np.testing.assert_array_equal(chosen(ring, [(32, 20)]), disk(32, 32, 15))


@pytest.mark.parametrize("certainty", [0.6, 0.9])
def test_probabilities_follow_the_choice(certainty: float) -> None:
    probabilities = np.zeros((3, SIDE, SIDE), np.float32)
    probabilities[1] = np.where(APART, certainty, 0.1)
    probabilities[0] = 1 - probabilities[1]
    choice = disk(20, 20, 12)
    cell = insist(probabilities, choice)
    np.testing.assert_array_equal(cell > 0.5, choice)
    assert 0 < expected_overlap(cell) < 1


def test_expected_overlap_is_that_of_the_probabilities() -> None:
    cell = np.zeros((4, 4), np.float32)
    assert expected_overlap(cell) == 0
    cell[0, :2], cell[1, 0] = 1.0, 0.5
    assert expected_overlap(cell) == pytest.approx(2 / 2.5)
