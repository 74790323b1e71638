"""Simulated people point into the cell, and correct the largest error."""

import numpy as np
import pytest
import torch

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.networks import build_network
from napari_leukoseg.training.click_prompts import (
    ClickSettings,
    Pointing,
    correct,
    deep_point,
    point_at,
    simulate_prompts,
)
from napari_leukoseg.training.clicks import ClickCropDataset, isolate
from napari_leukoseg.training.crop_settings import CropSettings
from napari_leukoseg.training.crops import Crop
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    UNKNOWN_INSTANCE,
    Sample,
)
from napari_leukoseg.training.warping import Layers

SMALL = CropSettings(size_px=64, cell_diameter_px=32.0)


def square(start: int, stop: int, side: int = 32) -> np.ndarray:
    mask = np.zeros((side, side), bool)
    mask[start:stop, start:stop] = True
    return mask


def pointing(outline: np.ndarray) -> Pointing:
    return Pointing(np.stack([outline, np.zeros_like(outline)]).astype(np.float32))


def test_the_deepest_point_is_the_middle() -> None:
    assert deep_point(square(8, 17), 0.5, None) == (12.0, 12.0)


@pytest.mark.parametrize("seed", range(20))
def test_a_drawn_point_is_as_deep_as_asked(seed: int) -> None:
    row, column = deep_point(square(8, 17), 0.9, np.random.default_rng(seed))
    assert (row, column) == (12.0, 12.0)
    row, column = deep_point(square(8, 17), 0.6, np.random.default_rng(seed))
    assert 10 <= row <= 14
    assert 10 <= column <= 14


@pytest.mark.parametrize("seed", range(30))
def test_the_first_prompt_points_at_the_target(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = square(9, 24)
    made = point_at(target, square(12, 18), ClickSettings(), rng)
    assert made.positive or made.negative or made.box
    for click in made.positive:
        assert target[int(click[0]), int(click[1])]
    for click in made.negative:
        assert not target[int(click[0]), int(click[1])]
    if made.box:
        np.testing.assert_allclose(made.box, (9, 9, 24, 24), atol=0.12 * 15)


def test_what_is_missed_gets_a_click_inside() -> None:
    made = pointing(square(10, 14))
    assert correct(made, square(8, 24), np.ones((32, 32), bool), None)
    assert not made.negative
    ((row, column),) = made.positive
    assert square(8, 24)[int(row), int(column)]
    assert not square(10, 14)[int(row), int(column)]


def test_what_is_too_much_gets_a_click_outside() -> None:
    made = pointing(square(4, 28))
    assert correct(made, square(12, 20), np.ones((32, 32), bool), None)
    assert len(made.negative) == 1
    assert not made.positive


def test_nobody_corrects_specks_or_what_is_unknown() -> None:
    made = pointing(square(8, 24))
    target = square(8, 24)
    target[8, 8:16] = False
    assert not correct(made, target, np.ones((32, 32), bool), None)
    assert not correct(made, square(8, 12), square(8, 12), None)
    assert not made.positive + made.negative


def test_maps_show_clicks_box_and_outline() -> None:
    made = Pointing(np.zeros((2, 32, 32), np.float32), [(5.0, 6.0)], [(20.0, 21.0)])
    made.box, made.outline[0, 3:9, 3:9] = (2, 2, 10, 10), 1
    positive, negative, box, cell, nucleus = made.maps
    assert positive[5, 6] == negative[20, 21] == 1
    assert positive[20, 21] == negative[5, 6] == 0
    assert 20 < positive.sum() < 50
    assert box.sum() == 64
    assert cell.sum() == 36
    assert not nucleus.any()


def test_only_the_target_is_left() -> None:
    allowed = np.full((4, 6), IS_BACKGROUND, np.uint8)
    instances = np.zeros((4, 6), np.int32)
    allowed[0], instances[0] = IS_CYTOPLASM, 7
    allowed[1], instances[1] = IS_NUCLEUS, 8
    allowed[2], instances[2] = IS_CELL, UNKNOWN_INSTANCE
    layers = Layers(np.zeros((4, 6, 3), np.uint8), allowed, instances, allowed > 0)
    left = isolate(layers, 7)
    assert [row[0] for row in left.allowed] == [
        IS_CYTOPLASM,
        IS_BACKGROUND,
        ANYTHING,
        IS_BACKGROUND,
    ]
    assert [row[0] for row in left.instances] == [1, 0, UNKNOWN_INSTANCE, 0]


def test_crops_have_one_cell_each(samples: list[Sample]) -> None:
    crops = ClickCropDataset(samples, SMALL, 12, seed=0)
    for index in range(12):
        crop = crops[index]
        is_cell = (crop.allowed & IS_CELL > 0) & (crop.allowed & IS_BACKGROUND == 0)
        assert is_cell.sum() > 100
        assert (crop.classes >= 0).sum() <= 1
        assert crop.instances.max() <= 1
        assert is_cell[crop.instances == 1].all()
    for one, two in zip(crops[3], crops[3], strict=True):
        torch.testing.assert_close(one, two, equal_nan=True)


def test_prompts_are_simulated_with_corrections(samples: list[Sample]) -> None:
    torch.manual_seed(0)
    network = build_network(
        "click-net", {"stem_channels": 4, "channels": (8, 8), "depths": (1, 1)}
    ).train()
    crops = ClickCropDataset(samples, SMALL, 4, seed=0)
    batch = Crop(
        *(torch.stack(p) for p in zip(*(crops[i] for i in range(4)), strict=True))
    )
    image = batch.image.float() / 255

    def clicks(rounds: int) -> torch.Tensor:
        rng = np.random.default_rng(5)
        maps = simulate_prompts(
            network, image, batch, ClickSettings(), rng, rounds=rounds
        )
        assert maps.shape == (4, 5, 64, 64)
        return maps

    first, corrected = clicks(0), clicks(2)
    assert not first[:, 1:].any()
    assert (first[:, 0].flatten(1).amax(dim=1) == 1).all()
    assert corrected[:, 3].any()  # an untrained network finds something
    assert network.training
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize(
    "wrong", [{"rounds": ()}, {"rounds": (0.0,)}, {"box": 1.2}, {"wrong": -0.1}]
)
def test_impossible_shares_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="give"):
        ClickSettings(**wrong)
