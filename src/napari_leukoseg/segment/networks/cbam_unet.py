"""U-Net with a VGG16 or ResNet50 encoder and attention on its skips."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.networks.attention import Cbam
from napari_leukoseg.segment.networks.base import (
    NetworkOutput,
    SegmentationNetwork,
    require_counts,
)
from napari_leukoseg.segment.networks.blocks import init_he_normal
from napari_leukoseg.segment.networks.outputs import from_pixel_classes
from napari_leukoseg.segment.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD
from napari_leukoseg.segment.networks.resnet import ResNet50Encoder
from napari_leukoseg.segment.networks.vgg import Vgg16Encoder

__all__ = ["CbamUNet", "CbamUNetSettings"]

ENCODERS = {"vgg16": Vgg16Encoder, "resnet50": ResNet50Encoder}


@dataclass(frozen=True)
class CbamUNetSettings:
    """Shape of a `CbamUNet`.

    Parameters
    ----------
    encoder : {'vgg16', 'resnet50'}, optional
        Convolutions of the encoder.
    width : int, optional
        Channels of its first stage; 64 as published.
    cbam : bool, optional
        Whether attention weighs the skips.
    reduction : int, optional
        Channels over hidden units in the attention.
    n_classes : int, optional
        Cell classes; the network has one output more, for the background.
    """

    encoder: str = "vgg16"
    width: int = 64
    cbam: bool = True
    reduction: int = 16
    n_classes: int = 5

    def __post_init__(self) -> None:
        require_counts(self, "width", "reduction", "n_classes")
        if self.encoder not in ENCODERS:
            raise SettingsError(
                f"encoder is {self.encoder!r}; give {' or '.join(ENCODERS)}."
            )


class DoubleConv(nn.Sequential):
    """Two 3x3 convolutions with ReLU."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
        )


class CbamUNet(SegmentationNetwork):
    """U-Net of the five stages of an encoder, six classes of pixels [1]_.

    The classes are background and five types of white cell, drawn whole. With
    VGG16 as published it has 24,891,462 weights, and 44,940 more in the four
    attention blocks. ResNet50 has no stage at full resolution; its decoder ends
    with two convolutions there, without a skip.

    Parameters
    ----------
    settings : CbamUNetSettings
        Encoder and width.

    References
    ----------
    .. [1] Improved U-Net with AHE-Retinex and CBAM, Journal of Biomedical
       Optics 28(4), 045002, 2023.
    """

    has_nucleus = False
    image_mean = IMAGENET_MEAN
    image_std = IMAGENET_STD

    def __init__(self, settings: CbamUNetSettings) -> None:
        super().__init__()
        encoder = ENCODERS[settings.encoder](settings.width)
        *skips, deepest = encoder.channels
        widths = [settings.width * factor for factor in (1, 2, 4, 8)]
        self.stride = 16 if settings.encoder == "vgg16" else 32
        self.bytes_per_pixel = 100 + 35 * settings.width
        self.attention = nn.ModuleList(
            Cbam(channels, settings.reduction) if settings.cbam else nn.Identity()
            for channels in skips
        )
        below = (*widths[1:], deepest)
        self.decoder = nn.ModuleList(
            DoubleConv(skip + deep, width)
            for skip, deep, width in reversed(
                list(zip(skips, below, widths, strict=True))
            )
        )
        self.last = (
            nn.Identity()
            if settings.encoder == "vgg16"
            else nn.Sequential(
                nn.Upsample(scale_factor=2), DoubleConv(widths[0], widths[0])
            )
        )
        self.head = nn.Conv2d(widths[0], 1 + settings.n_classes, 1)
        init_he_normal(self)
        self.encoder = encoder

    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch (B, 3, H, W) of RGB."""
        *skips, hidden = self.encoder(image)
        for block in self.decoder:
            level = len(skips) - 1
            up = functional.interpolate(hidden, scale_factor=2, mode="nearest")
            skip = self.attention[level](skips.pop())
            hidden = block(torch.cat([skip, up], dim=1))
        return from_pixel_classes(self.head(self.last(hidden)))
