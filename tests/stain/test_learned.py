"""The learned method, with the colorizer that ships and with small ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from napari_leukoseg.errors import ModelError, SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.stain import (
    LearnedNormalizer,
    LearnedSettings,
    LearnedStatistics,
    MomentStatistics,
    StainEstimationError,
    StainReferenceError,
    StandardizedSlide,
    Variant,
    find_reference,
    learned,
    make_normalizer,
    normalizer_from_dict,
    standardized_slide,
    statistics_from_dict,
)
from napari_leukoseg.stain.colorizer import (
    ColorizerCard,
    build_colorizer,
    save_colorizer,
)
from napari_leukoseg.stain.learned import working_factor
from napari_leukoseg.stain.learned_source import (
    TYPICAL_DARKNESS,
    WORKING_NUCLEUS_PX,
    measure_source,
)

SMALL = {"channels": (4, 6, 8), "n_heads": 2, "radius": 1}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return settings of a small colorizer with random weights."""
    folder = tmp_path_factory.mktemp("small")
    torch.manual_seed(0)
    card = ColorizerCard("small", "local", SMALL, "wright-giemsa", (45.0, 53.0))
    save_colorizer(folder, build_colorizer("local", SMALL), card)
    return LearnedSettings(str(folder))


@pytest.fixture
def normalizer(small):
    """Return the method with that colorizer, fitted to a bundled look."""
    reference = find_reference("wright-giemsa").normalizer("learned").reference
    return LearnedNormalizer(settings=small).fit_statistics(reference)


def sized(source, nucleus_px):
    """Return statistics with another size of nuclei."""
    return LearnedStatistics(source.ground, source.darkness, np.array([nucleus_px]))


@pytest.mark.parametrize("nucleus_px", [20.0, 64.0])
def test_pieces_agree_with_the_whole(nucleus_px, normalizer, draw, monkeypatch):
    image = draw(shape=(300, 350))
    source = sized(normalizer.estimate(image), nucleus_px)
    whole = normalizer.transform(image, source)
    monkeypatch.setattr(learned, "PIECE_PX", 64)
    pieces = normalizer.transform(image, source)
    assert np.abs(whole.astype(int) - pieces).max() <= 1
    assert np.abs(whole.astype(int) - image).max() > 10


@pytest.mark.parametrize("level", [0, 1])
def test_slide_has_no_seams(level, normalizer, draw, array_slide, monkeypatch):
    monkeypatch.setattr(standardized_slide, "BLOCK_PX", 100)
    slide = array_slide(draw(shape=(300, 350)), 2)
    source = sized(normalizer.estimate_slide(slide), 64.0)
    with StandardizedSlide(slide, normalizer, source) as standardized:
        image = slide.images[level]
        standardizer = normalizer.standardizer(source, downsample=2.0**level)
        whole = standardizer(image)
        read = np.asarray(standardized.level_array(level))
        assert np.abs(whole.astype(int) - read).max() <= 1
        region = Region(33, 47, 60, 50)
        part = standardized.read_region(region, level)
        np.testing.assert_array_equal(part, read[region.slices])


def test_colors_of_the_source_do_not_matter(normalizer, smear):
    """What has the same luminance relative to its ground becomes the same."""
    source = normalizer.estimate(smear)
    light = rgb2lab(np.minimum((smear + 1.0) / (source.ground + 1.0), 1.0))[..., 0]
    linear = ((light + 16) / 116) ** 3
    gray = (256 * (1.055 * linear ** (1 / 2.4) - 0.055) - 1).clip(0)  # sRGB
    image = np.repeat(np.rint(gray)[..., None], 3, axis=2).astype(np.uint8)
    white = LearnedStatistics(np.full(3, 255.0), source.darkness, source.nucleus_px)
    one = normalizer.transform(smear, source).astype(int)
    other = normalizer.transform(image, white)
    assert np.quantile(np.abs(one - other), 0.95) <= 6


@pytest.mark.parametrize("gain", [0.5, 0.8])
def test_light_of_the_lamp_does_not_matter(gain, normalizer, smear):
    source = normalizer.estimate(smear)
    dim = np.rint((smear + 1.0) * gain - 1.0).clip(0).astype(np.uint8)
    other = LearnedStatistics(
        (source.ground + 1.0) * gain - 1.0, source.darkness, source.nucleus_px
    )
    one = normalizer.transform(smear, source).astype(int)
    assert np.quantile(np.abs(one - normalizer.transform(dim, other)), 0.95) <= 12


def test_luminance_stays(smear):
    """Relative to the ground; as published, as it is."""
    fitted = find_reference("wright-giemsa").normalizer("learned")
    source = fitted.estimate(smear)
    out = fitted.transform(smear, source)
    grounds = source.ground, fitted.reference.ground
    before, after = (
        rgb2lab(np.clip((image + 1) / (ground + 1), 0, 1))[..., 0]
        for image, ground in zip((smear, out), grounds, strict=True)
    )
    assert np.quantile(np.abs(after - before), 0.95) < 2
    kept = find_reference("wright-giemsa").normalizer("learned", Variant.PUBLISHED)
    same = rgb2lab(kept.transform(smear, source))[..., 0]
    assert np.quantile(np.abs(same - rgb2lab(smear)[..., 0]), 0.95) < 1


def test_white_stays_white(normalizer):
    """On a white ground, white and what is brighter than the ground take no color."""
    reference = MomentStatistics(np.full(3, 255.0), np.zeros(3), np.full(3, 50.0))
    fitted = normalizer.fit_statistics(reference)
    for level in (255, 240):
        ground = LearnedStatistics(np.full(3, float(level)), np.ones(1), np.ones(1))
        image = np.full((40, 50, 3), level, np.uint8)
        assert (fitted.transform(image, ground) == 255).all()


def test_shipped_colorizer_paints_the_look_it_learned(smear, other_smear):
    """Nuclei come nearer to those of the reference, from either look."""
    fitted = find_reference("wright-giemsa").normalizer("learned")
    assert fitted.settings.colorizer == ""
    for image in (smear, other_smear):
        out = rgb2lab(fitted.transform(image))
        is_nucleus = rgb2lab(image)[..., 0] < 50
        assert is_nucleus.any()
        red, blue = out[is_nucleus][:, 1:].mean(axis=0)
        assert red > 15
        assert blue < -15


def test_gray_picture_becomes_colored():
    """Luminance alone is needed, so even a gray ground with dark disks is colored."""
    rows, columns = np.indices((200, 200)) % 100 - 50
    image = np.where(np.hypot(rows, columns) < 20, 90, 235).astype(np.uint8)
    gray = np.repeat(image[..., None], 3, axis=2)
    out = find_reference("wright-giemsa").normalizer("learned").transform(gray)
    lab = rgb2lab(out)[image == 90]
    assert np.hypot(lab[:, 1], lab[:, 2]).mean() > 15


@pytest.mark.parametrize("name", ["jtsc", "bccd"])
def test_every_look_can_be_painted(name, normalizer, smear):
    """The ground becomes that of the reference."""
    reference = find_reference(name).normalizer("learned").reference
    source = normalizer.estimate(smear)
    ground = np.rint(source.ground).astype(np.uint8)[None, None].repeat(20, 0)
    out = normalizer.fit_statistics(reference).transform(ground, source)
    assert np.abs(out - reference.ground).max() <= 3


def test_picture_can_be_the_reference(normalizer, other_smear):
    fitted = normalizer.fit(other_smear)
    expected = make_normalizer("reinhard").estimate(other_smear)
    assert fitted.reference.to_dict() == expected.to_dict()


def test_nuclei_are_measured(draw):
    source = measure_source([draw(cell_diameter_px=50.0), draw("dim", 3)])
    assert 15 < source.nucleus_px[0] < 50
    assert 0.2 < source.darkness[0] < 0.9


def test_field_without_nuclei_can_be_painted(normalizer, empty_smear):
    source = normalizer.estimate(empty_smear)
    assert source.darkness[0] == TYPICAL_DARKNESS
    assert working_factor(source.nucleus_px[0]) == 1
    out = normalizer.transform(empty_smear, source)
    assert np.abs(np.median(out, axis=(0, 1)) - normalizer.reference.ground).max() < 4


@pytest.mark.parametrize("size", [1.0, 2.0, 4.0])
def test_red_cells_tell_the_size_where_there_are_no_nuclei(size, draw):
    image = draw(
        shape=(300, 400), cell_diameter_px=50.0 * size, white_cell_fraction=0.0
    )
    source = measure_source([image])
    assert source.darkness[0] == TYPICAL_DARKNESS
    assert 15 * size < source.nucleus_px[0] < 60 * size


def test_platelets_are_not_taken_for_nuclei():
    """Small parts that are stained like nuclei, among red cells ten times as wide."""
    rows, columns = np.indices((300, 300)) % 100 - 50
    image = np.full((300, 300, 3), 240, np.uint8)
    image[np.hypot(rows, columns) < 35] = (225, 160, 150)
    image[np.hypot(rows - 40, columns - 40) < 4] = (60, 20, 110)
    assert 50 < measure_source([image]).nucleus_px[0] < 120


def test_picture_without_anything_has_usual_nuclei():
    source = measure_source([np.full((9, 9, 3), 250, np.uint8)])
    assert source.nucleus_px[0] == pytest.approx(WORKING_NUCLEUS_PX)


def test_dark_picture_is_explained(normalizer):
    with pytest.raises(StainEstimationError, match="bright-field"):
        normalizer.estimate(np.zeros((9, 9, 3), np.uint8))


@pytest.mark.parametrize(
    ("nucleus_px", "factor"),
    [(0.5, 1), (32.0, 1), (44.0, 1), (50.0, 2), (128.0, 4), (200.0, 8), (1e9, 16)],
)
def test_pictures_are_reduced_by_powers_of_two(nucleus_px, factor):
    assert working_factor(nucleus_px) == factor


def test_plain_data_name_the_colorizer(normalizer, small):
    again = normalizer_from_dict(normalizer.to_dict())
    assert again.settings == small
    assert again.to_dict() == normalizer.to_dict()


def test_source_is_plain_data(normalizer, smear):
    source = normalizer.estimate(smear)
    again = statistics_from_dict(normalizer.method, source.to_dict())
    assert again.to_dict() == source.to_dict()


def test_what_does_not_fit_is_refused(normalizer, smear):
    dyes = make_normalizer("macenko").estimate(smear)
    with pytest.raises(StainReferenceError, match="reinhard"):
        normalizer.fit_statistics(dyes)
    with pytest.raises(StainReferenceError, match="same method"):
        normalizer.standardizer(dyes)
    with pytest.raises(SettingsError, match="no reference"):
        LearnedNormalizer().transform(smear)
    missing = replace(normalizer, settings=LearnedSettings("x"))
    with pytest.raises(ModelError, match="no colorizer"):
        missing.transform(smear)


@pytest.mark.gpu
def test_gpu_gives_nearly_the_same(normalizer, smear):
    source = normalizer.estimate(smear)
    on_cpu = normalizer.transform(smear, source).astype(int)
    on_gpu = normalizer.transform(smear, source, device="cuda")
    assert np.quantile(np.abs(on_cpu - on_gpu), 0.99) <= 2
