"""A small network that outlines the one cell to which clicks or a box point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_leukoseg.segment.networks.residual_unet import (
    ResidualUNet,
    ResidualUNetSettings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_leukoseg.segment.networks.base import NetworkOutput

__all__ = ["DISK_RADIUS_PX", "N_PROMPTS", "ClickNet", "ClickNetSettings"]

N_PROMPTS = 5
"""Maps of a prompt: clicks in the cell and outside, box, cell and nucleus so far."""

DISK_RADIUS_PX = 3.0
"""Radius of the disk by which a click is shown, at the working scale."""


@dataclass(frozen=True)
class ClickNetSettings(ResidualUNetSettings):
    """Shape of a `ClickNet`; smaller than the default network, as it sees one cell."""

    channels: tuple[int, ...] = (32, 48, 80, 128)


class ClickNet(ResidualUNet):
    """Residual U-Net that takes clicks, a box and an earlier outline beside RGB.

    Each stride gets the prompt, added to its features before its blocks: at the
    finest one it says where, at the coarsest which cell of the window. All of
    this is zero at first, so a network with the weights of a `ResidualUNet`
    begins as that network. Disks and the earlier outline follow [1]_; what is
    semantic, distance and evidence in the output is of the one cell.

    Parameters
    ----------
    settings : ClickNetSettings
        Widths and depths.

    References
    ----------
    .. [1] K. Sofiiuk, I. Petrov, A. Konushin, "Reviving iterative training with
       mask guidance for interactive segmentation", ICIP 2022.
    """

    estimates_scale = False

    def __init__(self, settings: ClickNetSettings) -> None:
        super().__init__(settings)
        widths = (settings.stem_channels, *settings.channels)
        self.prompts = nn.ModuleList(
            nn.Conv2d(N_PROMPTS, width, 3, padding=1) for width in widths
        )
        for layer in self.prompts.parameters():
            nn.init.zeros_(layer)

    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch.

        Parameters
        ----------
        image : Tensor of shape (B, 3 + 5, H, W)
            RGB, standardized as the model's card says, and the prompt's maps in 0
            to 1. Without the latter, nothing is pointed at.
        """
        colors, prompt = image[:, :3], image[:, 3:]
        if not prompt.shape[1]:
            prompt = colors.new_zeros(len(image), N_PROMPTS, *image.shape[-2:])
        return self.decode(self._encode_prompted(colors, prompt))

    def _encode_prompted(self, colors: Tensor, prompt: Tensor) -> list[Tensor]:
        """Give the features at strides 1, 2, 4, ..., each told of the prompt."""
        at_stem, *at_strides = self.prompts
        features = [self.stem(colors) + at_stem(prompt)]
        for down, blocks, tell in zip(self.down, self.encoder, at_strides, strict=True):
            # The highest value, so that a click does not fade at coarse strides.
            prompt = functional.max_pool2d(prompt, 2)
            features.append(blocks(down(features[-1]) + tell(prompt)))
        return features

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Take weights of a `ClickNet`, or of a `ResidualUNet` of these widths."""
        missing = {
            name: torch.zeros_like(tensor)
            for name, tensor in self.prompts.state_dict(prefix="prompts.").items()
        }
        self.load_state_dict({**missing, **weights})
