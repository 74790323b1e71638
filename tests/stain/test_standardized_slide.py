from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_leukoseg.errors import SettingsError, SlideError
from napari_leukoseg.geometry import Region
from napari_leukoseg.stain import (
    RetinexNormalizer,
    StainEstimationError,
    StandardizedSlide,
    make_normalizer,
    sampling,
)
from napari_leukoseg.stain.sampling import WINDOW_PX, sample_colors, sample_regions


@pytest.fixture
def normalizer(other_smear):
    """Return a fitted method."""
    return make_normalizer("reinhard").fit(other_smear)


@pytest.fixture
def source(smear, array_slide):
    """Return a slide of three levels."""
    return array_slide(smear, 3, mpp=0.25)


def test_every_level_and_region_is_standardized(normalizer, source, smear):
    measured = normalizer.estimate(smear)
    with StandardizedSlide(source, normalizer) as slide:
        assert slide.levels == source.levels
        for level, image in enumerate(source.images):
            expected = normalizer.transform(image, measured)
            np.testing.assert_array_equal(slide.level_array(level), expected)
            region = Region(3, 5, 20, 17)
            np.testing.assert_array_equal(
                slide.read_region(region, level), expected[region.slices]
            )
        assert slide.overview(50).shape == (40, 50, 3)
        assert slide.read_region(Region(4, 4, 0, 3)).shape == (0, 3, 3)


def test_scaled_pixels_are_standardized_then_averaged(normalizer, source):
    with StandardizedSlide(source, normalizer) as slide:
        whole = Region.of_shape(slide.shape)
        scaled = slide.read_scaled(whole, 0.25)
        np.testing.assert_array_equal(
            scaled, slide.read_region(Region.of_shape(slide.levels[2].shape), 2)
        )


def test_metadata_are_those_of_the_source(normalizer, source):
    slide = StandardizedSlide(source, normalizer)
    assert (slide.fingerprint, slide.path, slide.mpp) == ("f" * 64, source.path, 0.25)
    slide.mpp = 0.5
    assert source.mpp == 0.5
    source.mpp = None
    assert slide.mpp is None


def test_closing_closes_the_source_if_it_is_owned(normalizer, source):
    lent = StandardizedSlide(source, normalizer, owns_slide=False)
    lent.close()
    assert not source.is_closed
    with pytest.raises(SlideError, match="closed"):
        lent.read_region(Region(0, 0, 1, 1))
    StandardizedSlide(source, normalizer).close()
    assert source.is_closed


def test_strength_is_used(normalizer, source, smear):
    with StandardizedSlide(source, normalizer, strength=0.0) as slide:
        np.testing.assert_array_equal(slide.level_array(), smear)


def test_device_is_used(normalizer, source, smear):
    expected = normalizer.transform(smear, strength=0.5).astype(int)
    with StandardizedSlide(source, normalizer, device="cpu", strength=0.5) as slide:
        assert np.abs(np.asarray(slide.level_array()) - expected).max() <= 1


@pytest.mark.parametrize("local", [False, True])
def test_threads_read_the_same(local, normalizer, source):
    if local:
        normalizer = RetinexNormalizer()
    slide = StandardizedSlide(source, normalizer)
    regions = [Region(row, 7, 40, 90) for row in range(0, 120, 5)] * 2
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(slide.read_region, regions))
    whole = np.asarray(slide.level_array())
    for region, part in zip(regions, parts, strict=True):
        np.testing.assert_array_equal(part, whole[region.slices])


def test_slide_without_cells_is_explained(normalizer, empty_smear, array_slide):
    with pytest.raises(StainEstimationError, match="No stained nuclei"):
        StandardizedSlide(array_slide(empty_smear), normalizer)


def test_unfitted_method_is_refused(source):
    with pytest.raises(SettingsError, match="no reference"):
        StandardizedSlide(source, make_normalizer("macenko"))


def test_small_pictures_are_measured_whole(source):
    assert sample_regions(source) == [Region.of_shape(source.shape)]


def test_large_slides_are_measured_by_windows(array_slide, draw, monkeypatch):
    monkeypatch.setattr(sampling, "WHOLE_PX", 1000)
    monkeypatch.setattr(sampling, "WINDOW_PX", 50)
    image = np.full((1010, 1230, 3), 240, np.uint8)
    image[400:800, 300:800] = draw(shape=(400, 500))
    slide = array_slide(image)
    regions = sample_regions(slide)
    assert regions == sample_regions(slide)
    assert 8 <= len(regions) <= 16
    whole, smeared = Region.of_shape(image.shape), Region(400, 300, 400, 500)
    assert all(region.intersection(whole) == region for region in regions)
    assert sum(not r.intersection(smeared).is_empty for r in regions) >= 6
    n_pixels = sum(region.size.area for region in regions)
    assert sample_colors(slide).counts.sum() == n_pixels
    make_normalizer("reinhard").estimate_slide(slide)
    assert WINDOW_PX == 512


def test_retinex_is_measured_on_parts_of_a_slide(array_slide, draw, monkeypatch):
    monkeypatch.setattr(sampling, "WHOLE_PX", 1000)
    image = draw(shape=(700, 900))
    source = RetinexNormalizer().estimate_slide(array_slide(image))
    assert source.cell_px.tolist() == [88, 113]
    assert (source.high > source.low).all()
