from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.exposure import equalize_hist

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain import (
    RetinexMode,
    RetinexNormalizer,
    RetinexSettings,
    StandardizedSlide,
    make_normalizer,
    standardized_slide,
)
from napari_leukoseg.stain.surroundings import equalized, surround, surround_step

MODES = [RetinexNormalizer(RetinexSettings(mode)) for mode in RetinexMode]


@pytest.mark.parametrize("sigma", [0.5, 3.0, 15.0, 40.0])
def test_surround_is_a_gaussian(sigma, smear):
    plane = gaussian_filter(smear[:131, :, 1].astype(float), 8.0)
    expected = gaussian_filter(plane, sigma, mode="nearest", truncate=3.0)
    assert np.abs(surround(plane, sigma) - expected).max() < 0.03 * np.ptp(plane)


def test_wide_gaussians_are_taken_on_coarse_grids():
    assert [surround_step(s) for s in (0.2, 7.9, 8, 15, 80, 250)] == [
        1,
        1,
        2,
        2,
        16,
        32,
    ]


def test_one_tile_without_limit_is_plain_equalization(smear):
    values = smear[..., 1]
    expected = 255 * equalize_hist(values, nbins=256)
    found = equalized(values, values.shape, clip_limit=256.0)
    np.testing.assert_allclose(found, expected, atol=1.5)


@pytest.mark.parametrize("cell", [(7, 11), (160, 200), (500, 500), (1, 1)])
def test_equalized_stays_in_range(cell, smear):
    found = equalized(smear[..., 1], cell, clip_limit=2.0)
    assert found.min() >= 0
    assert found.max() <= 255 + 1e-6


def test_brighter_stays_brighter_within_a_tile(smear):
    values = smear[:40, :40, 1]
    found = equalized(values, (40, 40), clip_limit=3.0)
    order = np.argsort(values, axis=None)
    assert (np.diff(found.ravel()[order]) >= -1e-4).all()


@pytest.mark.parametrize("normalizer", MODES, ids=lambda n: n.settings.mode)
def test_range_is_stretched(normalizer, smear):
    pale = smear // 3 + 120
    assert np.ptp(normalizer.transform(pale)) > 2 * np.ptp(pale)


@pytest.mark.parametrize("normalizer", MODES, ids=lambda n: n.settings.mode)
def test_one_pass_gives_what_two_give(normalizer, smear):
    for downsample in (1.0, 2.5):
        source = normalizer.estimate(smear, downsample=downsample)
        expected = normalizer.transform(smear, source, downsample=downsample)
        found = normalizer.transform(smear, downsample=downsample)
        np.testing.assert_array_equal(found, expected)
    assert (found != normalizer.transform(smear)).any()


def test_a_coarser_picture_has_the_tiles_of_the_whole_one(smear):
    fine = MODES[1].estimate(smear.repeat(2, axis=0).repeat(2, axis=1))
    coarse = MODES[1].estimate(smear, downsample=2.0)
    np.testing.assert_array_equal(coarse.cell_px, fine.cell_px)
    np.testing.assert_allclose(coarse.low, fine.low, atol=15)
    np.testing.assert_allclose(coarse.high, fine.high, atol=15)


def test_red_green_and_blue_mode_keeps_nuclei_dark(draw):
    image = draw(shape=(200, 240))
    out = MODES[1].transform(image)
    is_dark = image[..., 1] < 80
    assert out[..., 1][is_dark].mean() < out[..., 1][~is_dark].mean() - 50


def test_single_color_is_no_failure():
    for normalizer in MODES:
        out = normalizer.transform(np.full((20, 30, 3), 200, np.uint8))
        assert out.shape == (20, 30, 3)


def test_reference_is_refused(smear):
    statistics = make_normalizer("reinhard").estimate(smear)
    normalizer = RetinexNormalizer()
    assert normalizer.is_fitted
    assert normalizer.fit(smear) is normalizer
    with pytest.raises(SettingsError, match="no reference"):
        normalizer.fit_statistics(statistics)


@pytest.mark.parametrize(
    "values", [{"alpha": 0.0}, {"scales_px": ()}, {"scales_px": (1.0, -2.0)}]
)
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(SettingsError, match="positive"):
        RetinexSettings(**values)


@pytest.mark.parametrize("mode", RetinexMode)
def test_blocks_of_a_slide_show_no_seams(mode, draw, array_slide, monkeypatch):
    monkeypatch.setattr(standardized_slide, "BLOCK_PX", 96)
    image = draw(shape=(257, 331))
    normalizer = RetinexNormalizer(RetinexSettings(mode, scales_px=(2.0, 5.0, 18.0)))
    source = normalizer.estimate(image)
    source.cell_px[:] = 24, 32  # as on a slide, where tiles are small beside it
    expected = normalizer.transform(image, source)
    with StandardizedSlide(array_slide(image), normalizer, source) as slide:
        found = np.asarray(slide.level_array())
    assert np.abs(found.astype(int) - expected).max() <= 1
