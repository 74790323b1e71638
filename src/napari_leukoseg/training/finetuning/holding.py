"""What holds forgetting back where the data of the base are not at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from napari_leukoseg.synthetic import LOOKS, Illumination, Smear, SmearSettings
from napari_leukoseg.training.sample import (
    IS_BACKGROUND,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    Sample,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from napari_leukoseg.segment.networks import NetworkOutput, SegmentationNetwork

__all__ = ["blend_into", "distillation_loss", "draw_fields", "pull_back"]

DRAWN_SHAPE, DRAWN_DIAMETER_PX = (256, 256), 56.0

DRAWN_SEED = 40_000
"""Far from the seeds of the fields that models are trained on."""


def draw_fields(number: int, seed: int) -> Iterator[Sample]:
    """Draw smear fields of all looks and classes, which stand in for other smears.

    Parameters
    ----------
    number : int
        How many.
    seed : int
        Zero or more.
    """
    for index in range(number):
        settings = SmearSettings(
            DRAWN_SHAPE,
            seed=DRAWN_SEED + 1000 * seed + index,
            cell_diameter_px=DRAWN_DIAMETER_PX,
            look=list(LOOKS)[index % len(LOOKS)],
            white_cell_fraction=0.12,
            red_cell_fraction=0.35,
            class_weights=(1, 1, 1, 1, 1),
            illumination=list(Illumination)[index % len(Illumination)],
        )
        field = Smear(settings).draw()
        kinds = np.where(field.nucleus > 0, 2, field.cytoplasm > 0)
        bits = np.array([IS_BACKGROUND, IS_CYTOPLASM, IS_NUCLEUS], np.uint8)
        cells = np.maximum(field.nucleus, field.cytoplasm).astype(np.int32)
        yield Sample(
            "drawn",
            f"drawn-{index}",
            f"drawn-{index}",
            field.image,
            bits[kinds],
            cells,
            {},
            DRAWN_DIAMETER_PX,
        )


def distillation_loss(
    output: NetworkOutput,
    teacher: NetworkOutput,
    where: Tensor,
    with_classes: Tensor,
) -> Tensor:
    """Compare what a network says with what its base says of the same crops [1]_.

    Parameters
    ----------
    output : NetworkOutput
        Of the network that is tuned; it may know more classes, in the last channels.
    teacher : NetworkOutput
        Of the base.
    where : Tensor of shape (B, H, W) and dtype bool
        Pixels that count.
    with_classes : Tensor of shape (B,) and dtype bool
        Crops of which the classes count too, in what the base takes for cells.

    Returns
    -------
    loss : Tensor of shape ()
        Divergence of parts and of classes, and squared error of the distance.

    References
    ----------
    .. [1] Z. Li and D. Hoiem, "Learning without forgetting", IEEE TPAMI 40(12), 2018.
    """
    weight = where.float()
    total = weighted_mean(divergence(output.semantic, teacher.semantic), weight)
    if output.distance is not None and teacher.distance is not None:
        error = output.distance.float().sigmoid() - teacher.distance.float().sigmoid()
        total = total + weighted_mean(error[:, 0] ** 2, weight)
    if output.evidence is None or teacher.evidence is None:
        return total
    known = output.evidence[:, : teacher.evidence.shape[1]]
    cell = 1 - teacher.semantic.float().softmax(dim=1)[:, 0]
    cell = (cell > 0.5).float() * with_classes[:, None, None]
    near = functional.interpolate(cell[:, None], size=known.shape[-2:])[:, 0]
    return total + weighted_mean(divergence(known, teacher.evidence), near)


def divergence(logits: Tensor, target: Tensor) -> Tensor:
    """Kullback-Leibler divergence of class logits from a target, (B, H, W)."""
    wanted = target.float().log_softmax(dim=1)
    found = logits.float().log_softmax(dim=1)
    return (wanted.exp() * (wanted - found)).sum(dim=1)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of values where they count; zero where none does."""
    return (values * weight).sum() / weight.sum().clamp(min=1)


def pull_back(
    network: SegmentationNetwork, start: Mapping[str, Tensor], strength: float
) -> None:
    """Add the gradient of the squared distance to the weights of the base [1]_.

    Parameters
    ----------
    network : SegmentationNetwork
        Has gradients.
    start : mapping of str to Tensor
        Weights that it started from.
    strength : float
        Factor; half of it times the squared distance is the penalty.

    References
    ----------
    .. [1] X. Li, Y. Grandvalet and F. Davoine, "Explicit inductive bias for transfer
       learning with convolutional networks", ICML 2018.
    """
    for name, weight in network.named_parameters():
        if weight.grad is not None:
            weight.grad.add_(weight.detach() - start[name], alpha=strength)


@torch.no_grad()
def blend_into(
    target: SegmentationNetwork,
    start: Mapping[str, Tensor],
    tuned: SegmentationNetwork,
    shares: Mapping[str, float],
) -> None:
    """Set weights between those of the base and the tuned ones [1]_.

    Parameters
    ----------
    target : SegmentationNetwork
        Changed.
    start : mapping of str to Tensor
        Weights of the base.
    tuned : SegmentationNetwork
        Of the same architecture.
    shares : mapping of str to float
        Share of the tuned weights by the beginning of their names; the longest that
        fits counts.

    References
    ----------
    .. [1] M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    """
    weights = dict(tuned.named_parameters())
    for name, weight in target.named_parameters():
        share = shares[max(filter(name.startswith, shares), key=len)]
        weight.copy_(start[name].lerp(weights[name], share))
