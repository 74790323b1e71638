"""Losses of predicted maps, on pixels of which only some classes are ruled out."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_leukoseg.segment.networks.base import BACKGROUND, NUCLEUS
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
)

__all__ = [
    "binary_loss",
    "cell_logit",
    "cell_target",
    "cross_entropy_of_sets",
    "dice_of_sets",
    "distance_loss",
    "distance_mse",
    "focal_of_sets",
    "nucleus_logit",
    "nucleus_target",
    "partial_cross_entropy",
    "partial_dice_loss",
    "possible_parts",
    "possible_types",
    "soft_dice",
]

PART_BITS = (IS_BACKGROUND, IS_CYTOPLASM, IS_NUCLEUS)
"""Bit of each channel of `NetworkOutput.semantic`."""


def possible_parts(allowed: Tensor) -> Tensor:
    """Tell which of background, cytoplasm and nucleus each pixel may be.

    Parameters
    ----------
    allowed : Tensor of shape (B, H, W) and dtype uint8
        Bits of the possible parts.

    Returns
    -------
    possible : Tensor of shape (B, 3, H, W) and dtype bool
    """
    bits = torch.tensor(PART_BITS, device=allowed.device, dtype=allowed.dtype)
    return (allowed[:, None] & bits[:, None, None]) > 0


def possible_types(
    allowed: Tensor, instances: Tensor, classes: Tensor, n_classes: int
) -> Tensor:
    """Tell whether each pixel may be background, and which type of cell.

    A pixel of a cell without a known class may be of any type.

    Parameters
    ----------
    allowed : Tensor of shape (B, H, W) and dtype uint8
        Bits of the possible parts.
    instances : Tensor of shape (B, H, W) and dtype int64
        Index into `classes` plus one, 0 where there is no cell of known class.
    classes : Tensor of shape (B, N) and dtype int64
        Class index of each such cell, -1 where unused.
    n_classes : int
        Number of cell types.

    Returns
    -------
    possible : Tensor of shape (B, 1 + n_classes, H, W) and dtype bool
    """
    of_instance = functional.pad(classes, (1, 0), value=-1)  # (B, N + 1)
    known = of_instance.gather(1, instances.flatten(1)).reshape(instances.shape)
    types = torch.arange(n_classes, device=allowed.device)[:, None, None]
    fits = (known[:, None] < 0) | (known[:, None] == types)
    is_cell = (allowed & IS_CELL > 0)[:, None]
    is_ground = (allowed & IS_BACKGROUND > 0)[:, None]
    possible = torch.cat([is_ground, is_cell & fits], dim=1)  # (B, 1 + K, H, W)
    return possible | (allowed == ANYTHING)[:, None]


def log_probability(logits: Tensor, possible: Tensor) -> Tensor:
    """Log of the total probability of the possible classes, (B, H, W)."""
    log_p = functional.log_softmax(logits.float(), dim=1)
    return torch.logsumexp(log_p.masked_fill(~possible, -torch.inf), dim=1)


def mean_where(known: Tensor, loss: Tensor) -> Tensor:
    """Mean over the known pixels, zero if there is none."""
    return torch.where(known, loss, 0.0).sum() / known.sum().clamp(min=1)


def cross_entropy_of_sets(logits: Tensor, possible: Tensor) -> Tensor:
    """Cross-entropy of the set of classes that each pixel may have.

    Where one class is possible, this is the usual cross-entropy.

    Parameters
    ----------
    logits : Tensor of shape (B, C, H, W)
        One channel a class.
    possible : Tensor of shape (B, C, H, W) and dtype bool
        Classes that each pixel may have, one at least.

    Returns
    -------
    loss : Tensor of shape ()
        Mean of -log of the total probability of the possible classes, over
        the pixels where not everything is possible; zero if there is none.
    """
    return mean_where(~possible.all(dim=1), -log_probability(logits, possible))


def focal_of_sets(logits: Tensor, possible: Tensor, gamma: float) -> Tensor:
    """Focal loss of the set of classes that each pixel may have.

    Parameters
    ----------
    logits, possible : Tensor
        As for `cross_entropy_of_sets`.
    gamma : float
        How much sure pixels count less, 1 or more; 0 is the cross-entropy.

    Returns
    -------
    loss : Tensor of shape ()
        Mean of -(1 - p)^gamma log p, where p is the total probability of the
        possible classes, over the pixels where not everything is possible.

    References
    ----------
    .. [1] T.-Y. Lin et al., "Focal loss for dense object detection",
       ICCV 2017.
    """
    log_p = log_probability(logits, possible)
    doubt = (1 - log_p.exp()).clamp(min=0)  # rounding may exceed a probability of 1
    return mean_where(~possible.all(dim=1), -(doubt**gamma) * log_p)


def dice_of_sets(logits: Tensor, possible: Tensor, smoothing: float) -> Tensor:
    """Soft Dice loss, averaged over classes, of each on the pixels it is known for.

    A class is known where it is the only possible one, and where it is not
    possible.

    Parameters
    ----------
    logits, possible : Tensor
        As for `cross_entropy_of_sets`.
    smoothing : float
        Added to numerator and denominator; a class that nothing is known of
        costs nothing.

    Returns
    -------
    loss : Tensor of shape ()
        Mean over the classes of 1 - 2TP / (2TP + FP + FN), each count taken
        over the whole batch.
    """
    p = logits.float().softmax(dim=1)
    target = possible & (possible.sum(dim=1, keepdim=True) == 1)
    known = target | ~possible
    pixels = (0, 2, 3)
    overlap = 2 * (p * target).sum(pixels)
    total = (p * known).sum(pixels) + target.sum(pixels)
    return 1 - ((overlap + smoothing) / (total + smoothing)).mean()


def cell_target(allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Where a cell surely is, and where that is known, each of shape (B, H, W)."""
    is_cell = (allowed & IS_CELL > 0) & (allowed & IS_BACKGROUND == 0)
    return is_cell, is_cell | (allowed == IS_BACKGROUND)


def nucleus_target(allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Where a nucleus surely is, and where that is known, each of shape (B, H, W)."""
    is_nucleus = allowed == IS_NUCLEUS
    return is_nucleus, is_nucleus | (allowed & IS_NUCLEUS == 0)


def cell_logit(semantic: Tensor) -> Tensor:
    """Logit of cell against background, (B, H, W), from the three parts."""
    semantic = semantic.float()
    return semantic[:, 1:].logsumexp(dim=1) - semantic[:, BACKGROUND]


def nucleus_logit(semantic: Tensor) -> Tensor:
    """Logit of nucleus against all else, (B, H, W), from the three parts."""
    semantic = semantic.float()
    return semantic[:, NUCLEUS] - semantic[:, :NUCLEUS].logsumexp(dim=1)


def binary_loss(logit: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy over the known pixels, zero if there is none.

    Parameters
    ----------
    logit : Tensor of shape (B, H, W)
        Before the sigmoid.
    target, known : Tensor of shape (B, H, W) and dtype bool
        Such as `cell_target` gives.
    """
    loss = functional.binary_cross_entropy_with_logits(
        logit, target.float(), reduction="none"
    )
    return mean_where(known, loss)


def soft_dice(probability: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """1 - Dice over the whole batch, on known pixels only, smoothed by one pixel."""
    probability, target = probability * known, target * known
    overlap = 2 * (probability * target).sum()
    return 1 - (overlap + 1) / (probability.sum() + target.sum() + 1)


def partial_cross_entropy(logits: Tensor, allowed: Tensor) -> Tensor:
    """Cross-entropy of background, cytoplasm and nucleus.

    Parameters
    ----------
    logits : Tensor of shape (B, 3, H, W)
        Background, cytoplasm, nucleus.
    allowed : Tensor of shape (B, H, W) and dtype uint8
        Bits of the possible parts.
    """
    return cross_entropy_of_sets(logits, possible_parts(allowed))


def partial_dice_loss(logits: Tensor, allowed: Tensor) -> Tensor:
    """Mean soft Dice loss of cell and of nucleus, where each is known.

    Parameters
    ----------
    logits, allowed : Tensor
        As for `partial_cross_entropy`.
    """
    p = logits.float().softmax(dim=1)
    is_cell, cell_known = cell_target(allowed)
    is_nucleus, nucleus_known = nucleus_target(allowed)
    cell = soft_dice(1 - p[:, BACKGROUND], is_cell.float(), cell_known)
    nucleus = soft_dice(p[:, NUCLEUS], is_nucleus.float(), nucleus_known)
    return (cell + nucleus) / 2


def squared_error(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Squared error of a distance, its target, and where that is known."""
    known = torch.isfinite(target)
    target = torch.where(known, target, 0.0)
    return (logits[:, 0].float().sigmoid() - target) ** 2, target, known


def distance_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Squared error of the normalized distance, cells and ground weighted alike.

    Parameters
    ----------
    logits : Tensor of shape (B, 1, H, W)
        Before the sigmoid.
    target : Tensor of shape (B, H, W)
        0 to 1; NaN where unknown.
    """
    error, target, known = squared_error(logits, target)
    in_cell, in_ground = known & (target > 0), known & (target == 0)
    cell = (error * in_cell).sum() / in_cell.sum().clamp(min=1)
    ground = (error * in_ground).sum() / in_ground.sum().clamp(min=1)
    return cell + ground


def distance_mse(logits: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of the normalized distance over the known pixels.

    Parameters
    ----------
    logits, target : Tensor
        As for `distance_loss`.
    """
    error, _, known = squared_error(logits, target)
    return mean_where(known, error)
