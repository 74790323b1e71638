"""Crops are reproducible, and their targets move with their pixels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage import measure

from napari_leukoseg.errors import DataError, SettingsError
from napari_leukoseg.training.crop_settings import CropSettings
from napari_leukoseg.training.crops import CropDataset
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_NUCLEUS,
    NOT_NUCLEUS,
    Sample,
)

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


def test_crops_show_what_tempts(samples: list[Sample]) -> None:
    """A red spot is seen in every crop, if it is the only lure."""
    spot = np.s_[90:110, 90:110]
    image = samples[0].image.copy()
    image[spot] = (255, 0, 0)
    tempting = replace(samples[0], image=image, lures=((99.5, 99.5),))
    plain = replace(SMALL, appearance=None, mosaic=0.0, paste=0.0, off_scale=0.0)
    dataset = CropDataset([tempting, samples[1]], replace(plain, lures=1.0), 10, seed=0)
    for index in range(10):
        red, green, _ = dataset[index].image.int()
        assert (red - green > 150).sum() > 20


@pytest.fixture
def single_cells(drawn_cell) -> list[Sample]:
    """Four pictures of one cell each, of four classes, in four grays."""
    allowed = np.where(drawn_cell.cell, np.uint8(IS_CELL), np.uint8(IS_BACKGROUND))
    return [
        Sample(
            "cells",
            str(number),
            str(number),
            np.full_like(drawn_cell.image, 40 * number),
            allowed,
            drawn_cell.cell.astype(np.int32),
            {1: number},
            40.0,
        )
        for number in (1, 2, 3, 4)
    ]


GRID = CropSettings(
    size_px=192, grid=1.0, scale_range=(1.0, 1.0), elastic_px=0.0, appearance=None
)


@pytest.mark.parametrize("n_along", [2, 3, 4])
def test_grids_show_a_whole_cell_in_each_part(
    single_cells: list[Sample], n_along: int
) -> None:
    settings = replace(GRID, grid_sides=(n_along,))
    crop = CropDataset(single_cells, settings, 1, seed=0)[0]
    assert len(crop.classes) == max(8, 2 * n_along**2)
    assert (crop.classes >= 0).sum() == n_along**2
    edges = np.linspace(0, 192, n_along + 1).round().astype(int)
    places = set()
    for cell in measure.regionprops(crop.instances.numpy()):
        corners = np.array(cell.bbox).reshape(2, 2) - [[0, 0], [1, 1]]
        first, last = np.searchsorted(edges, corners, side="right") - 1
        assert (first == last).all()  # no cell lies in two parts
        places.add(tuple(first))
        side = 192 / n_along
        assert cell.equivalent_diameter_area == pytest.approx(side / 2, rel=0.1)
        row, column = cell.coords[0]
        assert crop.classes[cell.label - 1] == crop.image[0, row, column] // 39 - 1
    assert len(places) == n_along**2


def test_grids_show_different_pictures(single_cells: list[Sample]) -> None:
    for index in range(3):
        dataset = CropDataset(single_cells, replace(GRID, grid_sides=(2,)), 3, seed=0)
        assert sorted(dataset[index].classes[:4].tolist()) == [0, 1, 2, 3]
    nine = CropDataset(single_cells, replace(GRID, grid_sides=(3,)), 1, seed=0)[0]
    assert (nine.classes >= 0).sum() == 9  # drawn again where there are too few


@pytest.mark.parametrize("scale_range", [(1.0, 1.0), (1.5, 2.0), (0.5, 0.7)])
def test_any_range_of_scales_is_kept_to(
    single_cells: list[Sample], scale_range: tuple[float, float]
) -> None:
    settings = replace(
        GRID, grid=0.0, scale_range=scale_range, off_scale=0.0, mosaic=0.0, paste=0.0
    )
    dataset = CropDataset(single_cells, settings, 5, seed=0)
    for index in range(5):
        area = float((dataset[index].instances > 0).sum())
        factor = 2 * np.sqrt(area / np.pi) / 64
        assert scale_range[0] * 0.85 < factor < scale_range[1] * 1.15


def test_outlined_nuclei_are_the_targets(samples: list[Sample]) -> None:
    settings = replace(SMALL, outline_nuclei=True, paste=0.0, off_scale=0.0)
    dataset = CropDataset(samples, settings, 12, seed=0)
    n_nuclei = 0
    for index in range(12):
        crop = dataset[index]
        assert set(crop.allowed.unique().tolist()) <= {
            IS_NUCLEUS,
            NOT_NUCLEUS,
            ANYTHING,
        }
        nucleus = crop.allowed == IS_NUCLEUS
        known = torch.isfinite(crop.distance)
        assert (crop.distance[known & ~nucleus] < 0.2).all()  # 0, or in a gap
        assert (crop.distance[known & nucleus] > 0).all()
        n_nuclei += int(nucleus.any())
    assert n_nuclei > 6


def test_touching_nuclei_lie_a_pixel_apart(samples: list[Sample]) -> None:
    allowed = np.full((200, 200), NOT_NUCLEUS, np.uint8)
    allowed[60:140, 40:160] = IS_NUCLEUS
    instances = np.where(allowed == IS_NUCLEUS, 1, 0).astype(np.int32)
    instances[60:140, 100:160] *= 2
    touching = replace(
        samples[0],
        image=np.full((200, 200, 3), 99, np.uint8),
        allowed=allowed,
        instances=instances,
        cell_classes={},
        has_distance=False,
    )
    settings = replace(SMALL, outline_nuclei=True, paste=0.0, off_scale=0.0, mosaic=0.0)
    dataset = CropDataset([touching], settings, 8, seed=0)
    n_pieces = []
    for index in range(8):
        nucleus = (dataset[index].allowed == IS_NUCLEUS).numpy()
        n_pieces.append(int(measure.label(nucleus, connectivity=2).max()))
    assert set(n_pieces) <= {1, 2}  # one of them may lie outside
    assert n_pieces.count(2) >= 4


def test_unfit_settings_and_samples_are_refused(samples: list[Sample]) -> None:
    with pytest.raises(SettingsError, match="multiple of 16"):
        CropSettings(size_px=100)
    with pytest.raises(SettingsError, match="scale range"):
        CropSettings(scale_range=(2.0, 1.0))
    with pytest.raises(SettingsError, match="Grids"):
        CropSettings(grid_sides=(1, 2))
    with pytest.raises(SettingsError, match="leads to class 9"):
        CropSettings(taken_as={7: 9})
    with pytest.raises(DataError, match="one size"):
        replace(samples[0], allowed=samples[0].allowed[1:])
    with pytest.raises(DataError, match="distances need outlines"):
        replace(samples[0], has_outline=False)
