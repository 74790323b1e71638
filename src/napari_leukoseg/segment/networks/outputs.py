"""Turns the last maps of a network into the outputs that all networks give."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_leukoseg.segment.networks.base import NEVER, NetworkOutput

__all__ = ["N_SEMANTIC", "from_pixel_classes", "upsample", "with_evidence"]

N_SEMANTIC = 3
"""Background, cytoplasm, nucleus."""


def upsample(features: Tensor, size: tuple[int, ...] | torch.Size) -> Tensor:
    """Interpolate (B, C, h, w) linearly to a height and width."""
    return functional.interpolate(
        features, size=tuple(size), mode="bilinear", align_corners=False
    )


def with_evidence(maps: Tensor, size: tuple[int, ...] | torch.Size) -> NetworkOutput:
    """Take three semantic logits and class evidence from one map.

    Parameters
    ----------
    maps : Tensor of shape (B, 3 + K, h, w)
        At a stride; the semantic part is interpolated to `size`.
    size : tuple of int
        Height and width of the input.
    """
    semantic = maps[:, :N_SEMANTIC].float()
    if semantic.shape[-2:] != tuple(size):
        semantic = upsample(semantic, size)
    return NetworkOutput(semantic, None, maps[:, N_SEMANTIC:])


def from_pixel_classes(logits: Tensor) -> NetworkOutput:
    """Read background and cell classes of pixels as whole cells with evidence.

    Parameters
    ----------
    logits : Tensor of shape (B, 1 + K, H, W)
        Background, then the cell classes. The softmax probability of the
        background stays as it is, that of cytoplasm is the sum of the others.
    """
    logits = logits.float()
    background, classes = logits[:, :1], logits[:, 1:]
    cell = torch.logsumexp(classes, dim=1, keepdim=True)
    never = torch.full_like(background, NEVER)
    return NetworkOutput(torch.cat([background, cell, never], dim=1), None, classes)
