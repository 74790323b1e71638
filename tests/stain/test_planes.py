from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from kornia.color import rgb_to_lab
from skimage.color import lab2rgb, rgb2lab

from napari_leukoseg.stain.planes import (
    density_of,
    lab_of,
    light_of,
    lightness,
    luminance_tables,
    mixed,
    piecewise_linear,
    relative_light,
    rgb_of,
)


@pytest.fixture(scope="module")
def colors():
    """Return every ninth level of each channel, and the darkest ones, 0 to 1."""
    levels = np.r_[0:12, 12:256:9] / 255.0
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)


def test_lab_is_that_of_skimage(colors):
    lab = np.stack(lab_of(tuple(colors.T)), axis=1)
    np.testing.assert_allclose(lab, rgb2lab(colors), atol=1e-3)


def test_lab_is_that_of_kornia(colors):
    planes = torch.from_numpy(colors.T.copy())
    ours = torch.stack(lab_of(tuple(planes)))
    theirs = rgb_to_lab(planes[None, :, :, None])[0, ..., 0]
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_rgb_is_that_of_skimage(colors):
    lab = rgb2lab(colors)
    rgb = np.stack(rgb_of(tuple(lab.T)), axis=1)
    np.testing.assert_allclose(rgb, lab2rgb(lab), atol=1e-4)
    np.testing.assert_allclose(rgb, colors, atol=1e-3)


def test_tables_of_luminance_give_the_same_lightness():
    levels = np.random.default_rng(0).integers(0, 256, (3, 50))
    light = [256.0, 240.0, 200.0]
    expected = lab_of(relative_light(tuple(levels.astype(float)), light))[0]
    tables = luminance_tables(light)
    luminance = sum(table[level] for table, level in zip(tables, levels, strict=True))
    np.testing.assert_allclose(lightness(luminance), expected, atol=1e-9)


def test_white_and_brighter_have_no_color():
    white = tuple(np.array([1.0, 1.5]) for _ in range(3))
    light, a, b = lab_of(white)
    np.testing.assert_allclose([a, b], 0, atol=0.02)
    assert light[0] == pytest.approx(100)
    assert light[1] > 110
    np.testing.assert_allclose(rgb_of((light, a, b)), white, atol=1e-3)


@given(arrays(np.float64, (3, 2), elements=st.floats(0, 255)))
def test_density_is_undone(levels):
    share = relative_light(tuple(levels), [256.0, 240.0, 200.0])
    density = density_of(share)
    np.testing.assert_allclose(light_of(density), share)
    assert density[0].min() >= 0  # nothing is brighter than 255


def test_mixing_is_a_matrix_product():
    matrix = np.arange(9.0).reshape(3, 3)
    vectors = np.array([[1.0, 2.0], [3.0, 5.0], [-1.0, 0.5]])
    np.testing.assert_allclose(mixed(matrix, tuple(vectors)), matrix @ vectors)


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_piecewise_linear_goes_on_with_slope_one(kind):
    x, y = np.array([0.0, 1.0, 3.0]), np.array([5.0, 6.0, 2.0])
    plane = kind([[-2.0, 0.0, 0.5], [2.0, 3.0, 4.0]])
    found = piecewise_linear(plane, x, y)
    np.testing.assert_allclose(found, [[3.0, 5.0, 5.5], [4.0, 2.0, 3.0]])
    np.testing.assert_allclose(piecewise_linear(plane, x[:1], y[:1]), plane + 5.0)
