from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.errors import SettingsError, SlideError
from napari_leukoseg.stain import (
    POINTWISE,
    REFERENCED,
    ColorCounts,
    ReferenceRule,
    StainEstimationError,
    StainReference,
    StainReferenceError,
    bundled_references,
    choose_picture,
    find_reference,
)
from napari_leukoseg.stain.normalizer import Method, Variant
from napari_leukoseg.stain.statistics import MomentStatistics

KEYS = {(method, variant) for method in POINTWISE for variant in Variant}


@pytest.fixture(scope="module")
def reference(smear):
    """Return a reference measured from one picture."""
    return StainReference.measure(
        "mine", [ColorCounts.of_image(smear)], description="drawn", license="none"
    )


def save(image, path):
    Image.fromarray(image).save(path)
    return path


def test_saved_reference_is_loaded(reference, other_smear, tmp_path):
    path = tmp_path / "look.json"
    reference.save(path)
    reference.save(path)  # replaces
    loaded = StainReference.load(path)
    assert [p.name for p in tmp_path.iterdir()] == ["look.json"]
    assert path.stat().st_size < 50_000
    assert (loaded.name, loaded.description, loaded.license) == (
        "mine",
        "drawn",
        "none",
    )
    assert set(loaded.statistics) == KEYS
    for method in REFERENCED:
        one, other = (r.normalizer(method) for r in (reference, loaded))
        change = one.transform(other_smear).astype(int) - other.transform(other_smear)
        assert np.abs(change).max() <= 1


def test_reference_is_measured_from_what_can_be(smear, empty_smear):
    pictures = [ColorCounts.of_image(image) for image in (empty_smear, smear)]
    both = StainReference.measure("both", pictures)
    assert set(both.statistics) == KEYS
    published = StainReference.measure("empty", pictures[:1])
    assert {variant for _, variant in published.statistics} == {Variant.PUBLISHED}
    with pytest.raises(StainReferenceError, match="no statistics for reinhard"):
        published.normalizer("reinhard")
    white = ColorCounts.of_image(np.full((9, 9, 3), 255, np.uint8))
    with pytest.raises(StainReferenceError, match="no statistics"):
        StainReference.measure("white", [white]).normalizer("macenko")
    with pytest.raises(StainEstimationError, match="no picture"):
        StainReference.measure("nothing", [])


def test_several_pictures_give_medians(smear, other_smear, draw):
    images = [smear, other_smear, draw(seed=3)]
    pictures = [ColorCounts.of_image(image) for image in images]
    key = Method.REINHARD, Variant.SMEAR
    means = [
        StainReference.measure("one", [p]).statistics[key].ground for p in pictures
    ]
    middle = StainReference.measure("all", pictures).statistics[key].ground
    np.testing.assert_allclose(middle, np.median(means, axis=0))


def test_retinex_takes_no_reference(reference):
    with pytest.raises(SettingsError, match="takes no reference"):
        reference.normalizer("retinex")


@pytest.mark.parametrize(
    "name", ["wright-giemsa", "jtsc", "cellavision", "bcisc", "bccd"]
)
def test_bundled_references_are_sound(name, smear):
    reference = StainReference.load(bundled_references()[name])
    assert reference.name == name
    assert reference.license
    assert "Medians" in reference.description
    assert set(reference.statistics) == KEYS
    for key in KEYS:
        out = reference.normalizer(*key).transform(smear)
        assert np.ptp(out) > 50


def test_bundled_references_are_small():
    assert sum(path.stat().st_size for path in bundled_references().values()) < 200_000


def damage(data, change):
    """Return the text of a damaged file."""
    statistics = data["statistics"]["reinhard"]["smear"]
    changes = {
        "nothing": lambda: "",
        "no json": lambda: "{",
        "a list": lambda: "[1]",
        "other format": lambda: json.dumps(data | {"format": "x"}),
        "newer": lambda: json.dumps(data | {"version": 99}),
        "no name": lambda: json.dumps({k: v for k, v in data.items() if k != "name"}),
        "short": lambda: statistics.update(mean=[1, 2]) or json.dumps(data),
        "ragged": lambda: statistics.update(mean=[1, [2], 3]) or json.dumps(data),
        "text": lambda: statistics.update(mean=["a", "b", "c"]) or json.dumps(data),
        "infinite": lambda: (
            statistics.update(std=[1, 2, float("inf")]) or json.dumps(data)
        ),
        "missing": lambda: statistics.pop("std") and json.dumps(data),
        "unknown method": lambda: (
            data["statistics"].update(magic={"smear": {}}) or json.dumps(data)
        ),
        "no statistics": lambda: json.dumps(data | {"statistics": 3}),
        "deep": lambda: "[" * 10**5,
        "huge": lambda: " " * (2**20 + 1),
    }
    return changes[change]()


@pytest.mark.parametrize(
    "change",
    [
        "nothing",
        "no json",
        "a list",
        "other format",
        "newer",
        "no name",
        "short",
        "ragged",
        "text",
        "infinite",
        "missing",
        "unknown method",
        "no statistics",
        "deep",
        "huge",
    ],
)
def test_damaged_files_are_refused(change, reference, tmp_path):
    path = tmp_path / "look.json"
    path.write_text(damage(reference.to_dict(), change))
    with pytest.raises(StainReferenceError, match=r"look\.json"):
        find_reference(path)


def test_binary_and_missing_files_are_refused(tmp_path):
    path = tmp_path / "look.json"
    path.write_bytes(b"\xff\xfe\x00\x81" * 9)
    with pytest.raises(StainReferenceError, match="no stain reference"):
        StainReference.load(path)
    with pytest.raises(StainReferenceError, match="give one of bccd"):
        find_reference(tmp_path / "missing.png")


def test_unwritable_place_is_explained(reference, tmp_path):
    with pytest.raises(StainReferenceError, match="choose another folder"):
        reference.save(tmp_path / "missing" / "look.json")


def test_reference_is_found_by_name_file_and_picture(reference, smear, tmp_path):
    assert find_reference("bccd").name == "bccd"
    reference.save(tmp_path / "look.json")
    assert find_reference(tmp_path / "look.json").name == "mine"
    found = find_reference(save(smear, tmp_path / "x.png"))
    key = Method.REINHARD, Variant.SMEAR
    assert isinstance(found.statistics[key], MomentStatistics)
    assert found.name == "x.png"
    np.testing.assert_allclose(
        found.statistics[key].std, reference.statistics[key].std, rtol=1e-5
    )


def test_picture_that_cannot_be_read_is_explained(tmp_path):
    (tmp_path / "x.png").write_text("no picture")
    with pytest.raises(SlideError, match=r"x\.png cannot be read"):
        find_reference(tmp_path / "x.png")


def test_most_typical_picture_of_a_folder_is_chosen(draw, tmp_path):
    looks = {"a": "rapid", "b": "wright-giemsa", "c": "wright-giemsa", "d": "dim"}
    for seed, (name, look) in enumerate(looks.items()):
        save(draw(look, seed), tmp_path / f"{name}.png")
    chosen = find_reference(tmp_path).name
    assert looks[chosen[0]] == "wright-giemsa"


def test_pictures_that_are_no_model_are_passed_over(smear, empty_smear, tmp_path):
    from scipy.ndimage import gaussian_filter

    saturated = smear.copy()
    saturated[:20] = 255
    paths = [
        save(empty_smear, tmp_path / "empty.png"),
        save(saturated, tmp_path / "saturated.png"),
        save(gaussian_filter(smear, (4, 4, 0)), tmp_path / "blurred.png"),
        tmp_path / "missing.png",
        save(smear, tmp_path / "good.png"),
    ]
    assert choose_picture(paths).name == "good.png"
    with pytest.raises(StainReferenceError, match="4 can be read"):
        choose_picture(paths, ReferenceRule(min_stained=1.0))
    with pytest.raises(StainReferenceError, match="Of 0 pictures"):
        choose_picture([])


def test_rule_out_of_range_is_refused():
    with pytest.raises(SettingsError, match="0 to 1"):
        ReferenceRule(min_stained=2.0)
