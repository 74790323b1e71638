"""PSPNet with a ResNet50, a baseline."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

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

__all__ = ["PspNet", "PspNetSettings"]

BINS = (1, 2, 3, 6)
"""Sides of the grids into which the map is pooled."""

PUBLISHED_DROPOUT = 0.1


@dataclass(frozen=True)
class PspNetSettings:
    """Shape of a `PspNet`.

    Parameters
    ----------
    width : int, optional
        Channels of the encoder's stem; 64 as published.
    n_classes : int, optional
        Cell classes with evidence.
    """

    width: int = 64
    n_classes: int = 5

    def __post_init__(self) -> None:
        require_counts(self, "width", "n_classes")


class GridMean(nn.Module):
    """Means over the cells of an n x n grid, which may overlap by a pixel.

    Equals adaptive average pooling, which Metal has only where n divides the
    sides of the map.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, n, n)."""
        rows, columns = (
            self.weights(length).to(features) for length in features.shape[-2:]
        )
        return rows @ features @ columns.T

    def weights(self, length: int) -> Tensor:
        """Weight of each position in each mean along one axis, (n, length)."""
        weights = torch.zeros(self.n, length)
        for index, row in enumerate(weights):
            start, stop = index * length // self.n, -(-(index + 1) * length // self.n)
            row[start:stop] = 1 / (stop - start)
        return weights


class PspNet(SegmentationNetwork):
    """Pyramid pooling over a dilated ResNet50 [1]_, without auxiliary loss.

    With the published width it has 46,585,928 weights.

    Parameters
    ----------
    settings : PspNetSettings
        Width.

    References
    ----------
    .. [1] H. Zhao et al., "Pyramid scene parsing network", CVPR 2017.
    """

    stride = 8
    image_mean = IMAGENET_MEAN
    image_std = IMAGENET_STD

    def __init__(self, settings: PspNetSettings) -> None:
        super().__init__()
        self.bytes_per_pixel = 200 + 25 * settings.width
        self.encoder = ResNet50Encoder(settings.width, output_stride=8)
        deep = self.encoder.channels[-1]
        channels = deep // len(BINS)
        self.pools = nn.ModuleList(
            nn.Sequential(GridMean(n), *conv_norm_relu(deep, channels, 1)) for n in BINS
        )
        self.head = nn.Sequential(
            *conv_norm_relu(2 * deep, channels, 3),
            nn.Dropout2d(PUBLISHED_DROPOUT),
            nn.Conv2d(channels, N_SEMANTIC + settings.n_classes, 1),
        )

    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch (B, 3, H, W) of RGB; evidence is at stride 8."""
        *_, deep = self.encoder(image)
        context = [upsample(pool(deep), deep.shape[-2:]) for pool in self.pools]
        maps = self.head(torch.cat([deep, *context], dim=1))
        return with_evidence(maps, image.shape[-2:])
