"""The classic U-Net, a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from napari_leukoseg.segment.networks.base import (
    NetworkOutput,
    SegmentationNetwork,
    require_counts,
)
from napari_leukoseg.segment.networks.blocks import (
    conv_norm_relu,
    encode,
    init_he_normal,
)
from napari_leukoseg.segment.networks.outputs import N_SEMANTIC, with_evidence

__all__ = ["UNet", "UNetSettings"]


@dataclass(frozen=True)
class UNetSettings:
    """Shape of a `UNet`.

    Parameters
    ----------
    width : int, optional
        Channels at full resolution; 64 as published. They double at each of
        five levels.
    batch_norm : bool, optional
        Whether convolutions are normalized, which the paper's are not.
    n_classes : int, optional
        Cell classes with evidence.
    """

    width: int = 64
    batch_norm: bool = False
    n_classes: int = 5

    def __post_init__(self) -> None:
        require_counts(self, "width", "n_classes")


def conv_relu(in_channels: int, channels: int, *, batch_norm: bool) -> nn.Sequential:
    """3x3 convolution and ReLU, with a normalization between or without."""
    if batch_norm:
        return conv_norm_relu(in_channels, channels, 3)
    return nn.Sequential(nn.Conv2d(in_channels, channels, 3, padding=1), nn.ReLU())


class UNet(SegmentationNetwork):
    """Five levels of two convolutions, joined by skips [1]_.

    Convolutions are padded, so that no border is lost. With the published
    width and without normalization it has 31,032,200 weights.

    Parameters
    ----------
    settings : UNetSettings
        Width and normalization.

    References
    ----------
    .. [1] O. Ronneberger et al., "U-Net: convolutional networks for biomedical
       image segmentation", MICCAI 2015.
    """

    stride = 16

    def __init__(self, settings: UNetSettings) -> None:
        super().__init__()
        self.bytes_per_pixel = 150 + 22 * settings.width
        widths = [settings.width * factor for factor in (1, 2, 4, 8, 16)]

        def block(in_channels: int, channels: int) -> nn.Sequential:
            return nn.Sequential(
                conv_relu(in_channels, channels, batch_norm=settings.batch_norm),
                conv_relu(channels, channels, batch_norm=settings.batch_norm),
            )

        levels = list(pairwise(widths))
        self.encoder = nn.ModuleList(
            block(above, below) for above, below in pairwise((3, *widths))
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(below, above, 2, stride=2)
            for above, below in reversed(levels)
        )
        self.decoder = nn.ModuleList(
            block(2 * above, above) for above, _ in reversed(levels)
        )
        self.head = nn.Conv2d(widths[0], N_SEMANTIC + settings.n_classes, 1)
        init_he_normal(self)

    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch (B, 3, H, W) of RGB; evidence is at full resolution."""
        *skips, hidden = encode(self.encoder, image)
        for up, block in zip(self.up, self.decoder, strict=True):
            hidden = block(torch.cat([up(hidden), skips.pop()], dim=1))
        return with_evidence(self.head(hidden), image.shape[-2:])
