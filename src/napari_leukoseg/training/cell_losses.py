"""Loss of class evidence, pooled over cells, and what balances the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_leukoseg.training.crop_settings import CropSettings
    from napari_leukoseg.training.sample import Sample

__all__ = ["ClassBalance", "class_loss", "class_weights", "pool_evidence"]

ClassBalance = Literal["none", "inverse-square-root", "effective-number"]
"""How classes of few cells are made to count more."""

EFFECTIVE_BETA = 0.999
"""Beta of the effective number of cells, (1 - beta^n) / (1 - beta); Cui et al. find
0.999 best for sets of some hundred to a thousand examples a class."""


def pool_evidence(evidence: Tensor, instances: Tensor, n_instances: int) -> Tensor:
    """Average class logits over each instance.

    Parameters
    ----------
    evidence : Tensor of shape (B, K, h, w)
        Class logits at a stride of the labels.
    instances : Tensor of shape (B, H, W) and integer dtype
        0 to `n_instances`; 0 is pooled too, as row 0.
    n_instances : int
        Largest number of instances.

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
    evidence: Tensor,
    instances: Tensor,
    classes: Tensor,
    label_smoothing: float,
    weights: Tensor | None = None,
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
    label_smoothing : float
        Share of the target that is spread over all classes.
    weights : Tensor of shape (K,), optional
        How much a cell of each class counts, as `class_weights` gives it.
    """
    pooled = pool_evidence(evidence, instances, classes.shape[1])[:, 1:]  # (B, N, K)
    known = classes >= 0
    if not known.any():
        return evidence.float().sum() * 0
    return functional.cross_entropy(
        pooled[known], classes[known], weights, label_smoothing=label_smoothing
    )


def class_weights(
    samples: Iterable[Sample], balance: ClassBalance, crops: CropSettings
) -> Tensor | None:
    """Weigh classes by how many cells of them there are to learn from.

    Parameters
    ----------
    samples : iterable of Sample
        Training pictures.
    balance : {'none', 'inverse-square-root', 'effective-number'}
        Inverse of the square root of the number of cells, or of their
        effective number [1]_.
    crops : CropSettings
        Which classes are taught.

    Returns
    -------
    weights : Tensor of shape (K,) and dtype float32, or None
        One on average over the classes that occur, zero for the others; none
        where classes are not balanced or nothing has a class.

    References
    ----------
    .. [1] Y. Cui et al., "Class-balanced loss based on effective number of
       samples", CVPR 2019.
    """
    index, counts = crops.class_index, torch.zeros(len(crops.class_ids))
    for sample in samples:
        for class_id in sample.cell_classes.values():
            if class_id in index:
                counts[index[class_id]] += 1
    if balance == "none" or not counts.any():
        return None
    rarity = counts**-0.5
    if balance == "effective-number":
        rarity = (1 - EFFECTIVE_BETA) / (1 - EFFECTIVE_BETA**counts)
    weights = torch.where(counts > 0, rarity, 0.0)
    return weights * (counts > 0).sum() / weights.sum()
