from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.transform import resize

from napari_leukoseg.cells.appearance import measure_color, measure_texture


@pytest.fixture
def noise():
    return np.random.default_rng(1).integers(0, 256, (30, 41, 3), np.uint8)


def test_color_equals_the_plain_definition(noise):
    mask = noise[..., 0] > 100
    features = measure_color(noise, mask)
    pixels = noise[mask].astype(float)
    density = -np.log10(np.maximum(pixels, 1) / 255)
    for index, channel in enumerate(("red", "green", "blue")):
        assert features[f"{channel}_mean"] == pytest.approx(pixels[:, index].mean())
        assert features[f"{channel}_sd"] == pytest.approx(pixels[:, index].std())
        assert features[f"{channel}_od"] == pytest.approx(density[:, index].mean())


@pytest.mark.parametrize(("value", "density"), [(255, 0.0), (0, math.log10(255))])
def test_even_color(value, density):
    image = np.full((4, 4, 3), value, np.uint8)
    features = measure_color(image, np.ones((4, 4), bool))
    assert features["blue_sd"] == 0
    assert features["blue_od"] == pytest.approx(density)


def test_color_of_nothing_is_not_a_number(noise):
    features = measure_color(noise, np.zeros(noise.shape[:2], bool))
    assert all(math.isnan(v) for v in features.values())
    assert set(features) == set(measure_color(noise, noise[..., 0] > 0))


def test_even_patch_has_no_texture():
    image = np.full((20, 20, 3), 90, np.uint8)
    features = measure_texture(image, np.ones((20, 20), bool), 2)
    assert features == {
        "contrast": 0,
        "homogeneity": 1,
        "energy": 1,
        "correlation": 1,
    }


def test_pixels_outside_the_mask_do_not_count(noise):
    mask = np.zeros(noise.shape[:2], bool)
    mask[5:20, 8:30] = True
    other = noise.copy()
    other[~mask] = 0
    assert measure_texture(other, mask, 3) == measure_texture(noise, mask, 3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 2)])
def test_mask_without_a_pair_has_no_texture(shape):
    image = np.zeros((*shape, 3), np.uint8)
    features = measure_texture(image, np.ones(shape, bool), 3)
    assert all(math.isnan(v) for v in features.values())


def test_grain_lowers_homogeneity_and_raises_contrast(noise):
    smooth = np.full_like(noise, 128)
    everywhere = np.ones(noise.shape[:2], bool)
    grainy, even = (measure_texture(i, everywhere, 1) for i in (noise, smooth))
    assert grainy["contrast"] > even["contrast"]
    assert grainy["homogeneity"] < even["homogeneity"]


def test_texture_holds_when_picture_and_distance_grow_together(noise):
    image = resize(noise, (120, 164, 3), order=3, preserve_range=True)
    twice = resize(noise, (240, 328, 3), order=3, preserve_range=True)
    small, large = (
        measure_texture(
            picture.clip(0, 255).astype(np.uint8),
            np.ones(picture.shape[:2], bool),
            distance,
        )
        for picture, distance in ((image, 4), (twice, 8))
    )
    for name in small:
        assert large[name] == pytest.approx(small[name], rel=0.1, abs=0.05)
