"""Layers that several networks are made of, and how their weights start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["conv_norm_relu", "encode", "init_he_normal"]


def conv_norm_relu(
    in_channels: int, out_channels: int, kernel: int, dilation: int = 1
) -> nn.Sequential:
    """Convolution without bias, batch normalization, ReLU; keeps H x W."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            padding=padding,
            dilation=dilation,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


def encode(blocks: Iterable[nn.Module], image: Tensor) -> list[Tensor]:
    """Give the features of each block, between which the sides are halved.

    Parameters
    ----------
    blocks : iterable of Module
        From fine to coarse.
    image : Tensor of shape (B, C, H, W)
        Input of the first.

    Returns
    -------
    features : list of Tensor of shape (B, C', H / 2**i, W / 2**i)
        One for each block.
    """
    features: list[Tensor] = []
    for block in blocks:
        above = functional.max_pool2d(features[-1], 2) if features else image
        features.append(block(above))
    return features


def init_he_normal(network: nn.Module) -> None:
    """Draw convolutions so that ReLU keeps the variance; biases become zero.

    References
    ----------
    .. [1] K. He et al., "Delving deep into rectifiers", ICCV 2015.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
