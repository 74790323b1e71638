"""DeepLabV3+ with a ResNet50, a baseline."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_leukoseg.segment.networks.atrous import AtrousPyramid
from napari_leukoseg.segment.networks.base import (
    NetworkOutput,
    SegmentationNetwork,
    require_counts,
)
from napari_leukoseg.segment.networks.blocks import conv_norm_relu
from napari_leukoseg.segment.networks.outputs import (
    N_SEMANTIC,
    upsample,
    with_evidence,
)
from napari_leukoseg.segment.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD
from napari_leukoseg.segment.networks.resnet import ResNet50Encoder

__all__ = ["DeepLabV3Plus", "DeepLabV3PlusSettings"]

RATES = (6, 12, 18)
"""Dilations at an output stride of 16."""

SHALLOW_SHARE = 3 / 16
"""Channels of the reduced shallow features over those of the head: 48 of 256."""


@dataclass(frozen=True)
class DeepLabV3PlusSettings:
    """Shape of a `DeepLabV3Plus`.

    Parameters
    ----------
    width : int, optional
        Channels of the encoder's stem; 64 as published.
    head_channels : int, optional
        Channels of the atrous pyramid and the decoder; 256 as published.
    n_classes : int, optional
        Cell classes with evidence.
    """

    width: int = 64
    head_channels: int = 256
    n_classes: int = 5

    def __post_init__(self) -> None:
        require_counts(self, "width", "head_channels", "n_classes")


class DeepLabV3Plus(SegmentationNetwork):
    """Atrous pyramid at stride 16, refined with features of stride 4 [1]_.

    With the published width it has 40,348,840 weights.

    Parameters
    ----------
    settings : DeepLabV3PlusSettings
        Widths.

    References
    ----------
    .. [1] L.-C. Chen et al., "Encoder-decoder with atrous separable convolution
       for semantic image segmentation", ECCV 2018.
    """

    stride = 16
    image_mean = IMAGENET_MEAN
    image_std = IMAGENET_STD

    def __init__(self, settings: DeepLabV3PlusSettings) -> None:
        super().__init__()
        self.bytes_per_pixel = 300 + 5 * settings.width
        channels = settings.head_channels
        n_shallow = max(1, round(SHALLOW_SHARE * channels))
        self.encoder = ResNet50Encoder(settings.width, output_stride=16)
        _, shallow, *_, deep = self.encoder.channels
        self.pyramid = AtrousPyramid(deep, channels, RATES)
        self.reduce = conv_norm_relu(shallow, n_shallow, 1)
        self.decoder = nn.Sequential(
            *conv_norm_relu(channels + n_shallow, channels, 3),
            *conv_norm_relu(channels, channels, 3),
            nn.Conv2d(channels, N_SEMANTIC + settings.n_classes, 1),
        )

    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch (B, 3, H, W) of RGB; evidence is at stride 4."""
        _, shallow, *_, deep = self.encoder(image)
        context = upsample(self.pyramid(deep), shallow.shape[-2:])
        maps = self.decoder(torch.cat([context, self.reduce(shallow)], dim=1))
        return with_evidence(maps, image.shape[-2:])
