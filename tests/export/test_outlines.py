from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk

from napari_leukoseg.classes import DEFAULT_SCHEME
from napari_leukoseg.export.outlines import draw_outlines, halo_color

COLORS = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)


@pytest.fixture
def labels():
    """Two touching cells, the first with a nucleus."""
    nucleus, cytoplasm = np.zeros((2, 50, 60), np.uint32)
    cytoplasm[10:40, 10:30] = 1
    cytoplasm[10:40, 30:50] = 2
    nucleus[disk((25, 20), 6)] = 1
    cytoplasm[nucleus > 0] = 0
    return nucleus, cytoplasm


@pytest.fixture
def drawn(labels):
    image = np.full((50, 60, 3), 200, np.uint8)
    draw_outlines(image, *labels, COLORS, 2)
    return image


def test_line_runs_inside_of_each_cell_in_its_color(drawn):
    assert (drawn[25, 28:30] == COLORS[1]).all()
    assert (drawn[25, 30:32] == COLORS[2]).all()
    assert (drawn[25, 10:12] == COLORS[1]).all()
    assert (drawn[25, 33:47] == 200).all()


def test_nucleus_has_a_line_and_its_inside_stays(drawn):
    assert (drawn[25, 14:16] == COLORS[1]).all(axis=1).any()
    assert (drawn[25, 18:23] == 200).all()


def test_halo_is_next_to_the_cell_only(drawn):
    assert (drawn[9, 20] != 200).all()
    assert (drawn[:8] == 200).all()
    assert (drawn[:, :8] == 200).all()


def test_picture_border_is_no_outline():
    nucleus = np.zeros((20, 20), np.uint32)
    cytoplasm = np.zeros_like(nucleus)
    cytoplasm[:, :10] = 1
    image = np.full((20, 20, 3), 200, np.uint8)
    draw_outlines(image, nucleus, cytoplasm, COLORS, 2)
    assert (image[:, :8] == 200).all()
    assert (image[:, 8:10] == COLORS[1]).all()


def test_no_cell_leaves_the_picture():
    image = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    before = image.copy()
    draw_outlines(image, *np.zeros((2, 7, 5), np.uint32), COLORS, 3)
    assert (image == before).all()


@pytest.mark.parametrize("width", [1, 2, 3, 6])
@pytest.mark.parametrize("cut", [11, 29, 30, 31, 45])
def test_halves_with_a_margin_give_the_whole(labels, width, cut):
    whole = np.full((50, 60, 3), 200, np.uint8)
    left, right = whole[:, : cut + width].copy(), whole[:, cut - width :].copy()
    draw_outlines(whole, *labels, COLORS, width)
    draw_outlines(left, *(a[:, : cut + width] for a in labels), COLORS, width)
    draw_outlines(right, *(a[:, cut - width :] for a in labels), COLORS, width)
    joined = np.concatenate([left[:, :cut], right[:, width:]], axis=1)
    assert (joined == whole).all()


@pytest.mark.parametrize("cell_class", DEFAULT_SCHEME, ids=lambda c: c.name)
def test_halo_sets_off_each_color(cell_class):
    color = np.multiply(cell_class.rgb, 255)
    assert np.abs(halo_color(color) - color).max() > 100
