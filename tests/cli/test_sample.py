from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide
from napari_leukoseg.synthetic import Smear, SmearSettings


def pixels(path):
    with open_slide(path) as slide:
        return slide.read_region(Region.of_shape(slide.shape))


def test_field_is_the_one_of_its_seed_and_size(leukoseg, tmp_path):
    path = tmp_path / "new" / "field.png"
    outcome = leukoseg("sample", "field", "--out", path, "--seed", 7, "--size", "90x70")
    assert outcome.out.split() == [str(path)]
    drawn = Smear(SmearSettings.for_field((90, 70), 7)).draw()
    np.testing.assert_array_equal(pixels(path), drawn.image)


def test_field_with_labels(leukoseg, tmp_path):
    path = tmp_path / "field.png"
    outcome = leukoseg("sample", "field", "--out", path, "--size", "64x64", "--labels")
    written = [
        tmp_path / f"field_{name}.tif" for name in ("nucleus", "cytoplasm", "class")
    ]
    assert outcome.out.splitlines() == [str(path), *map(str, written)]
    assert all(file.is_file() for file in written)


def test_slide_has_a_pyramid(leukoseg, tmp_path):
    path = tmp_path / "slide.ome.tif"
    assert leukoseg("sample", "slide", "--out", path, "--size", "700x1100").status == 0
    with open_slide(path) as slide:
        assert slide.shape == (700, 1100)
        assert len(slide.levels) > 1
        assert slide.mpp == pytest.approx(SmearSettings.for_slide().mpp, rel=1e-3)


@pytest.mark.parametrize("kind", ["field", "slide"])
def test_wrong_usage(leukoseg, tmp_path, kind):
    out = ("--out", tmp_path / "x.tif")
    for arguments in (
        (),
        (*out, "--size", "12"),
        (*out, "--size", "600000x10"),
        (*out, "--seed", "-1"),
    ):
        assert leukoseg("sample", kind, *arguments).status == 2
    assert list(tmp_path.iterdir()) == []


def test_name_of_unknown_format(leukoseg, tmp_path):
    outcome = leukoseg("sample", "field", "--out", tmp_path / "x.gif")
    assert outcome.status == 1
    assert "x.gif" in outcome.err
