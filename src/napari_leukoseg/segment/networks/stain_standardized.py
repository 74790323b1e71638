"""Multi-encoder network of the stain-standardized framework."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.networks.base import (
    NetworkOutput,
    SegmentationNetwork,
    require_counts,
)
from napari_leukoseg.segment.networks.color_channels import (
    NUCLEUS_CHANNELS,
    NUCLEUS_GUIDES,
    WBC_CHANNELS,
    WBC_GUIDES,
    color_channels,
    guidance_masks,
    stack_channels,
)

__all__ = ["StainStandardizedNet", "StainStandardizedSettings"]

NORM_MOMENTUM, NORM_EPS = 0.01, 1e-3
"""Defaults of Keras, in which the framework was trained."""


@dataclass(frozen=True)
class StainStandardizedSettings:
    """Shape of a `StainStandardizedNet`.

    Parameters
    ----------
    width : int, optional
        Channels at full resolution; 64 as published.
    dropout : float, optional
        Share of feature channels dropped after each stage.
    """

    width: int = 64
    dropout: float = 0.2

    def __post_init__(self) -> None:
        require_counts(self, "width")
        if not 0 <= self.dropout < 1:
            raise SettingsError(f"dropout is {self.dropout}; give 0 or more, below 1.")


def normalize(channels: int) -> nn.BatchNorm2d:
    """Batch normalization with the momentum and eps of Keras."""
    return nn.BatchNorm2d(channels, eps=NORM_EPS, momentum=NORM_MOMENTUM)


class ConvStack(nn.Sequential):
    """Some 3x3 convolutions, each normalized and followed by ReLU."""

    def __init__(self, in_channels: int, channels: int, depth: int = 3) -> None:
        layers: list[nn.Module] = []
        for index in range(depth):
            above = channels if index else in_channels
            conv = nn.Conv2d(above, channels, 3, padding=1, bias=False)
            nn.init.xavier_normal_(conv.weight)
            layers += [conv, normalize(channels), nn.ReLU()]
        super().__init__(*layers)


class GuidedBlock(nn.Module):
    """Residual block that takes in features and their guidance mask."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels + 1, channels, 3, padding=1),
            normalize(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            normalize(channels),
        )
        self.shortcut = nn.Sequential(
            nn.Conv2d(in_channels + 1, channels, 1), normalize(channels)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Map (B, C, H, W) and (B, 1, H, W) to (B, C', H, W)."""
        joined = torch.cat([features, mask.to(features)], dim=1)
        return functional.relu(self.body(joined) + self.shortcut(joined))


class Encoder(nn.Module):
    """Four stages of three convolutions; the first three may be guided."""

    def __init__(
        self, in_channels: int, widths: tuple[int, ...], dropout: float, *, guided: bool
    ) -> None:
        super().__init__()
        above = (in_channels, *widths[:-1])
        self.stages = nn.ModuleList(map(ConvStack, above, widths))
        self.guides = nn.ModuleList(
            map(GuidedBlock, above[:-1], widths[:-1]) if guided else ()
        )
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, features: Tensor, masks: list[Tensor]) -> list[Tensor]:
        """Give the features of each stage before its pooling, and the last pooled.

        The masks are at full resolution, one for each guided stage.
        """
        skips = []
        for index, stage in enumerate(self.stages):
            skips.append(stage(features))
            pooled = functional.max_pool2d(skips[-1], 2)
            if index < len(self.stages) - 1:
                pooled = self.dropout(pooled)
            if index < len(self.guides):
                mask = functional.max_pool2d(masks[index], 2**index)
                guide = self.guides[index](features, mask)
                pooled = pooled + functional.max_pool2d(guide, 2)
            features = pooled
        return [*skips, features]


class StainStandardizedNet(SegmentationNetwork):
    """Three encoders of different color channels and one decoder.

    The encoder of the nucleus sees magenta, L (CIELAB), a*, hue, saturation and
    L (CIELUV), that of the white cell cyan, yellow, b*, hue, saturation and v*,
    the third RGB. They are computed here from RGB in 0 to 1; L is divided by
    100, and a*, b* and v* by 128, so that all are of about the same size. Masks
    of thresholds, found for each picture, guide the first three stages of the
    former two; no gradient passes through them. With the published width, it
    has 71,433,219 weights, with the running statistics of its normalization.

    Parameters
    ----------
    settings : StainStandardizedSettings
        Width.
    """

    stride = 16
    image_mean = (0.0, 0.0, 0.0)
    image_std = (1.0, 1.0, 1.0)

    def __init__(self, settings: StainStandardizedSettings) -> None:
        super().__init__()
        self.bytes_per_pixel = 150 + 60 * settings.width
        widths = tuple(settings.width * factor for factor in (1, 2, 4, 8))
        bridge = 16 * settings.width
        self.rgb = Encoder(3, widths, settings.dropout, guided=False)
        self.nucleus = Encoder(
            len(NUCLEUS_CHANNELS), widths, settings.dropout, guided=True
        )
        self.wbc = Encoder(len(WBC_CHANNELS), widths, settings.dropout, guided=True)
        self.bridge = ConvStack(3 * widths[-1], bridge, depth=2)
        below = (bridge, *reversed(widths[1:]))
        self.decoder = nn.ModuleList(
            ConvStack(deep + 3 * width, width)
            for deep, width in zip(below, reversed(widths), strict=True)
        )
        self.dropout = nn.Dropout2d(settings.dropout)
        self.head = nn.Conv2d(settings.width, 3, 1)

    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch (B, 3, H, W) of RGB in 0 to 1."""
        channels = color_channels(image)
        nucleus = stack_channels(channels, NUCLEUS_CHANNELS)
        wbc = stack_channels(channels, WBC_CHANNELS)
        encoded = (
            self.rgb(image, []),
            self.nucleus(nucleus, guidance_masks(channels, NUCLEUS_GUIDES)),
            self.wbc(wbc, guidance_masks(channels, WBC_GUIDES)),
        )
        *skips, deep = (torch.cat(level, dim=1) for level in zip(*encoded, strict=True))
        hidden = self.bridge(deep)
        for block in self.decoder:
            up = functional.interpolate(hidden, scale_factor=2, mode="nearest")
            hidden = self.dropout(block(torch.cat([up, skips.pop()], dim=1)))
        return NetworkOutput(self.head(hidden), None, None)
