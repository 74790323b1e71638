from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_leukoseg.cells import differential
from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass, ClassScheme, Counting
from napari_leukoseg.export.legend import with_legend

SCHEME = ClassScheme(
    (
        *DEFAULT_SCHEME,
        CellClass(7, "нормобласт", "", "#123456", Counting.PER_100_WHITE_CELLS),
        CellClass(8, "smudge", "", "#654321", Counting.NONE),
    )
)
SHAPES = [(1, 1), (3, 900), (900, 3), (480, 640), (700, 2500)]


def counts_of(*class_ids):
    return differential(pd.DataFrame({"class_id": class_ids}), SCHEME)


def has_color(strip, color):
    return (strip == np.frombuffer(bytes.fromhex(color[1:]), np.uint8)).all(-1).any()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("class_ids", [(), (1, 1, 2), (1, 2, 3, 4, 5, 6, 7, 8)])
def test_picture_stays_whole_above_the_legend(shape, class_ids):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    picture = with_legend(image, counts_of(*class_ids), SCHEME)
    left = (picture.shape[1] - shape[1]) // 2
    assert (picture[: shape[0], left : left + shape[1]] == image).all()
    assert picture.shape[0] > shape[0]
    assert picture.dtype == np.uint8


@pytest.mark.parametrize("shape", SHAPES)
def test_legend_shows_the_classes_found(shape):
    image = np.full((*shape, 3), 255, np.uint8)
    strip = with_legend(image, counts_of(1, 5, 7, 8), SCHEME)[shape[0] :]
    assert all(has_color(strip, SCHEME[i].color) for i in (1, 5, 7, 8))
    assert not any(has_color(strip, SCHEME[i].color) for i in (2, 3, 4))


def test_legend_stays_small():
    image = np.zeros((1536, 2048, 3), np.uint8)
    picture = with_legend(image, counts_of(1, 2, 3, 4, 5), SCHEME)
    assert picture.shape[1] == 2048
    assert picture.shape[0] < 1.1 * 1536
