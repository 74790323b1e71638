"""What colorizing networks have in common, and how their colors are painted."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MAX_CHROMA", "ColorizerNetwork", "light_to_darkness", "paint"]

MAX_CHROMA = 128.0
"""a* and b* are predicted as shares of this."""

FAINT = 0.15
"""Darkness at which half of a color shows; nuclei have 1, empty glass 0."""


class ColorizerNetwork(nn.Module):
    """Predicts the colors of a smear from how dark it is.

    Darkness is 0 on the ground, 1 in a typical nucleus of the same smear, and
    linear in L*; so it depends neither on the lamp nor on how deeply a
    laboratory stains.

    Attributes
    ----------
    stride : int
        Rows and columns of the input are multiples of it.
    context_px : int
        How far around a pixel its result depends on others.
    grid_px : int
        Regions of a picture agree that begin at multiples of it.
    n_terms : int
        Terms of each color; see `paint`.
    """

    stride: int
    context_px: int
    grid_px: int
    n_terms: int

    @abstractmethod
    def forward(self, darkness: Tensor) -> Tensor:
        """Predict terms of color.

        Parameters
        ----------
        darkness : Tensor of shape (B, 1, H, W)
            0 or more.

        Returns
        -------
        terms : Tensor of shape (B, 2 * n_terms, H / s, W / s)
            -1 to 1: those of a*, then those of b*.
        """


def light_to_darkness(light: Tensor, nuclear: float) -> Tensor:
    """Return darkness from L* relative to the ground, 100 being as bright.

    Parameters
    ----------
    light : Tensor
        L*, 0 to 100 or more.
    nuclear : float
        How much darker nuclei are, as a share of the ground's L*.
    """
    return (1.0 - light / 100.0).clip(min=0.0) / nuclear


def paint(darkness: Tensor, terms: Tensor) -> Tensor:
    """Return a* and b* relative to the ground.

    Each is a polynomial of darkness whose coefficients are the terms, times a
    factor that is 0 on the ground: what absorbs no light has no color. Terms may
    be coarser than the picture, and its edges are sharp all the same.

    Parameters
    ----------
    darkness : Tensor of shape (B, 1, H, W)
        Of the picture.
    terms : Tensor of shape (B, 2 * n_terms, h, w)
        From the network, of the whole picture too.

    Returns
    -------
    chroma : Tensor of shape (B, 2, H, W)
        In units of CIELAB.
    """
    shape = darkness.shape[-2:]
    if terms.shape[-2:] != shape:
        terms = functional.interpolate(
            terms, size=shape, mode="bilinear", align_corners=False
        )
    red, blue = terms.chunk(2, dim=1)
    powers = torch.cat([darkness**k for k in range(red.shape[1])], dim=1)
    shown = MAX_CHROMA * darkness / (darkness + FAINT)
    channels = [(part * powers).sum(dim=1, keepdim=True) for part in (red, blue)]
    return shown * torch.cat(channels, dim=1)
