"""The contract of stain methods, run on every one of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain import (
    POINTWISE,
    ColorCounts,
    MomentStatistics,
    StainEstimationError,
    StainReferenceError,
    make_normalizer,
    normalizer_from_dict,
)
from napari_leukoseg.stain.normalizer import Method, Variant

KEYS = [(method, variant) for method in POINTWISE for variant in Variant]
LEARNED = [(Method.LEARNED, variant) for variant in Variant]
EVERY = [*KEYS, *LEARNED, (Method.RETINEX, Variant.SMEAR)]
SMEAR = [(method, Variant.SMEAR) for method in POINTWISE]

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def fitted(other_smear):
    """Return methods fitted to `other_smear`, by method and variant."""
    return {key: make_normalizer(*key).fit(other_smear) for key in EVERY}


def difference(one, other):
    """Largest difference of two pictures in gray levels."""
    return np.abs(one.astype(int) - other).max()


@pytest.mark.parametrize("key", EVERY)
def test_shape_and_type_stay(key, fitted, smear):
    normalizer = fitted[key]
    source = normalizer.estimate(smear)
    before = smear.copy()
    for part in (smear, smear[:1], smear[:, :1], smear[::3, 5:8]):
        out = normalizer.transform(part, source)
        assert (out.shape, out.dtype) == (part.shape, np.uint8)
        assert out is not part
    np.testing.assert_array_equal(smear, before)


@pytest.mark.parametrize("key", EVERY)
def test_strength_blends(key, fitted, smear):
    normalizer = fitted[key]
    source = normalizer.estimate(smear)
    np.testing.assert_array_equal(
        normalizer.transform(smear, source, strength=0.0), smear
    )
    full = normalizer.transform(smear, source)
    half = normalizer.transform(smear, source, strength=0.5)
    assert difference(full, smear) > 10
    assert difference(half, (full.astype(float) + smear) / 2) <= 1


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("key", EVERY)
def test_strength_is_a_share(key, fitted, smear, strength):
    with pytest.raises(SettingsError, match="strength"):
        fitted[key].transform(smear, strength=strength)


@pytest.mark.parametrize("key", KEYS)
def test_tiles_agree_with_the_whole(key, fitted, smear):
    normalizer = fitted[key]
    source = normalizer.estimate(smear)
    whole = normalizer.transform(smear, source)
    tiles = [normalizer.transform(tile, source) for tile in (smear[:37], smear[37:])]
    np.testing.assert_array_equal(np.concatenate(tiles), whole)


@pytest.mark.parametrize("key", KEYS)
def test_device_gives_the_same_within_one_level(key, fitted, smear):
    normalizer = fitted[key]
    on_device = normalizer.transform(smear, device=torch.device("cpu"))
    assert difference(on_device, normalizer.transform(smear)) <= 1


@pytest.mark.parametrize("key", SMEAR)
def test_fitted_to_itself_changes_nothing(key, smear):
    same = make_normalizer(*key).fit(smear).transform(smear)
    assert difference(same, smear) <= 1


@pytest.mark.parametrize("key", SMEAR)
def test_ground_becomes_the_reference_ground(key, fitted, smear):
    normalizer = fitted[key]
    source = normalizer.estimate(smear)
    ground = np.rint(source.ground).astype(np.uint8)[None, None]
    out = normalizer.transform(ground, source)
    expected = normalizer.reference.ground[None, None] / 255
    assert deltaE_ciede2000(rgb2lab(out), rgb2lab(expected)).max() < 1.5


@pytest.mark.parametrize("key", SMEAR)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
@given(lamp=st.floats(0.7, 1.0), white=st.integers(245, 255))
def test_white_stays_white(key, draw, lamp, white):
    """Two smears on a white ground: what is white stays so under any lamp."""
    reference = whitened(draw("may-grunwald-giemsa", 2), white)
    source = (whitened(draw(), 255) * lamp).astype(np.uint8)
    normalizer = make_normalizer(*key).fit(reference)
    measured = normalizer.estimate(source)
    ground = np.full((1, 1, 3), round(255 * lamp), np.uint8)
    out = normalizer.transform(ground, measured).astype(int)
    assert np.ptp(out) <= 4  # no cast
    assert out.min() >= white - 6


def whitened(image, level):
    """Put the ground of a picture at a gray level."""
    ground = make_normalizer("reinhard").estimate(image).ground
    return np.clip(image * (level / ground), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("key", SMEAR)
def test_luminance_relative_to_the_ground_stays(key, fitted, smear):
    normalizer = fitted[key]
    source = normalizer.estimate(smear)
    out = normalizer.transform(smear, source)
    grounds = source.ground, normalizer.reference.ground
    before, after = (
        rgb2lab(np.clip(image / ground, 0, 1))[..., 0]
        for image, ground in zip((smear, out), grounds, strict=True)
    )
    assert np.quantile(np.abs(after - before), 0.9) < 2


@pytest.mark.parametrize("key", SMEAR)
def test_colors_come_nearer_to_the_reference(key, fitted, smear, other_smear):
    out = fitted[key].transform(smear)
    means = [rgb2lab(i).mean(axis=(0, 1))[1:] for i in (smear, out, other_smear)]
    before, after = (np.linalg.norm(mean - means[2]) for mean in means[:2])
    assert after < 0.7 * before


@pytest.mark.parametrize("key", EVERY)
def test_plain_data_make_the_same_method(key, fitted, smear):
    normalizer = fitted[key]
    again = normalizer_from_dict(normalizer.to_dict())
    assert type(again) is type(normalizer)
    assert again.to_dict() == normalizer.to_dict()
    source = normalizer.estimate(smear)
    same = again.transform(smear, source)
    assert difference(same, normalizer.transform(smear, source)) <= 1


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"method": "magic"},
        {"method": "macenko", "variant": "smear", "settings": {"x": 1}},
        {"method": "reinhard", "variant": "smear", "settings": {}, "reference": {}},
        {"method": "reinhard", "variant": 3, "settings": {}, "reference": None},
    ],
)
def test_other_data_are_refused(data):
    with pytest.raises(StainReferenceError, match="again"):
        normalizer_from_dict(data)


@pytest.mark.parametrize("key", KEYS)
def test_method_without_reference_is_refused(key, smear):
    normalizer = make_normalizer(*key)
    assert not normalizer.is_fitted
    with pytest.raises(SettingsError, match="no reference"):
        normalizer.transform(smear)


@pytest.mark.parametrize("key", EVERY)
def test_statistics_of_another_method_are_refused(key, fitted, smear):
    other = Method.HISTOGRAM if key[0] is not Method.HISTOGRAM else Method.REINHARD
    statistics = make_normalizer(other).estimate(smear)
    with pytest.raises(StainReferenceError, match="same method"):
        fitted[key].standardizer(statistics)


@pytest.mark.parametrize("key", EVERY)
def test_other_pictures_are_refused(key, fitted):
    for image in (np.full((4, 4, 3), np.nan), np.zeros((4, 4), np.uint8)):
        with pytest.raises(SettingsError, match="8-bit"):
            fitted[key].transform(image)


@pytest.mark.parametrize("key", SMEAR)
def test_reference_without_cells_is_explained(key, empty_smear):
    with pytest.raises(StainEstimationError, match="white cells"):
        make_normalizer(*key).fit(empty_smear)


@pytest.mark.parametrize("key", [(method, Variant.PUBLISHED) for method in POINTWISE])
def test_white_picture_is_explained_or_left_white(key, fitted):
    white = np.full((9, 9, 3), 255, np.uint8)
    try:
        out = fitted[key].transform(white)
    except StainEstimationError as error:
        assert "give" in str(error) or "take" in str(error)
    else:
        assert key[0] is Method.HISTOGRAM
        assert np.ptp(out, axis=(0, 1)).max() == 0


def test_methods_are_known_by_name():
    assert [make_normalizer(method.value).method for method in Method] == list(Method)
    for wrong in (("magic",), ("reinhard", "magic")):
        with pytest.raises(SettingsError, match="choose one of reinhard"):
            make_normalizer(*wrong)


def test_light_above_the_ground_loses_its_color(fitted, smear):
    normalizer = fitted[Method.REINHARD, Variant.SMEAR]
    source = normalizer.estimate(smear)
    dimmed = MomentStatistics(source.ground * 0.6, source.mean, source.std)
    reference = MomentStatistics(np.full(3, 140.0), source.mean, source.std)
    lamp_spot = np.array([[[180, 240, 250]]], np.uint8)
    out = normalizer.fit_statistics(reference).transform(lamp_spot, dimmed)
    assert np.ptp(out.astype(int)) <= 3
    assert out.min() > 190


def test_colors_alone_decide(smear):
    normalizer = make_normalizer("reinhard")
    shuffled = np.random.default_rng(0).permutation(smear.reshape(-1, 3))
    one = normalizer.estimate(shuffled.reshape(smear.shape))
    other = normalizer.estimate_colors(ColorCounts.of_image(smear))
    assert one.to_dict() == other.to_dict()
