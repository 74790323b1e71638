"""The default network: a residual U-Net without any batch or tile statistics."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.networks.base import NetworkOutput, SegmentationNetwork

__all__ = ["ResidualUNet", "ResidualUNetSettings"]


@dataclass(frozen=True)
class ResidualUNetSettings:
    """Shape of a `ResidualUNet`.

    Parameters
    ----------
    stem_channels : int, optional
        Channels at full resolution; kept few, since time is spent there.
    channels : tuple of int, optional
        Channels at strides 2, 4, 8, ...
    depths : tuple of int, optional
        Residual blocks at each of these strides in the encoder.
    n_classes : int, optional
        Cell classes with evidence.
    evidence_dropout : float, optional
        Share of feature channels dropped before the class evidence.
    """

    stem_channels: int = 16
    channels: tuple[int, ...] = (32, 64, 128, 224)
    depths: tuple[int, ...] = (1, 2, 2, 2)
    n_classes: int = 5
    evidence_dropout: float = 0.2

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.depths) or len(self.channels) < 2:
            raise SettingsError(
                f"channels has {len(self.channels)} entries and depths "
                f"{len(self.depths)}; give two or more, and as many of each."
            )


class ChannelNorm(nn.Module):
    """Layer normalization over the channels of each pixel.

    Unlike batch normalization it keeps no statistics of the laboratories seen
    in training; unlike group normalization its result at a pixel does not
    depend on what else is in the tile, so tiles agree where they overlap.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Normalize (B, C, H, W); cheap when stored channels last."""
        normed: Tensor = self.norm(features.permute(0, 2, 3, 1))  # (B, H, W, C)
        return normed.permute(0, 3, 1, 2)  # (B, C, H, W)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, pre-activated, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = ChannelNorm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)  # starts as the identity
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        hidden = self.conv1(functional.silu(self.norm1(features)))
        out: Tensor = features + self.conv2(functional.silu(self.norm2(hidden)))
        return out


class UpBlock(nn.Module):
    """Double the resolution, join the skip, refine."""

    def __init__(self, below: int, skip: int, *, refine: bool = True) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(below, skip, 1)
        self.join = nn.Conv2d(2 * skip, skip, 3, padding=1)
        self.refine = ResidualBlock(skip) if refine else nn.Identity()

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        """Map (B, C', H / 2, W / 2) and (B, C, H, W) to (B, C, H, W)."""
        up = functional.interpolate(
            self.reduce(below), scale_factor=2, mode="bilinear", align_corners=False
        )
        out: Tensor = self.refine(self.join(torch.cat([up, skip], dim=1)))
        return out


class EvidenceHead(nn.Module):
    """Class logits at stride 4 from what is known at strides 4 and deepest."""

    def __init__(self, settings: ResidualUNetSettings) -> None:
        super().__init__()
        fine, deep = settings.channels[1], settings.channels[-1]
        width = max(64, fine)
        self.deep = nn.Conv2d(deep, width, 1)
        self.fine = nn.Conv2d(fine, width, 3, padding=1)
        self.norm = ChannelNorm(width)
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.dropout = nn.Dropout2d(settings.evidence_dropout)
        self.out = nn.Conv2d(width, settings.n_classes, 1)

    def forward(self, fine: Tensor, deep: Tensor) -> Tensor:
        """Map features at stride 4 and the deepest stride to (B, K, H/4, W/4)."""
        deep = functional.interpolate(
            self.deep(deep), size=fine.shape[-2:], mode="bilinear", align_corners=False
        )
        hidden = functional.silu(self.norm(self.fine(fine) + deep))
        hidden = self.dropout(functional.silu(self.mix(hidden)))
        out: Tensor = self.out(hidden)
        return out


class ResidualUNet(SegmentationNetwork):
    """Residual U-Net with semantic, distance and class-evidence heads.

    A thin stem keeps full resolution for sharp borders; blocks begin at
    stride 2, where a cell of the working diameter still spans 30 pixels.

    Parameters
    ----------
    settings : ResidualUNetSettings
        Widths and depths.
    """

    estimates_scale = True
    bytes_per_pixel = 700

    def __init__(self, settings: ResidualUNetSettings) -> None:
        super().__init__()
        stem, channels = settings.stem_channels, settings.channels
        self.stride = 2 ** len(channels)
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(stem, stem, 3, padding=1),
        )
        self.down = nn.ModuleList(
            nn.Conv2d(above, below, 2, stride=2)
            for above, below in pairwise((stem, *channels))
        )
        self.encoder = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(depth)))
            for width, depth in zip(channels, settings.depths, strict=True)
        )
        self.decoder = nn.ModuleList(
            UpBlock(below, skip, refine=skip != stem)
            for skip, below in reversed(list(pairwise((stem, *channels))))
        )
        self.head = nn.Sequential(
            ChannelNorm(stem), nn.SiLU(), nn.Conv2d(stem, 4, 3, padding=1)
        )
        self.evidence = EvidenceHead(settings)

    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch (B, 3, H, W); H and W are multiples of `stride`."""
        return self.decode(self.encode(image))

    def encode(self, image: Tensor) -> list[Tensor]:
        """Give the features at strides 1, 2, 4, ... of a batch (B, 3, H, W)."""
        features = [self.stem(image)]
        for down, blocks in zip(self.down, self.encoder, strict=True):
            features.append(blocks(down(features[-1])))
        return features

    def decode(self, features: list[Tensor]) -> NetworkOutput:
        """Predict from the features at strides 1, 2, 4, ..."""
        *skips, deep = features
        up = fine = deep
        for block in self.decoder:
            up = block(up, skips.pop())
            if len(skips) == 2:  # stride 4
                fine = up
        maps = self.head(up)  # (B, 4, H, W)
        return NetworkOutput(maps[:, :3], maps[:, 3:], self.evidence(fine, deep))
