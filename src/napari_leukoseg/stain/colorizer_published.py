"""Colorizing network of the Stain-Standardized Framework, of its published size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain.colorizer_base import ColorizerNetwork

__all__ = ["PublishedColorizer", "PublishedColorizerSettings"]

VGG16_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512))
"""Channels of its convolutions, block1_conv1 to block4_conv3."""

N_HEADS, HEAD_CHANNELS = 4, 512
ATTENTION_DROPOUT, DECODER_DROPOUT = 0.1, 0.3
NORM_EPS, NORM_MOMENTUM = 1e-3, 0.01
"""Of batch normalization, as Keras has them by default."""

ENCODER_REACH_PX, DECODER_REACH_PX = 49, 24
"""How far the convolutions and pools before and after the attention see."""

TYPICAL_NUCLEAR_DARKNESS = 0.5
"""With it, darkness becomes an L* of 0 to 100 again, which the network takes."""


@dataclass(frozen=True)
class PublishedColorizerSettings:
    """Shape of a `PublishedColorizer`; only the side of its blocks is open.

    Parameters
    ----------
    block : int, optional
        Largest side of the blocks within which all pixels of the coarse map
        attend to each other; 28 for the 224 pixels of the published input.
    """

    block: int = 28

    def __post_init__(self) -> None:
        if self.block < 1:
            raise SettingsError(f"block is {self.block}; give 1 or more.")


class BlockAttention(nn.Module):
    """Self-attention and a perceptron over the pixels of each block of a map.

    As published, without position code and without adding what came in.
    """

    def __init__(self, channels: int, block: int) -> None:
        super().__init__()
        inner = N_HEADS * HEAD_CHANNELS
        self.block = block
        self.query, self.key, self.value = (
            nn.Linear(channels, inner) for _ in range(3)
        )
        self.project = nn.Linear(inner, channels)
        self.norm1 = nn.LayerNorm(channels, eps=1e-6)
        self.perceptron = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels)
        )
        self.norm2 = nn.LayerNorm(channels, eps=1e-6)
        self.dropout = nn.Dropout(ATTENTION_DROPOUT)

    def forward(self, features: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        rows = [
            torch.cat(
                [self.attend(part) for part in torch.split(row, self.block, 3)], 3
            )
            for row in torch.split(features, self.block, 2)
        ]
        return torch.cat(rows, dim=2)

    def attend(self, block: Tensor) -> Tensor:
        """Mix the pixels of one block (B, C, h, w)."""
        tokens = block.flatten(2).transpose(1, 2)  # (B, h * w, C)
        query, key, value = (
            layer(tokens).unflatten(2, (N_HEADS, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )  # (B, heads, h * w, C)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        tokens = self.project(mixed.transpose(1, 2).flatten(2))
        tokens = self.dropout(self.norm1(tokens))
        tokens = self.dropout(self.norm2(self.perceptron(tokens)))
        out: Tensor = tokens.transpose(1, 2).reshape(block.shape)
        return out


class ConvBlock(nn.Sequential):
    """3x3 convolution, ReLU, batch normalization, dropout."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.BatchNorm2d(channels, eps=NORM_EPS, momentum=NORM_MOMENTUM),
            nn.Dropout(DECODER_DROPOUT),
        )


class PublishedColorizer(ColorizerNetwork):
    """VGG16 up to block4_conv3, attention over the coarse map, and a decoder.

    The encoder, made for ImageNet, stays as it is; its tensors are named as in
    torchvision's ``vgg16``. The network has 12,721,954 weights with the running
    statistics of its normalization, 5,086,306 of them trained.

    Parameters
    ----------
    settings : PublishedColorizerSettings
        Side of the blocks of attention.

    References
    ----------
    .. [1] K. Simonyan, A. Zisserman, "Very deep convolutional networks for
       large-scale image recognition", ICLR 2015.
    """

    stride = 8
    n_terms = 1

    def __init__(self, settings: PublishedColorizerSettings) -> None:
        super().__init__()
        self.grid_px = self.stride * settings.block
        # The decoder reaches into blocks beside; these see all of themselves.
        beside = math.ceil(DECODER_REACH_PX / self.grid_px) * self.grid_px
        self.context_px = beside + ENCODER_REACH_PX
        self.features = vgg16_features()
        deepest = VGG16_BLOCKS[-1][-1]
        self.attention = BlockAttention(deepest, settings.block)
        up = nn.Upsample(scale_factor=2, mode="nearest")
        self.decoder = nn.Sequential(
            *(ConvBlock(deepest, 64), ConvBlock(64, 64), up),
            *(ConvBlock(64, 32), up),
            *(ConvBlock(32, 16), up),
            ConvBlock(16, 16),
            nn.Conv2d(16, 2, 3, padding=1),
        )
        self.features.requires_grad_(False)

    def forward(self, darkness: Tensor) -> Tensor:
        """Predict the color itself as a share, (B, 2, H, W)."""
        light = 100.0 * (1.0 - TYPICAL_NUCLEAR_DARKNESS * darkness)
        features = self.features(light.expand(-1, 3, -1, -1))
        terms: Tensor = torch.tanh(self.decoder(self.attention(features)))
        return terms


def vgg16_features() -> nn.Sequential:
    """Return the convolutions of VGG16 up to block4_conv3, with their ReLU."""
    layers: list[nn.Module] = []
    above = 3
    for block in VGG16_BLOCKS:
        if layers:
            layers.append(nn.MaxPool2d(2))
        for channels in block:
            layers += [nn.Conv2d(above, channels, 3, padding=1), nn.ReLU()]
            above = channels
    return nn.Sequential(*layers)
