"""What holds a network to its base."""

from __future__ import annotations

import copy

import pytest
import torch

from napari_leukoseg.segment.networks import NetworkOutput, build_network
from napari_leukoseg.training.finetuning.holding import (
    blend_into,
    distillation_loss,
    draw_fields,
    pull_back,
)

SETTINGS = {"stem_channels": 8, "channels": (8, 16), "depths": (1, 1)}


def output_of(seed: int, n_classes: int = 5) -> NetworkOutput:
    generator = torch.Generator().manual_seed(seed)
    return NetworkOutput(
        torch.randn(2, 3, 16, 16, generator=generator),
        torch.randn(2, 1, 16, 16, generator=generator),
        torch.randn(2, n_classes, 4, 4, generator=generator),
    )


EVERYWHERE = torch.ones(2, 16, 16, dtype=torch.bool)
ALL = torch.ones(2, dtype=torch.bool)


def test_agreement_costs_nothing():
    said = output_of(0)
    assert distillation_loss(said, said, EVERYWHERE, ALL).item() == pytest.approx(0)
    assert distillation_loss(output_of(1), said, EVERYWHERE, ALL) > 0.1


def test_new_classes_are_not_held():
    said = output_of(0)
    extended = said._replace(
        evidence=torch.cat([said.evidence, torch.full((2, 1, 4, 4), 9.0)], dim=1)
    )
    assert distillation_loss(extended, said, EVERYWHERE, ALL).item() == pytest.approx(0)


def test_only_what_counts_is_held():
    said, other = output_of(0), output_of(1)
    nowhere, none = torch.zeros_like(EVERYWHERE), torch.zeros_like(ALL)
    assert distillation_loss(other, said, nowhere, none) == 0
    half = nowhere.clone()
    half[:, :8] = True
    changed = other._replace(semantic=other.semantic.clone(), evidence=None)
    before = distillation_loss(changed, said, half, none)
    changed.semantic[:, :, 8:] += 5 * torch.randn(2, 3, 8, 16)
    assert distillation_loss(changed, said, half, none) == before


def test_weights_are_pulled_back_and_blended():
    torch.manual_seed(0)
    network = build_network("residual-unet", SETTINGS)
    start = {n: w.detach().clone() for n, w in network.named_parameters()}
    tuned = copy.deepcopy(network)
    for weight in tuned.parameters():
        weight.data += 1.0
        weight.grad = torch.zeros_like(weight)
    pull_back(tuned, start, 0.5)
    for weight in tuned.parameters():
        torch.testing.assert_close(weight.grad, torch.full_like(weight, 0.5))
    for share in (0.0, 0.25, 1.0):
        blend_into(network, start, tuned, {"": share, "evidence.": 1.0})
        for name, weight in network.named_parameters():
            own = 1.0 if name.startswith("evidence.") else share
            torch.testing.assert_close(weight, start[name] + own)


def test_drawn_fields_are_the_same_for_a_seed():
    first, again = (list(draw_fields(2, 1)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert (one.image == other.image).all()
    (third,) = draw_fields(1, 2)
    assert (third.image != first[0].image).any()
