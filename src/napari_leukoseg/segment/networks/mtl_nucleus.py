"""Multi-task network of nuclei: a semantic map and a distance map."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.networks.attention import AttentionGate
from napari_leukoseg.segment.networks.base import (
    NEVER,
    NetworkOutput,
    SegmentationNetwork,
    require_counts,
)
from napari_leukoseg.segment.networks.blocks import encode
from napari_leukoseg.segment.networks.outputs import upsample
from napari_leukoseg.segment.networks.transformer import MapTransformer

__all__ = ["MtlNucleusNet", "MtlNucleusSettings"]

DILATIONS = (1, 2, 4)

STRIDE = 16
"""Of the bottleneck, four poolings below full resolution."""


@dataclass(frozen=True)
class MtlNucleusSettings:
    """Shape of a `MtlNucleusNet`.

    Parameters
    ----------
    width : int, optional
        Channels at full resolution; they double at each of five levels.
    n_layers, n_heads : int, optional
        Depth and parallel attentions of the transformer; the heads share 16
        times `width` channels.
    attended_px : int, optional
        Side of the blocks of the tile within which the transformer attends;
        the side of the crops of training.
    dropout : float, optional
        Share of values dropped in the transformer.
    """

    width: int = 64
    n_layers: int = 4
    n_heads: int = 8
    attended_px: int = 256
    dropout: float = 0.1

    def __post_init__(self) -> None:
        require_counts(self, "width", "n_layers", "n_heads", "attended_px")
        if self.attended_px % STRIDE:
            raise SettingsError(
                f"attended_px is {self.attended_px}; give a multiple of {STRIDE}."
            )
        if not 0 <= self.dropout < 1:
            raise SettingsError(f"dropout is {self.dropout}; give 0 or more, below 1.")


class MultiDilatedBlock(nn.Module):
    """Parallel 3x3 convolutions of several dilations, mixed, plus a shortcut.

    Without the ReLU before the 1x1 convolution, both would be one linear map.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(in_channels, channels, 3, padding=d, dilation=d)
            for d in DILATIONS
        )
        self.mix = nn.Conv2d(len(DILATIONS) * channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.shortcut = nn.Conv2d(in_channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H, W)."""
        seen = torch.cat([branch(features) for branch in self.branches], dim=1)
        mixed = self.norm(self.mix(functional.relu(seen)))
        return functional.relu(mixed + self.shortcut(features))


class GatedUpBlock(nn.Module):
    """Double the resolution, gate the skip, join and refine."""

    def __init__(self, below: int, skip: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(below, skip, 1)
        self.gate = AttentionGate(skip, skip, max(1, skip // 2))
        self.block = MultiDilatedBlock(2 * skip, skip)

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        """Map (B, C', H / 2, W / 2) and (B, C, H, W) to (B, C, H, W)."""
        up = upsample(self.reduce(below), skip.shape[-2:])
        out: Tensor = self.block(torch.cat([self.gate(skip, up), up], dim=1))
        return out


def task_head(channels: int) -> nn.Sequential:
    """3x3 and 1x1 convolutions to one logit."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(channels, 1, 1),
    )


class MtlNucleusNet(SegmentationNetwork):
    """Attention U-Net with multi-dilated blocks and a transformer below.

    Its outputs are the map S of nuclei and the map D of normalized distances,
    by which touching nuclei are cut apart. Its authors [1]_ published neither
    code nor sizes; blocks follow Yu and Koltun [2]_, gates Oktay [3]_, the
    bottleneck TransUNet [4]_, the two heads the dual decoder of Mahbod [5]_.

    Parameters
    ----------
    settings : MtlNucleusSettings
        Width and transformer.

    References
    ----------
    .. [1] "Style transformation and distance map-guided nucleus instance
       segmentation", Biomedical Signal Processing and Control 112, 108724,
       2026.
    .. [2] F. Yu, V. Koltun, "Multi-scale context aggregation by dilated
       convolutions", ICLR 2016.
    .. [3] O. Oktay et al., "Attention U-Net", MIDL 2018.
    .. [4] J. Chen et al., "TransUNet", arXiv:2102.04306, 2021.
    .. [5] A. Mahbod et al., "A dual decoder U-Net-based model for nuclei
       instance segmentation", Frontiers in Neuroscience 16, 978146, 2022.
    """

    stride = STRIDE
    has_cytoplasm = False
    image_mean = (0.0, 0.0, 0.0)
    image_std = (1.0, 1.0, 1.0)

    def __init__(self, settings: MtlNucleusSettings) -> None:
        super().__init__()
        self.bytes_per_pixel = 100 + 50 * settings.width
        widths = [settings.width * factor for factor in (1, 2, 4, 8, 16)]
        self.encoder = nn.ModuleList(
            MultiDilatedBlock(above, below) for above, below in pairwise((3, *widths))
        )
        self.transformer = MapTransformer(
            widths[-1],
            settings.n_layers,
            settings.n_heads,
            settings.attended_px // STRIDE,
            settings.dropout,
        )
        self.decoder = nn.ModuleList(
            GatedUpBlock(below, skip)
            for skip, below in reversed(list(pairwise(widths)))
        )
        self.semantic = task_head(settings.width)
        self.distance = task_head(settings.width)

    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch (B, 3, H, W) of RGB in 0 to 1."""
        *skips, hidden = encode(self.encoder, image)
        hidden = self.transformer(hidden)
        for block in self.decoder:
            hidden = block(hidden, skips.pop())
        nucleus = self.semantic(hidden).float()
        ground = torch.zeros_like(nucleus)
        semantic = torch.cat([ground, torch.full_like(ground, NEVER), nucleus], dim=1)
        return NetworkOutput(semantic, self.distance(hidden), None)
