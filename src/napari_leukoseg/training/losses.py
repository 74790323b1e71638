"""Losses that learn from what an expert marked and leave the rest open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from pydantic import ConfigDict, with_config
from torch import Tensor
from torch.nn import functional

from napari_leukoseg.segment.networks.base import BACKGROUND, NUCLEUS, NetworkOutput
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    NOT_NUCLEUS,
)

if TYPE_CHECKING:
    from napari_leukoseg.training.crops import Crop

__all__ = [
    "LossSettings",
    "LossTerms",
    "class_loss",
    "distance_loss",
    "partial_cross_entropy",
    "partial_dice_loss",
    "pool_evidence",
    "total_loss",
]

SEMANTIC_BITS = (IS_BACKGROUND, IS_CYTOPLASM, IS_NUCLEUS)


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class LossSettings:
    """Weights of the terms.

    Parameters
    ----------
    semantic, dice, distance, cell_class : float, optional
        Factors in the sum.
    label_smoothing : float, optional
        Of the class term.
    """

    semantic: float = 1.0
    dice: float = 0.5
    distance: float = 1.0
    cell_class: float = 0.5
    label_smoothing: float = 0.05


@dataclass(frozen=True, eq=False)
class LossTerms:
    """Unweighted terms, for the log, and their weighted sum."""

    semantic: Tensor
    dice: Tensor
    distance: Tensor
    cell_class: Tensor
    total: Tensor


def partial_cross_entropy(logits: Tensor, allowed: Tensor) -> Tensor:
    """Cross-entropy of the set of classes that each pixel may have.

    Parameters
    ----------
    logits : Tensor of shape (B, 3, H, W)
        Background, cytoplasm, nucleus.
    allowed : Tensor of shape (B, H, W) and dtype uint8
        Bits of the possible classes.

    Returns
    -------
    loss : Tensor of shape ()
        Mean of -log of the total probability of the possible classes, over
        the pixels where not everything is possible; zero if there is none.
    """
    log_p = functional.log_softmax(logits.float(), dim=1)
    bits = torch.tensor(SEMANTIC_BITS, device=allowed.device, dtype=allowed.dtype)
    possible = (allowed[:, None] & bits[:, None, None]) > 0  # (B, 3, H, W)
    loss = -torch.logsumexp(log_p.masked_fill(~possible, -torch.inf), dim=1)
    informative = allowed != ANYTHING
    loss = torch.where(informative, loss, 0.0)
    return loss.sum() / informative.sum().clamp(min=1)


def soft_dice(probability: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """1 - Dice over the whole batch, on known pixels only."""
    probability, target = probability * known, target * known
    overlap = 2 * (probability * target).sum()
    return 1 - (overlap + 1) / (probability.sum() + target.sum() + 1)


def partial_dice_loss(logits: Tensor, allowed: Tensor) -> Tensor:
    """Mean soft Dice loss of cell and of nucleus, where each is known.

    Parameters
    ----------
    logits, allowed : Tensor
        As for `partial_cross_entropy`.
    """
    p = logits.float().softmax(dim=1)
    is_cell = (allowed & IS_CELL > 0) & (allowed & IS_BACKGROUND == 0)
    cell_known = is_cell | (allowed == IS_BACKGROUND)
    is_nucleus = allowed == IS_NUCLEUS
    nucleus_known = is_nucleus | (allowed & ~NOT_NUCLEUS == 0)
    cell = soft_dice(1 - p[:, BACKGROUND], is_cell.float(), cell_known)
    nucleus = soft_dice(p[:, NUCLEUS], is_nucleus.float(), nucleus_known)
    return (cell + nucleus) / 2


def distance_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Squared error of the normalized distance, cells and ground weighted alike.

    Parameters
    ----------
    logits : Tensor of shape (B, 1, H, W)
        Before the sigmoid.
    target : Tensor of shape (B, H, W)
        0 to 1; NaN where unknown.
    """
    known = torch.isfinite(target)
    target = torch.where(known, target, 0.0)
    error = (logits[:, 0].float().sigmoid() - target) ** 2
    in_cell, in_ground = known & (target > 0), known & (target == 0)
    cell = (error * in_cell).sum() / in_cell.sum().clamp(min=1)
    ground = (error * in_ground).sum() / in_ground.sum().clamp(min=1)
    return cell + ground


def pool_evidence(evidence: Tensor, instances: Tensor, n_instances: int) -> Tensor:
    """Average class logits over each instance.

    Parameters
    ----------
    evidence : Tensor of shape (B, K, h, w)
        Class logits at a stride of the labels.
    instances : Tensor of shape (B, H, W) and integer dtype
        0 to `n_instances`; 0 is pooled too, as row 0.

    Returns
    -------
    pooled : Tensor of shape (B, n_instances + 1, K)
        Zero where an instance has no pixel.
    """
    batch, n_classes, height, width = evidence.shape
    stride = instances.shape[-1] // width
    near = instances[:, stride // 2 :: stride, stride // 2 :: stride]
    near = near.reshape(batch, 1, height * width).expand(-1, n_classes, -1)
    values = evidence.float().reshape(batch, n_classes, height * width)
    sums = values.new_zeros(batch, n_classes, n_instances + 1)
    counts = torch.zeros_like(sums)
    sums = sums.scatter_add(2, near, values)
    counts = counts.scatter_add(2, near, torch.ones_like(values))
    return (sums / counts.clamp(min=1)).transpose(1, 2)


def class_loss(
    evidence: Tensor, instances: Tensor, classes: Tensor, label_smoothing: float
) -> Tensor:
    """Cross-entropy of the pooled evidence of each cell with a known class.

    Parameters
    ----------
    evidence : Tensor of shape (B, K, h, w)
        Class logits.
    instances : Tensor of shape (B, H, W)
        1 to N for cells with a known class.
    classes : Tensor of shape (B, N)
        Class index of each, -1 where unused.
    """
    pooled = pool_evidence(evidence, instances, classes.shape[1])[:, 1:]  # (B, N, K)
    known = classes >= 0
    if not known.any():
        return evidence.float().sum() * 0
    return functional.cross_entropy(
        pooled[known], classes[known], label_smoothing=label_smoothing
    )


def total_loss(output: NetworkOutput, crop: Crop, settings: LossSettings) -> LossTerms:
    """Weigh all terms for a batch of crops."""
    zero = output.semantic.new_zeros((), dtype=torch.float32)
    semantic = partial_cross_entropy(output.semantic, crop.allowed)
    dice = partial_dice_loss(output.semantic, crop.allowed)
    distance = cell_class = zero
    if output.distance is not None:
        distance = distance_loss(output.distance, crop.distance)
    if output.evidence is not None:
        cell_class = class_loss(
            output.evidence, crop.instances, crop.classes, settings.label_smoothing
        )
    total = (
        settings.semantic * semantic
        + settings.dice * dice
        + settings.distance * distance
        + settings.cell_class * cell_class
    )
    return LossTerms(semantic, dice, distance, cell_class, total)
