"""Convolutions of VGG16, named as in its published weights."""

from __future__ import annotations

from torch import Tensor, nn

from napari_leukoseg.segment.networks.blocks import init_he_normal

__all__ = ["Vgg16Encoder", "vgg16_channels"]

PUBLISHED_WIDTH = 64


def vgg16_channels(width: int) -> tuple[int, ...]:
    """Channels at strides 1, 2, 4, 8, 16, from those of the first."""
    return width, 2 * width, 4 * width, 8 * width, 8 * width


class Vgg16Encoder(nn.Module):
    """Thirteen 3x3 convolutions with ReLU in five stages [1]_.

    The state dict has the names of torchvision's ``vgg16``, less its fully
    connected layers.

    Parameters
    ----------
    width : int, optional
        Channels of the first stage; 64 as published.

    References
    ----------
    .. [1] K. Simonyan, A. Zisserman, "Very deep convolutional networks for
       large-scale image recognition", ICLR 2015.
    """

    weights_name = "vgg16"

    def __init__(self, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__()
        self.is_published_width = width == PUBLISHED_WIDTH
        self.channels = vgg16_channels(width)
        layers: list[nn.Module] = []
        above = 3
        for depth, channels in zip((2, 2, 3, 3, 3), self.channels, strict=True):
            if layers:
                layers.append(nn.MaxPool2d(2))
            for _ in range(depth):
                layers += [nn.Conv2d(above, channels, 3, padding=1), nn.ReLU()]
                above = channels
        self.features = nn.Sequential(*layers)
        init_he_normal(self)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Give the stages at strides 1, 2, 4, 8, 16, each before its pooling."""
        stages = []
        hidden = image
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                stages.append(hidden)
            hidden = layer(hidden)
        return (*stages, hidden)
