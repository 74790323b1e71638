"""What every segmentation network gives, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn

__all__ = [
    "BACKGROUND",
    "CYTOPLASM",
    "NUCLEUS",
    "NetworkOutput",
    "SegmentationNetwork",
]

BACKGROUND, CYTOPLASM, NUCLEUS = 0, 1, 2
"""Channels of `NetworkOutput.semantic`."""


class NetworkOutput(NamedTuple):
    """Raw outputs for a batch of tiles of H x W pixels.

    Parameters
    ----------
    semantic : Tensor of shape (B, 3, H, W)
        Logits of background, cytoplasm, nucleus.
    distance : Tensor of shape (B, 1, H, W) or None
        Logit of the distance to the cell's border, divided by its maximum in
        the cell: 0 on the border, 1 in the middle. None where a network has
        nothing that separates touching cells.
    evidence : Tensor of shape (B, K, H / s, W / s) or None
        Class logits, to be averaged over the pixels of a cell; the stride s
        divides the network's `stride`. None where it knows no classes.
    """

    semantic: Tensor
    distance: Tensor | None
    evidence: Tensor | None


class SegmentationNetwork(nn.Module, ABC):
    """A network that maps standardized RGB tiles to a `NetworkOutput`.

    Attributes
    ----------
    stride : int
        Sides of the input must be multiples of it.
    """

    stride: int

    @abstractmethod
    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch.

        Parameters
        ----------
        image : Tensor of shape (B, 3, H, W)
            RGB, standardized as the model's card says.
        """
