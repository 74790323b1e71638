from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain import color_counts, color_table
from napari_leukoseg.stain.color_counts import (
    ColorCounts,
    check_image,
    pack_colors,
    unpack_colors,
    weighted_quantile,
)
from napari_leukoseg.stain.color_table import PIECE_PX, ColorTable


@given(arrays(np.uint8, (3, 4, 3)))
def test_packing_is_undone(colors):
    keys = pack_colors(colors)
    assert keys.max() < 1 << 24
    np.testing.assert_array_equal(unpack_colors(keys), colors)


def test_colors_are_counted():
    image = np.array([[[1, 2, 3], [9, 9, 9], [1, 2, 3]]], np.uint8)
    counted = ColorCounts.of_images([image, image[:, :2]])
    order = np.argsort(counted.colors[:, 0])
    assert counted.colors[order].tolist() == [[1, 2, 3], [9, 9, 9]]
    assert counted.counts[order].tolist() == [3, 2]


def test_large_pictures_are_thinned_out_and_count_as_much(monkeypatch):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(color_counts, "ENOUGH_PX", 1000)
    large = rng.integers(0, 3, (61, 83, 1), np.uint8).repeat(3, axis=2)
    small = np.full((5, 7, 3), 9, np.uint8)
    counted = ColorCounts.of_images([large, small])
    order = np.argsort(counted.colors[:, 0])
    counts = counted.counts[order]
    assert counts.sum() == pytest.approx(61 * 83 + 35)
    assert counts[3] == pytest.approx(35)
    np.testing.assert_allclose(counts[:3], 61 * 83 / 3, rtol=0.2)
    alone = ColorCounts.of_image(large)
    np.testing.assert_allclose(np.sort(alone.counts), np.sort(counts[:3]))


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 4)), min_size=1),
    st.lists(st.floats(0, 1), min_size=1, max_size=4),
)
def test_weighted_quantiles_are_those_of_repeated_values(pairs, q):
    values, weights = np.array(pairs, float).T
    if not weights.any():
        weights += 1
    expected = np.quantile(np.repeat(values, weights.astype(int)), q)
    np.testing.assert_allclose(weighted_quantile(values, weights, q), expected)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.float32),
        np.full((4, 4, 3), np.nan),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        [[[1, 2, 3]]],
        None,
    ],
    ids=["float", "nan", "grey", "rgba", "empty", "list", "none"],
)
def test_other_pictures_are_refused(image):
    with pytest.raises(SettingsError, match=r"give (RGB|one)"):
        check_image(image)


def test_small_pictures_are_mapped(smear):
    table = ColorTable(lambda colors: 255 - colors)
    for part in (smear, smear[:1], smear[:, :1]):
        np.testing.assert_array_equal(table(part), 255 - part)


def test_large_pictures_have_each_color_computed_once(monkeypatch):
    monkeypatch.setattr(color_table, "DIRECT_PX", 0)
    met = []

    def invert(colors):
        met.extend(map(tuple, colors.tolist()))
        return 255 - colors

    table = ColorTable(invert)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 3, (PIECE_PX // 40, 50, 3), np.uint8)
    np.testing.assert_array_equal(table(image), 255 - image)
    np.testing.assert_array_equal(table(image[5:9, 3:4]), 255 - image[5:9, 3:4])
    assert len(met) == len(set(met)) == 27
