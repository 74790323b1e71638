"""Losses against hand computations and their limits."""

import math

import pytest
import torch
from torch.nn import functional

from napari_leukoseg.segment.networks import NetworkOutput
from napari_leukoseg.training.crops import Crop
from napari_leukoseg.training.losses import (
    LossSettings,
    class_loss,
    distance_loss,
    partial_cross_entropy,
    partial_dice_loss,
    pool_evidence,
    total_loss,
)
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    NOT_NUCLEUS,
)

BITS = torch.tensor([IS_BACKGROUND, IS_CYTOPLASM, IS_NUCLEUS], dtype=torch.uint8)


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(0))


def test_definite_pixels_give_the_usual_cross_entropy(logits: torch.Tensor) -> None:
    target = torch.randint(0, 3, (2, 6, 5), generator=torch.Generator().manual_seed(1))
    expected = functional.cross_entropy(logits, target)
    torch.testing.assert_close(partial_cross_entropy(logits, BITS[target]), expected)


def test_whole_cell_masks_sum_probabilities() -> None:
    logits = torch.tensor([0.0, math.log(2), math.log(3)]).reshape(1, 3, 1, 1)
    allowed = torch.tensor([[[IS_CELL]]], dtype=torch.uint8)
    expected = -math.log(5 / 6)
    assert partial_cross_entropy(logits, allowed).item() == pytest.approx(expected)


def test_unknown_pixels_teach_nothing(logits: torch.Tensor) -> None:
    logits.requires_grad_()
    allowed = torch.full((2, 6, 5), ANYTHING, dtype=torch.uint8)
    loss = partial_cross_entropy(logits, allowed)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("mask", [IS_CELL, NOT_NUCLEUS, IS_NUCLEUS, ANYTHING])
def test_perfect_prediction_costs_next_to_nothing(mask: int) -> None:
    allowed = torch.full((1, 8, 8), mask, dtype=torch.uint8)
    allowed[:, :4] = IS_BACKGROUND
    allowed[:, 4, :4] = IS_NUCLEUS
    target = torch.where(allowed & IS_BACKGROUND > 0, 0, 2)
    logits = 40 * functional.one_hot(target, 3).permute(0, 3, 1, 2).float()
    assert partial_cross_entropy(logits, allowed).item() < 1e-6
    assert partial_dice_loss(logits, allowed).item() < 1e-3


def test_dice_of_opposite_masks_is_near_one() -> None:
    allowed = torch.full((1, 20, 20), IS_BACKGROUND, dtype=torch.uint8)
    allowed[:, 10:] = IS_NUCLEUS
    wrong = torch.where(allowed == IS_NUCLEUS, 0, 2)
    logits = 40 * functional.one_hot(wrong, 3).permute(0, 3, 1, 2).float()
    assert partial_dice_loss(logits, allowed).item() > 0.99


def test_distance_ignores_unknown_and_balances_cell_and_ground() -> None:
    target = torch.tensor([[[0.0, 1.0, float("nan"), 0.0]]])
    logits = torch.zeros(1, 1, 1, 4, requires_grad=True)
    loss = distance_loss(logits, target)
    loss.backward()
    assert loss.item() == pytest.approx(0.25 + 0.25)
    assert logits.grad is not None
    assert logits.grad[0, 0, 0, 2] == 0


def test_evidence_is_averaged_over_each_cell() -> None:
    evidence = torch.arange(8.0).reshape(1, 2, 2, 2)
    instances = torch.tensor([[[1, 1], [2, 0]]])
    pooled = pool_evidence(evidence, instances, 3)
    torch.testing.assert_close(
        pooled[0], torch.tensor([[3.0, 7.0], [0.5, 4.5], [2.0, 6.0], [0.0, 0.0]])
    )


def test_class_loss_is_cross_entropy_of_known_cells() -> None:
    evidence = torch.zeros(1, 2, 2, 2)
    evidence[0, 1] = math.log(3)
    instances = torch.tensor([[[1, 1], [2, 2]]])
    classes = torch.tensor([[1, -1]])
    loss = class_loss(evidence, instances, classes, label_smoothing=0.0)
    assert loss.item() == pytest.approx(-math.log(3 / 4))
    unknown = class_loss(evidence, instances, torch.tensor([[-1, -1]]), 0.0)
    assert unknown.item() == 0


def test_total_weighs_its_terms_and_takes_networks_without_some_heads(
    logits: torch.Tensor,
) -> None:
    crop = Crop(
        torch.zeros(2, 3, 6, 5, dtype=torch.uint8),
        torch.full((2, 6, 5), IS_BACKGROUND, dtype=torch.uint8),
        torch.zeros(2, 6, 5),
        torch.zeros(2, 6, 5, dtype=torch.int64),
        torch.full((2, 8), -1),
    )
    terms = total_loss(NetworkOutput(logits, None, None), crop, LossSettings())
    assert terms.distance.item() == 0
    assert terms.cell_class.item() == 0
    expected = terms.semantic + 0.5 * terms.dice
    torch.testing.assert_close(terms.total, expected)
