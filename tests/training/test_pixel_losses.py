"""Losses of maps against libraries and hand computations."""

import math

import pytest
import torch
from sklearn.metrics import f1_score, log_loss
from torch.nn import functional

from napari_leukoseg.segment.networks.base import NEVER
from napari_leukoseg.training.pixel_losses import (
    binary_loss,
    cell_logit,
    cell_target,
    cross_entropy_of_sets,
    dice_of_sets,
    distance_loss,
    distance_mse,
    focal_of_sets,
    nucleus_logit,
    nucleus_target,
    partial_cross_entropy,
    partial_dice_loss,
    possible_parts,
    possible_types,
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
N_CLASSES = 6


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def drawn_labels(count: int, *shape: int) -> torch.Tensor:
    return torch.randint(count, shape, generator=torch.Generator().manual_seed(1))


def one_hot(target: torch.Tensor, count: int = N_CLASSES) -> torch.Tensor:
    return functional.one_hot(target, count).permute(0, 3, 1, 2).bool()


def test_definite_pixels_give_the_usual_cross_entropy() -> None:
    logits, target = drawn(2, N_CLASSES, 6, 5), drawn_labels(N_CLASSES, 2, 6, 5)
    expected = functional.cross_entropy(logits, target)
    torch.testing.assert_close(cross_entropy_of_sets(logits, one_hot(target)), expected)
    parts = drawn_labels(3, 2, 6, 5)
    torch.testing.assert_close(
        partial_cross_entropy(logits[:, :3], BITS[parts]),
        functional.cross_entropy(logits[:, :3], parts),
    )


def test_whole_cell_masks_sum_probabilities() -> None:
    logits = torch.tensor([0.0, math.log(2), math.log(3)]).reshape(1, 3, 1, 1)
    allowed = torch.tensor([[[IS_CELL]]], dtype=torch.uint8)
    expected = -math.log(5 / 6)
    assert partial_cross_entropy(logits, allowed).item() == pytest.approx(expected)


@pytest.mark.parametrize("mask", [IS_CELL, NOT_NUCLEUS, IS_NUCLEUS, ANYTHING])
def test_perfect_prediction_costs_next_to_nothing(mask: int) -> None:
    allowed = torch.full((1, 8, 8), mask, dtype=torch.uint8)
    allowed[:, :4] = IS_BACKGROUND
    allowed[:, 4, :4] = IS_NUCLEUS
    target = torch.where(allowed & IS_BACKGROUND > 0, 0, 2)
    logits = 40 * one_hot(target, 3).float()
    assert partial_cross_entropy(logits, allowed).item() < 1e-6
    assert partial_dice_loss(logits, allowed).item() < 1e-3
    assert focal_of_sets(logits, possible_parts(allowed), 2.0).item() < 1e-6
    assert dice_of_sets(logits, possible_parts(allowed), 1e-5).item() < 1e-3


def test_types_of_pixels_follow_cells_and_what_is_known_of_them() -> None:
    allowed = torch.tensor(
        [[[IS_BACKGROUND, IS_CYTOPLASM, IS_NUCLEUS, IS_CELL, NOT_NUCLEUS, ANYTHING]]],
        dtype=torch.uint8,
    )
    instances = torch.tensor([[[0, 1, 2, 0, 0, 1]]])
    classes = torch.tensor([[3, 0, -1]])
    possible = possible_types(allowed, instances, classes, 5)[0, :, 0].T.int()
    assert possible.tolist() == [
        [1, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 1, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
    ]


def test_cell_of_unknown_class_accepts_any_type() -> None:
    logits = drawn(1, N_CLASSES, 4, 4)
    allowed = torch.full((1, 4, 4), IS_CELL, dtype=torch.uint8)
    no_class = torch.zeros(1, 4, 4, dtype=torch.int64), torch.full((1, 2), -1)
    possible = possible_types(allowed, *no_class, 5)
    p_cell = 1 - logits.softmax(dim=1)[:, 0]
    torch.testing.assert_close(
        cross_entropy_of_sets(logits, possible), -p_cell.log().mean()
    )
    torch.testing.assert_close(
        focal_of_sets(logits, possible, 2.0),
        (-((1 - p_cell) ** 2) * p_cell.log()).mean(),
    )


def test_focal_loss_follows_its_formula() -> None:
    logits, target = drawn(2, N_CLASSES, 6, 5), drawn_labels(N_CLASSES, 2, 6, 5)
    p = logits.softmax(dim=1).gather(1, target[:, None])[:, 0]
    for gamma in (1.0, 2.0, 3.5):
        torch.testing.assert_close(
            focal_of_sets(logits, one_hot(target), gamma),
            (-((1 - p) ** gamma) * p.log()).mean(),
        )
    torch.testing.assert_close(
        focal_of_sets(logits, one_hot(target), 0.0),
        functional.cross_entropy(logits, target),
    )


def test_focal_loss_of_sure_pixels_has_a_gradient() -> None:
    logits = (200 * one_hot(drawn_labels(3, 1, 4, 4), 3).float()).requires_grad_()
    possible = one_hot(drawn_labels(3, 1, 4, 4), 3)
    focal_of_sets(logits, possible, 1.5).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_dice_of_hard_answers_is_the_mean_f1_of_all_classes() -> None:
    target, answer = drawn_labels(N_CLASSES, 2, 9, 8), drawn(2, N_CLASSES, 9, 8)
    predicted = answer.argmax(dim=1)
    expected = 1 - f1_score(target.flatten(), predicted.flatten(), average="macro")
    loss = dice_of_sets(80 * one_hot(predicted).float(), one_hot(target), 1e-5)
    assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_dice_of_soft_answers_follows_its_formula() -> None:
    logits, target = (
        drawn(2, N_CLASSES, 6, 5),
        one_hot(drawn_labels(N_CLASSES, 2, 6, 5)),
    )
    p, pixels = logits.softmax(dim=1), (0, 2, 3)
    hits = (p * target).sum(pixels)
    missed, false = ((1 - p) * target).sum(pixels), (p * ~target).sum(pixels)
    expected = 1 - ((2 * hits + 1) / (2 * hits + missed + false + 1)).mean()
    torch.testing.assert_close(dice_of_sets(logits, target, 1.0), expected)


def test_dice_leaves_out_the_types_that_a_cell_may_have() -> None:
    logits = drawn(1, N_CLASSES, 4, 4).requires_grad_()
    possible = torch.ones(1, N_CLASSES, 4, 4, dtype=torch.bool)
    possible[:, 0] = False
    dice_of_sets(logits, possible, 1e-5).backward()
    # Only the background is known here, to be absent: all types gain alike.
    p = logits.detach().softmax(dim=1)
    assert logits.grad is not None
    ratio = logits.grad[:, 1:] / (p[:, :1] * p[:, 1:])
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))


def test_dice_of_opposite_masks_is_near_one() -> None:
    allowed = torch.full((1, 20, 20), IS_BACKGROUND, dtype=torch.uint8)
    allowed[:, 10:] = IS_NUCLEUS
    wrong = torch.where(allowed == IS_NUCLEUS, 0, 2)
    assert partial_dice_loss(40 * one_hot(wrong, 3).float(), allowed).item() > 0.99


def test_binary_loss_is_the_log_loss_of_what_is_known() -> None:
    z, allowed = drawn(1, 1, 6, 7), torch.full((1, 6, 7), ANYTHING, dtype=torch.uint8)
    allowed[:, :2], allowed[:, 2], allowed[:, 3] = IS_BACKGROUND, IS_CELL, IS_NUCLEUS
    allowed[:, 4] = NOT_NUCLEUS
    semantic = torch.cat([torch.zeros_like(z), z, torch.full_like(z, NEVER)], dim=1)
    p = z[0, 0, :4].sigmoid().double()
    is_cell = torch.zeros(4, 7)
    is_cell[2:] = 1
    loss = binary_loss(cell_logit(semantic), *cell_target(allowed))
    assert loss.item() == pytest.approx(log_loss(is_cell.flatten(), p.flatten()))


def test_logit_of_nuclei_is_that_of_a_network_that_knows_only_nuclei() -> None:
    z = drawn(1, 1, 6, 7)
    semantic = torch.cat([torch.zeros_like(z), torch.full_like(z, NEVER), z], dim=1)
    torch.testing.assert_close(nucleus_logit(semantic), z[:, 0])
    full = drawn(1, 3, 6, 7)
    torch.testing.assert_close(nucleus_logit(full).sigmoid(), full.softmax(dim=1)[:, 2])
    torch.testing.assert_close(
        cell_logit(full).sigmoid(), 1 - full.softmax(dim=1)[:, 0]
    )


def test_where_cells_and_nuclei_are_known() -> None:
    # Bits 1 to 7: background, cytoplasm, one of these, nucleus, nucleus or background,
    # cell, anything.
    allowed = torch.arange(1, 8, dtype=torch.uint8).reshape(1, 1, 7)
    cell, cell_known = (mask[0, 0].int().tolist() for mask in cell_target(allowed))
    nucleus, nucleus_known = (
        mask[0, 0].int().tolist() for mask in nucleus_target(allowed)
    )
    assert cell == [0, 1, 0, 1, 0, 1, 0]
    assert cell_known == [1, 1, 0, 1, 0, 1, 0]
    assert nucleus == [0, 0, 0, 1, 0, 0, 0]
    assert nucleus_known == [1, 1, 1, 1, 0, 0, 0]


def test_distance_ignores_unknown_and_balances_cell_and_ground() -> None:
    target = torch.tensor([[[0.0, 1.0, float("nan"), 0.0]]])
    logits = torch.zeros(1, 1, 1, 4, requires_grad=True)
    loss = distance_loss(logits, target)
    loss.backward()
    assert loss.item() == pytest.approx(0.25 + 0.25)
    assert logits.grad is not None
    assert logits.grad[0, 0, 0, 2] == 0


def test_plain_distance_is_the_mean_squared_error_of_what_is_known() -> None:
    logits, target = drawn(2, 1, 5, 4), drawn(2, 5, 4, seed=1).sigmoid()
    expected = functional.mse_loss(logits[:, 0].sigmoid()[:, :3], target[:, :3])
    target[:, 3:] = torch.nan
    torch.testing.assert_close(distance_mse(logits, target), expected)
