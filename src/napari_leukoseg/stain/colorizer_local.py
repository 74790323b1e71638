"""Narrow colorizing network that looks at the surroundings of each pixel alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain.colorizer_base import ColorizerNetwork

__all__ = ["LocalColorizer", "LocalColorizerSettings"]

ROWS_AT_ONCE = 8
"""Rows of a coarse map for which keys and values are gathered together."""

MASKED = -1e4
"""Added to the logits of what lies outside the picture."""

MLP_RATIO = 2


@dataclass(frozen=True)
class LocalColorizerSettings:
    """Shape of a `LocalColorizer`.

    Parameters
    ----------
    channels : tuple of int, optional
        At strides 2, 4, 8, ...
    n_heads : int, optional
        Parallel attentions; the last of `channels` is a multiple of it.
    radius : int, optional
        How many pixels of the coarsest map a pixel attends to on every side.

    Raises
    ------
    SettingsError
        If a network of this shape is not possible.
    """

    channels: tuple[int, ...] = (16, 32, 64, 96)
    n_heads: int = 4
    radius: int = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        if len(self.channels) < 2 or min(*self.channels, self.n_heads, self.radius) < 1:
            raise SettingsError(
                f"Channels {self.channels}, n_heads {self.n_heads} and radius "
                f"{self.radius} make no network; give two or more counts of channels, "
                "and 1 or more of each."
            )
        if self.channels[-1] % self.n_heads:
            raise SettingsError(
                f"{self.channels[-1]} channels cannot be shared by {self.n_heads} "
                "heads; give a multiple of them."
            )


class ChannelNorm(nn.Module):
    """Layer normalization over the channels of each pixel, as tiles need it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Normalize (B, C, H, W); cheap when stored channels last."""
        normed: Tensor = self.norm(features.permute(0, 2, 3, 1))  # (B, H, W, C)
        return normed.permute(0, 3, 1, 2)  # (B, C, H, W)


class ConvStack(nn.Sequential):
    """Two 3x3 convolutions, each normalized and followed by SiLU."""

    def __init__(self, in_channels: int, channels: int) -> None:
        layers: list[nn.Module] = []
        for above in (in_channels, channels):
            layers += [
                nn.Conv2d(above, channels, 3, padding=1),
                ChannelNorm(channels),
                nn.SiLU(),
            ]
        super().__init__(*layers)


class LocalAttention(nn.Module):
    """Attention of each pixel to those around it, and a perceptron; both are added.

    Unlike attention within fixed blocks it gives the same wherever a tile begins.
    """

    def __init__(self, channels: int, n_heads: int, radius: int) -> None:
        super().__init__()
        self.n_heads, self.radius = n_heads, radius
        self.norm1 = ChannelNorm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.bias = nn.Parameter(torch.zeros(n_heads, (2 * radius + 1) ** 2))
        self.project = nn.Conv2d(channels, channels, 1)
        self.mlp = nn.Sequential(
            ChannelNorm(channels),
            nn.Conv2d(channels, MLP_RATIO * channels, 1),
            nn.GELU(),
            nn.Conv2d(MLP_RATIO * channels, channels, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        features = features + self.project(self._attended(self.norm1(features)))
        out: Tensor = features + self.mlp(features)
        return out

    def _attended(self, features: Tensor) -> Tensor:
        """Mix each pixel with its neighborhood, a few rows at a time."""
        radius, rows = self.radius, features.shape[2]
        query, key, value = self.qkv(features).chunk(3, dim=1)
        is_outside = torch.ones_like(features[:1, :1])
        sides = (radius,) * 4
        padded = [functional.pad(part, sides) for part in (key, value)]
        outside = 1.0 - functional.pad(is_outside, sides)
        strips = []
        for start in range(0, rows, ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, rows)
            strip = slice(start, stop + 2 * radius)
            near = [self._neighbors(part[:, :, strip]) for part in (*padded, outside)]
            strips.append(self._mixed(query[:, :, start:stop], near))
        return torch.cat(strips, dim=2)

    def _neighbors(self, part: Tensor) -> Tensor:
        """Gather what lies around each pixel of a strip, (B, C, K, h * w)."""
        side = 2 * self.radius + 1
        near = functional.unfold(part, side)  # (B, C * K, h * w)
        return near.view(len(part), part.shape[1], side**2, -1)

    def _mixed(self, query: Tensor, near: list[Tensor]) -> Tensor:
        """Mean of the values around each pixel of a strip, weighted by its query."""
        batch, _, count, n_pixels = near[0].shape
        key, value = (
            part.view(batch, self.n_heads, -1, count, n_pixels) for part in near[:2]
        )
        wanted = query.reshape(batch, self.n_heads, -1, n_pixels)  # (B, heads, c, N)
        logits = torch.einsum("bhcn,bhckn->bhkn", wanted, key) * wanted.shape[2] ** -0.5
        logits = logits + self.bias[:, :, None] + MASKED * near[2]
        mixed = torch.einsum("bhkn,bhckn->bhcn", logits.softmax(dim=2), value)
        return mixed.reshape(query.shape)


class LocalColorizer(ColorizerNetwork):
    """Encoder, attention on the coarsest map, and a decoder with skips.

    A narrow relative of the published network that is trained as a whole. It
    begins at stride 2, since `paint` brings back the edges; it normalizes over
    channels, attends to a neighborhood, and therefore gives each pixel of a slide
    one color, whichever tile it is computed in.

    Parameters
    ----------
    settings : LocalColorizerSettings
        Widths and reach.
    """

    n_terms = 2

    def __init__(self, settings: LocalColorizerSettings) -> None:
        super().__init__()
        channels = settings.channels
        self.stride = self.grid_px = 1 << len(channels)
        self.context_px = context_of(settings)
        self.stem = nn.Conv2d(1, channels[0], 4, stride=2, padding=1)
        self.encoder = nn.ModuleList(
            ConvStack(above, own) for above, own in pairwise((channels[0], *channels))
        )
        self.attention = LocalAttention(channels[-1], settings.n_heads, settings.radius)
        self.decoder = nn.ModuleList(
            ConvStack(below + skip, skip)
            for skip, below in reversed(list(pairwise(channels)))
        )
        self.head = nn.Conv2d(channels[0], 2 * self.n_terms, 1)

    def forward(self, darkness: Tensor) -> Tensor:
        """Predict terms at half of the resolution, (B, 4, H / 2, W / 2)."""
        features = self.stem(darkness)
        skips: list[Tensor] = []
        for block in self.encoder:
            if skips:
                features = functional.avg_pool2d(features, 2)
            features = block(features)
            skips.append(features)
        features = self.attention(skips.pop())
        for block in self.decoder:
            features = functional.interpolate(
                features, scale_factor=2, mode="bilinear", align_corners=False
            )
            features = block(torch.cat([features, skips.pop()], dim=1))
        terms: Tensor = torch.tanh(self.head(features))
        return terms


def context_of(settings: LocalColorizerSettings) -> int:
    """Reach of a network in pixels, a multiple of its stride.

    On the way down and up, each map has four convolutions of reach 1 (the
    coarsest two, and its attention); a step between maps reaches one pixel of
    the coarser one.
    """
    strides = [1 << level for level in range(1, len(settings.channels) + 1)]
    coarsest = strides[-1]
    reach = 4 * sum(strides[:-1]) + (2 + settings.radius) * coarsest
    reach += sum(strides) + 2  # steps between maps, and the stem
    return math.ceil(reach / coarsest) * coarsest
