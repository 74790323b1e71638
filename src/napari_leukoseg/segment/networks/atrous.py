"""Atrous spatial pyramid pooling, named as in the published weights of DeepLabV3."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_leukoseg.segment.networks.blocks import conv_norm_relu
from napari_leukoseg.segment.networks.outputs import upsample

__all__ = ["AtrousPyramid"]

PUBLISHED_DROPOUT = 0.5


class PooledContext(nn.Sequential):
    """The mean of all pixels, projected and spread over the map."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(1), *conv_norm_relu(in_channels, channels, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H, W)."""
        hidden = features
        for layer in self:
            hidden = layer(hidden)
        return upsample(hidden, features.shape[-2:])


class AtrousPyramid(nn.Module):
    """A 1x1 and three dilated 3x3 convolutions and the mean, side by side [1]_.

    Parameters
    ----------
    in_channels, channels : int
        Channels of the features and of each branch.
    rates : tuple of int
        Dilations.

    References
    ----------
    .. [1] L.-C. Chen et al., "Rethinking atrous convolution for semantic image
       segmentation", arXiv:1706.05587, 2017.
    """

    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                conv_norm_relu(in_channels, channels, 1),
                *(conv_norm_relu(in_channels, channels, 3, rate) for rate in rates),
                PooledContext(in_channels, channels),
            ]
        )
        self.project = nn.Sequential(
            *conv_norm_relu(len(self.convs) * channels, channels, 1),
            nn.Dropout(PUBLISHED_DROPOUT),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H, W)."""
        out: Tensor = self.project(
            torch.cat([branch(features) for branch in self.convs], dim=1)
        )
        return out
