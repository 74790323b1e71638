"""Training pictures are standardized as a system does, each by itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain import StainChoice
from napari_leukoseg.synthetic import SmearSettings, write_field
from napari_leukoseg.training.config import DataSource, TrainingConfig
from napari_leukoseg.training.sample import Sample
from napari_leukoseg.training.sources import load_split
from napari_leukoseg.training.splits import SplitSettings
from napari_leukoseg.training.staining import standardize_samples
from napari_leukoseg.training.warping import shrink

ALL = SplitSettings(validation=0, test=0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a field."""
    root = tmp_path_factory.mktemp("root")
    settings = SmearSettings(
        (96, 128), seed=1, cell_diameter_px=40.0, white_cell_fraction=0.2
    )
    for _ in write_field(root / "a" / "field.png", settings, with_labels=True):
        pass
    return root


def read(root: Path, stain: str) -> Sample:
    """Read the sample of a training with a stain step."""
    config = TrainingConfig("x", (DataSource("labels", "a"),), split=ALL, stain=stain)
    (sample,) = load_split(config, root).train
    return sample


def test_pictures_change_and_labels_stay(root: Path) -> None:
    plain, stained = read(root, ""), read(root, "reinhard:jtsc")
    step = StainChoice.parse("reinhard:jtsc").prepared()
    expected = step.normalizer.transform(plain.image)
    np.testing.assert_array_equal(stained.image, expected)
    assert (stained.image != plain.image).any()
    np.testing.assert_array_equal(stained.instances, plain.instances)


@pytest.mark.parametrize("stain", ["reinhard", "retinex", "learned"])
def test_fine_pictures_are_shrunk_first_and_look_the_same(
    root: Path, stain: str
) -> None:
    fine = read(root, "")
    fine = replace(
        fine,
        image=fine.image.repeat(3, 0).repeat(3, 1),
        allowed=fine.allowed.repeat(3, 0).repeat(3, 1),
        instances=fine.instances.repeat(3, 0).repeat(3, 1),
        cell_diameter_px=3 * fine.cell_diameter_px,
    )
    wanted = fine.cell_diameter_px / 3
    (small,) = standardize_samples([fine], stain, wanted)
    assert small.cell_diameter_px == wanted
    assert small.image.shape[:2] == small.instances.shape == (96, 128)
    normalizer = StainChoice.parse(stain).prepared().normalizer
    after = replace(fine, image=normalizer.transform(fine.image))
    expected = shrink(after, wanted).image.astype(int)
    assert np.abs(small.image - expected).mean() < 4


def test_pictures_kept_for_testing_stay_as_they_are(root: Path) -> None:
    data = (DataSource("labels", "a"),)
    split = SplitSettings(validation=0, test=0.9)
    config = TrainingConfig("x", data, split=split, stain="macenko")
    (kept,) = load_split(config, root).test
    np.testing.assert_array_equal(kept.image, read(root, "").image)


def test_a_picture_that_shows_no_stain_stays(root: Path) -> None:
    plain = read(root, "")
    white = replace(plain, image=np.full_like(plain.image, 255))
    one, other = standardize_samples([white, plain], "macenko", 64.0)
    assert one is white
    assert (other.image != plain.image).any()


def test_an_unknown_step_is_refused_before_anything_is_read() -> None:
    with pytest.raises(SettingsError, match="no stain method"):
        TrainingConfig("x", (DataSource("labels", "a"),), stain="bleach")
