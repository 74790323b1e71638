"""What every segmentation network gives, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor, nn

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.parts import BACKGROUND, CYTOPLASM, NUCLEUS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BACKGROUND",
    "CYTOPLASM",
    "NEVER",
    "NUCLEUS",
    "NetworkOutput",
    "SegmentationNetwork",
    "require_counts",
]

NEVER = -30.0
"""Logit of a semantic class that a network does not know."""


class NetworkOutput(NamedTuple):
    """Raw outputs for a batch of tiles of H x W pixels.

    Parameters
    ----------
    semantic : Tensor of shape (B, 3, H, W)
        Logits of background, cytoplasm, nucleus. A network that tells only
        whole cells from the ground gives `NEVER` for the nucleus, one that
        finds only nuclei gives it for the cytoplasm.
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
    has_nucleus, has_cytoplasm : bool
        Whether it tells these apart from the rest; else their logit is `NEVER`.
    estimates_scale : bool
        Whether it is trained to know cells of a wrong size for what they are, so
        that the size of cells can be found with it.
    class_layers : tuple of str
        Beginnings of the names of the weights that tell classes and nothing else.
        Where no weight has such a name, classes come from layers that outline too.
    image_mean, image_std : tuple of float
        Standardization of RGB in 0 to 1 that it is made for, by channel; the card
        of a model repeats it.
    bytes_per_pixel : int
        Peak memory of a forward pass without gradients, per pixel of the input:
        measured in bfloat16, doubled for float32, and rounded up.
    """

    stride: int
    has_nucleus: bool = True
    has_cytoplasm: bool = True
    estimates_scale: bool = False
    class_layers: tuple[str, ...] = ("evidence.",)
    image_mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    image_std: tuple[float, float, float] = (0.25, 0.25, 0.25)
    bytes_per_pixel: int

    @abstractmethod
    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch.

        Parameters
        ----------
        image : Tensor of shape (B, 3, H, W)
            RGB, standardized as the model's card says.
        """

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of another network, from which training starts.

        Parameters
        ----------
        weights : mapping of str to Tensor
            State of a network with the same layers.

        Raises
        ------
        RuntimeError
            If its layers are others.
        """
        self.load_state_dict(weights)


def require_counts(settings: object, *names: str) -> None:
    """Refuse settings of which one of the named ones is no positive integer.

    Raises
    ------
    SettingsError
        If there is such a one.
    """
    for name in names:
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise SettingsError(f"{name} is {value!r}; give an integer of 1 or more.")
