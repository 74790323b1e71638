"""Crops are reproducible, and their targets move with their pixels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_leukoseg.errors import DataError, SettingsError
from napari_leukoseg.training.appearance import AppearanceSettings, vary_appearance
from napari_leukoseg.training.crops import (
    CropDataset,
    CropSettings,
    normalized_distance,
    shrink,
)
from napari_leukoseg.training.sample import ANYTHING, IS_CELL, Sample

SMALL = CropSettings(size_px=96, cell_diameter_px=32.0)


def test_an_index_always_gives_the_same_crop(samples: list[Sample]) -> None:
    first = CropDataset(samples, SMALL, 10, seed=1)
    second = CropDataset(samples, SMALL, 10, seed=1)
    other = CropDataset(samples, SMALL, 10, seed=2)
    for one, two in zip(first[7], second[7], strict=True):
        torch.testing.assert_close(one, two, equal_nan=True)
    assert not torch.equal(first[7].image, other[7].image)


def test_crops_have_the_promised_form(samples: list[Sample]) -> None:
    dataset = CropDataset(samples, SMALL, 20, seed=0)
    n_classed = 0
    for index in range(20):
        crop = dataset[index]
        assert crop.image.shape == (3, 96, 96)
        assert crop.image.dtype == torch.uint8
        known = crop.distance[torch.isfinite(crop.distance)]
        assert ((known >= 0) & (known <= 1)).all()
        assert (crop.instances > 0).sum() <= (crop.allowed & IS_CELL > 0).sum()
        n_classed += int((crop.classes >= 0).sum())
        assert crop.instances.max() <= (crop.classes >= 0).sum()
    assert n_classed > 0


def test_targets_follow_the_picture(samples: list[Sample]) -> None:
    """Where the mask says nucleus, the warped picture is dark in red."""
    plain = replace(SMALL, appearance=None, mosaic=0.0, off_scale=0.0)
    dataset = CropDataset(samples, plain, 12, seed=0)
    for index in range(12):
        crop = dataset[index]
        nucleus, known = crop.allowed == 4, crop.allowed != ANYTHING
        if nucleus.sum() < 50:
            continue
        red = crop.image[0].float()
        assert red[nucleus].mean() < red[known & ~nucleus].mean() - 20


def test_far_from_the_working_scale_cells_are_left_open(samples: list[Sample]) -> None:
    always = replace(SMALL, off_scale=1.0, paste=0.0)
    dataset = CropDataset(samples, always, 8, seed=0)
    for index in range(8):
        crop = dataset[index]
        assert set(crop.allowed.unique().tolist()) <= {1, ANYTHING}
        assert (crop.classes < 0).all()


def test_distance_is_one_in_the_middle_and_small_at_borders() -> None:
    instances = np.zeros((40, 60), np.int32)
    instances[5:35, 5:30] = 1
    instances[5:35, 30:55] = 2
    distance = normalized_distance(instances)
    assert distance.max() == pytest.approx(1)
    assert distance[20, 17] > 0.9
    assert distance[20, 29:31].max() < 0.2  # where the two touch
    assert not distance[instances == 0].any()


def test_edge_of_the_picture_is_no_border() -> None:
    instances = np.ones((20, 20), np.int32)
    instances[:, 10:] = 0
    distance = normalized_distance(instances)
    np.testing.assert_allclose(distance[:, 0], distance[10, 0])


def test_shrinking_keeps_masks_on_the_picture(samples: list[Sample]) -> None:
    small = shrink(samples[0], 30.0)
    assert small.image.shape[:2] == small.allowed.shape == small.instances.shape
    assert small.image.shape[0] == pytest.approx(samples[0].image.shape[0] / 2, abs=1)
    share = np.mean(small.allowed == 4) / np.mean(samples[0].allowed == 4)
    assert share == pytest.approx(1, abs=0.1)
    assert shrink(samples[0], 90.0) is samples[0]


def test_appearance_off_changes_nothing_and_on_keeps_the_form() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    off = AppearanceSettings(0, 0, 0, 0, 0, 0, 0, 0)
    for seed in range(5):
        same = vary_appearance(image, off, np.random.default_rng(seed))
        np.testing.assert_allclose(same.astype(int), image.astype(int), atol=2)
        varied = vary_appearance(
            image, AppearanceSettings(), np.random.default_rng(seed)
        )
        assert varied.shape == image.shape
        assert varied.dtype == np.uint8


def test_unfit_settings_and_samples_are_refused(samples: list[Sample]) -> None:
    with pytest.raises(SettingsError, match="multiple of 16"):
        CropSettings(size_px=100)
    with pytest.raises(SettingsError, match="scale range"):
        CropSettings(scale_range=(2.0, 1.0))
    with pytest.raises(DataError, match="one size"):
        replace(samples[0], allowed=samples[0].allowed[1:])
