"""ResNet50, plain or dilated, named as in its published weights."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from napari_leukoseg.segment.networks.blocks import init_he_normal

__all__ = ["ResNet50Encoder", "resnet50_channels"]

PUBLISHED_WIDTH = 64

EXPANSION = 4
"""Output channels of a bottleneck over those of its 3x3 convolution."""

DEPTHS = (3, 4, 6, 3)


def resnet50_channels(width: int) -> tuple[int, ...]:
    """Channels of the stem and of the four stages, from those of the stem."""
    return width, 4 * width, 8 * width, 16 * width, 32 * width


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions added to their input; the 3x3 may stride."""

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        out_channels = EXPANSION * channels
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(
            channels, channels, 3, stride, dilation, dilation, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = (
            nn.Identity()
            if stride == 1 and in_channels == out_channels
            else nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H / stride, W / stride)."""
        hidden = functional.relu(self.bn1(self.conv1(features)))
        hidden = functional.relu(self.bn2(self.conv2(hidden)))
        hidden = self.bn3(self.conv3(hidden))
        return functional.relu(hidden + self.downsample(features))


class ResNet50Encoder(nn.Module):
    """Stem and sixteen bottlenecks in four stages [1]_.

    The state dict has the names of torchvision's ``resnet50``, less its fully
    connected layer.

    Parameters
    ----------
    width : int, optional
        Channels of the stem; 64 as published.
    output_stride : {32, 16, 8}, optional
        Stride of the last stage; below 32, late strides become dilations [2]_.

    References
    ----------
    .. [1] K. He et al., "Deep residual learning for image recognition",
       CVPR 2016.
    .. [2] L.-C. Chen et al., "Rethinking atrous convolution for semantic image
       segmentation", arXiv:1706.05587, 2017.
    """

    weights_name = "resnet50"

    def __init__(self, width: int = PUBLISHED_WIDTH, output_stride: int = 32) -> None:
        super().__init__()
        self.is_published_width = width == PUBLISHED_WIDTH
        self.channels = resnet50_channels(width)
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        stride, dilation = 4, 1
        for number, depth in enumerate(DEPTHS):
            # The first block of a dilated stage still has the stage's old dilation.
            step, before = 1, dilation
            if number > 0 and stride < output_stride:
                step, stride = 2, 2 * stride
            elif number > 0:
                dilation *= 2
            channels = width * 2**number
            below = self.channels[number]
            first = Bottleneck(below, channels, step, before)
            rest = (
                Bottleneck(EXPANSION * channels, channels, dilation=dilation)
                for _ in range(depth - 1)
            )
            self.add_module(f"layer{number + 1}", nn.Sequential(first, *rest))
        init_he_normal(self)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Give the stem, at stride 2, and the four stages."""
        features = [functional.relu(self.bn1(self.conv1(image)))]
        hidden = functional.max_pool2d(features[0], 3, stride=2, padding=1)
        for number in range(1, len(DEPTHS) + 1):
            hidden = self.get_submodule(f"layer{number}")(hidden)
            features.append(hidden)
        return tuple(features)
