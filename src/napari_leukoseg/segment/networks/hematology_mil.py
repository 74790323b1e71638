"""DeepLabV3 with a ResNet50, the segmenter of Hematology-MIL."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_leukoseg.segment.networks.atrous import AtrousPyramid
from napari_leukoseg.segment.networks.base import (
    NEVER,
    NetworkOutput,
    SegmentationNetwork,
    require_counts,
)
from napari_leukoseg.segment.networks.blocks import conv_norm_relu
from napari_leukoseg.segment.networks.outputs import upsample
from napari_leukoseg.segment.networks.resnet import ResNet50Encoder

__all__ = ["HematologyMilNet", "HematologyMilSettings"]

RATES = (12, 24, 36)
"""Dilations at an output stride of 8."""

AUXILIARY_DROPOUT = 0.1


@dataclass(frozen=True)
class HematologyMilSettings:
    """Shape of a `HematologyMilNet`.

    Parameters
    ----------
    width : int, optional
        Channels of the encoder's stem; 64 as published.
    head_channels : int, optional
        Channels of the atrous pyramid.
    auxiliary : bool, optional
        Whether the published auxiliary head is there, as its weights need.
    """

    width: int = 64
    head_channels: int = 256
    auxiliary: bool = True

    def __post_init__(self) -> None:
        require_counts(self, "width", "head_channels")


class HematologyMilNet(SegmentationNetwork):
    """DeepLabV3 [1]_ with one logit, of a whole white cell.

    The state dict has the names of torchvision's ``deeplabv3_resnet50``. The
    auxiliary head is kept for them; no loss uses it, so it is frozen and not
    run. With it there are 41,993,794 weights.

    Parameters
    ----------
    settings : HematologyMilSettings
        Width.

    References
    ----------
    .. [1] L.-C. Chen et al., "Rethinking atrous convolution for semantic image
       segmentation", arXiv:1706.05587, 2017.
    """

    stride = 8
    has_nucleus = False
    image_mean = (0.0, 0.0, 0.0)
    image_std = (1.0, 1.0, 1.0)

    def __init__(self, settings: HematologyMilSettings) -> None:
        super().__init__()
        self.bytes_per_pixel = 300 + 8 * settings.width
        channels = settings.head_channels
        self.backbone = ResNet50Encoder(settings.width, output_stride=8)
        *_, shallow, deep = self.backbone.channels
        self.classifier = nn.Sequential(
            AtrousPyramid(deep, channels, RATES),
            *conv_norm_relu(channels, channels, 3),
            nn.Conv2d(channels, 1, 1),
        )
        if settings.auxiliary:
            hidden = shallow // 4
            self.aux_classifier = nn.Sequential(
                *conv_norm_relu(shallow, hidden, 3),
                nn.Dropout(AUXILIARY_DROPOUT),
                nn.Conv2d(hidden, 1, 1),
            ).requires_grad_(False)

    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch (B, 3, H, W) of RGB in 0 to 1."""
        *_, deep = self.backbone(image)
        cell = upsample(self.classifier(deep).float(), image.shape[-2:])
        ground = torch.zeros_like(cell)
        never = torch.full_like(cell, NEVER)
        return NetworkOutput(torch.cat([ground, cell, never], dim=1), None, None)
