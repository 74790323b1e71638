"""FlexUNet: a deep U-Net whose kernels shrink from level to level."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.networks.base import (
    NetworkOutput,
    SegmentationNetwork,
    require_counts,
)
from napari_leukoseg.segment.networks.blocks import encode, init_he_normal
from napari_leukoseg.segment.networks.outputs import from_pixel_classes

__all__ = ["FlexUNet", "FlexUNetSettings"]

SMALLEST_KERNEL, SMALLEST_DILATION = 3, 1


@dataclass(frozen=True)
class FlexUNetSettings:
    """Shape of a `FlexUNet`.

    Parameters
    ----------
    base_filters : int, optional
        Channels at full resolution; they double at each level.
    base_kernel : int, optional
        Odd side of the kernels at full resolution; 2 less at each level, and
        at least 3.
    base_dilation : int, optional
        Their dilation at full resolution; 1 less at each level, and at least 1.
    n_levels : int, optional
        Resolutions, the bridge included.
    dropout_step : float, optional
        Share of values dropped at level i, divided by i.
    n_classes : int, optional
        Cell classes; the network has one output more, for the background.
    """

    base_filters: int = 16
    base_kernel: int = 9
    base_dilation: int = 1
    n_levels: int = 8
    dropout_step: float = 0.05
    n_classes: int = 5

    def __post_init__(self) -> None:
        require_counts(
            self,
            "base_filters",
            "base_kernel",
            "base_dilation",
            "n_levels",
            "n_classes",
        )
        if self.base_kernel < SMALLEST_KERNEL or self.base_kernel % 2 == 0:
            raise SettingsError(
                f"base_kernel is {self.base_kernel}; give an odd number of 3 or more."
            )
        if not 0 <= self.dropout_step * (self.n_levels - 1) < 1:
            raise SettingsError(
                f"dropout_step is {self.dropout_step}; give 0 or more, and less than "
                f"{1 / (self.n_levels - 1):.2g} for {self.n_levels} levels."
            )


class FlexBlock(nn.Sequential):
    """Two convolutions with ReLU, and dropout between them."""

    def __init__(self, in_channels: int, level: int, settings: FlexUNetSettings):
        channels = settings.base_filters * 2**level
        kernel = max(SMALLEST_KERNEL, settings.base_kernel - 2 * level)
        dilation = max(SMALLEST_DILATION, settings.base_dilation - level)
        padding = dilation * (kernel // 2)
        super().__init__(
            nn.Conv2d(in_channels, channels, kernel, 1, padding, dilation),
            nn.ReLU(),
            nn.Dropout(settings.dropout_step * level),
            nn.Conv2d(channels, channels, kernel, 1, padding, dilation),
            nn.ReLU(),
        )


class FlexUNet(SegmentationNetwork):
    """U-Net of eight levels without normalization, six classes of pixels.

    The classes are background and five types of white cell, drawn whole. As
    published, it has 124,996,934 weights and takes RGB from 0 to 255. Its
    authors' option to divide by 255 is a card with a standard deviation of 1.

    Parameters
    ----------
    settings : FlexUNetSettings
        Rules for channels, kernels and dilations.
    """

    has_nucleus = False
    image_mean = (0.0, 0.0, 0.0)
    image_std = (1 / 255, 1 / 255, 1 / 255)

    def __init__(self, settings: FlexUNetSettings) -> None:
        super().__init__()
        levels = range(settings.n_levels)
        widths = [settings.base_filters * 2**level for level in levels]
        self.stride = 2 ** (settings.n_levels - 1)
        self.bytes_per_pixel = 100 + 40 * settings.base_filters
        self.encoder = nn.ModuleList(
            FlexBlock(widths[level - 1] if level else 3, level, settings)
            for level in levels
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(widths[level + 1], widths[level], 2, stride=2)
            for level in reversed(levels[:-1])
        )
        self.decoder = nn.ModuleList(
            FlexBlock(2 * widths[level], level, settings)
            for level in reversed(levels[:-1])
        )
        self.head = nn.Conv2d(widths[0], 1 + settings.n_classes, 1)
        init_he_normal(self)

    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch (B, 3, H, W) of RGB."""
        *skips, hidden = encode(self.encoder, image)
        for up, block in zip(self.up, self.decoder, strict=True):
            hidden = block(torch.cat([up(hidden), skips.pop()], dim=1))
        return from_pixel_classes(self.head(hidden))
