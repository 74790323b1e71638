"""Losses by name: what each network is taught, from whatever experts marked.

All take partial masks: a pixel of a whole-cell mask may be nucleus or cytoplasm, a
cell without a known class of any type, and what nobody marked teaches nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from pydantic import ConfigDict, Discriminator, Tag, with_config
from torch import Tensor

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.training.cell_losses import ClassBalance, class_loss
from napari_leukoseg.training.pixel_losses import (
    binary_loss,
    cell_logit,
    cell_target,
    cross_entropy_of_sets,
    dice_of_sets,
    distance_loss,
    distance_mse,
    focal_of_sets,
    nucleus_logit,
    nucleus_target,
    partial_cross_entropy,
    partial_dice_loss,
    possible_types,
    soft_dice,
)

if TYPE_CHECKING:
    from napari_leukoseg.segment.networks import NetworkOutput, SegmentationNetwork
    from napari_leukoseg.training.crops import Crop

__all__ = [
    "BinaryLoss",
    "FocalDiceLoss",
    "Loss",
    "LossSettings",
    "LossTerms",
    "MultiTaskLoss",
    "PartialLoss",
    "PixelClassLoss",
    "SemanticLoss",
    "check_fit",
    "six_logits",
]


@dataclass(frozen=True, eq=False)
class LossTerms:
    """Unweighted terms, for the log, and their weighted sum; absent ones are zero."""

    semantic: Tensor
    dice: Tensor
    distance: Tensor
    cell_class: Tensor
    total: Tensor


class Loss(ABC):
    """What a network is taught, and how much of each.

    Attributes
    ----------
    needs : frozenset of str
        What a network must give: `nucleus`, `cytoplasm`, `distance`,
        `pixel classes`.
    outlines_nuclei : bool
        Whether crops must outline nuclei instead of cells.
    """

    needs: ClassVar[frozenset[str]]
    outlines_nuclei: ClassVar[bool] = False

    @property
    @abstractmethod
    def kind(self) -> str:
        """Name of the loss."""

    @abstractmethod
    def __call__(
        self, output: NetworkOutput, crop: Crop, weights: Tensor | None = None, /
    ) -> LossTerms:
        """Compare a batch with its targets.

        Parameters
        ----------
        output : NetworkOutput
            What the network gave.
        crop : Crop
            Batch of crops.
        weights : Tensor of shape (K,), optional
            How much a cell of each class counts.
        """


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class PartialLoss(Loss):
    """Partial cross-entropy, Dice, distance and class evidence of cells.

    Parameters
    ----------
    semantic, dice, distance, cell_class : float, optional
        Factors in the sum; terms that a network has no output for are zero.
    label_smoothing : float, optional
        Of the class term.
    class_balance : {'none', 'inverse-square-root', 'effective-number'}, optional
        How rare classes are made to count more in the class term.
    kind : {'partial'}
        Name of the loss.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"nucleus", "cytoplasm"})
    semantic: float = 1.0
    dice: float = 0.5
    distance: float = 1.0
    cell_class: float = 0.5
    label_smoothing: float = 0.05
    class_balance: ClassBalance = "none"
    kind: Literal["partial"] = "partial"

    def __call__(
        self, output: NetworkOutput, crop: Crop, weights: Tensor | None = None, /
    ) -> LossTerms:
        """Compare a batch with its targets."""
        semantic = partial_cross_entropy(output.semantic, crop.allowed)
        dice = partial_dice_loss(output.semantic, crop.allowed)
        distance = cell_class = torch.zeros_like(semantic)
        if output.distance is not None:
            distance = distance_loss(output.distance, crop.distance)
        if output.evidence is not None:
            smoothing = self.label_smoothing
            cell_class = class_loss(
                output.evidence, crop.instances, crop.classes, smoothing, weights
            )
        total = (
            self.semantic * semantic
            + self.dice * dice
            + self.distance * distance
            + self.cell_class * cell_class
        )
        return LossTerms(semantic, dice, distance, cell_class, total)


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class PixelClassLoss(Loss):
    """Categorical cross-entropy of background and the types of cell, by pixel.

    Parameters
    ----------
    kind : {'pixel-classes'}
        Name of the loss.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"pixel classes"})
    kind: Literal["pixel-classes"] = "pixel-classes"

    def __call__(
        self, output: NetworkOutput, crop: Crop, _weights: Tensor | None = None, /
    ) -> LossTerms:
        """Compare a batch with its targets; class weights do not apply to pixels."""
        semantic = cross_entropy_of_sets(*six_logits(output, crop))
        zero = torch.zeros_like(semantic)
        return LossTerms(semantic, zero, zero, zero, semantic)


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class FocalDiceLoss(Loss):
    """Focal loss plus Dice loss of background and the types of cell, by pixel.

    Parameters
    ----------
    gamma : float, optional
        Exponent of the focal loss.
    smoothing : float, optional
        Of the Dice loss, which is averaged over all classes.
    kind : {'focal-dice'}
        Name of the loss.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"pixel classes"})
    gamma: float = 2.0
    smoothing: float = 1e-5
    kind: Literal["focal-dice"] = "focal-dice"

    def __post_init__(self) -> None:
        if self.gamma != 0 and self.gamma < 1:
            raise SettingsError(
                f"gamma is {self.gamma}; give 0, or 1 or more: the gradient of the "
                "focal loss has no limit between."
            )
        if self.smoothing <= 0:
            raise SettingsError(
                f"smoothing is {self.smoothing}; give more than 0, since the Dice of "
                "an absent class is 0 / 0."
            )

    def __call__(
        self, output: NetworkOutput, crop: Crop, _weights: Tensor | None = None, /
    ) -> LossTerms:
        """Compare a batch with its targets; class weights do not apply to pixels."""
        logits, possible = six_logits(output, crop)
        focal = focal_of_sets(logits, possible, self.gamma)
        dice = dice_of_sets(logits, possible, self.smoothing)
        zero = torch.zeros_like(focal)
        return LossTerms(focal, dice, zero, zero, focal + dice)


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class SemanticLoss(Loss):
    """Categorical cross-entropy of background, cytoplasm and nucleus.

    Parameters
    ----------
    kind : {'semantic'}
        Name of the loss.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"nucleus", "cytoplasm"})
    kind: Literal["semantic"] = "semantic"

    def __call__(
        self, output: NetworkOutput, crop: Crop, _weights: Tensor | None = None, /
    ) -> LossTerms:
        """Compare a batch with its targets; there are no classes to weigh."""
        semantic = partial_cross_entropy(output.semantic, crop.allowed)
        zero = torch.zeros_like(semantic)
        return LossTerms(semantic, zero, zero, zero, semantic)


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class BinaryLoss(Loss):
    """Binary cross-entropy of whole cells.

    Parameters
    ----------
    kind : {'binary'}
        Name of the loss.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"cytoplasm"})
    kind: Literal["binary"] = "binary"

    def __call__(
        self, output: NetworkOutput, crop: Crop, _weights: Tensor | None = None, /
    ) -> LossTerms:
        """Compare a batch with its targets; there are no classes to weigh."""
        logit = cell_logit(output.semantic)
        semantic = binary_loss(logit, *cell_target(crop.allowed))
        zero = torch.zeros_like(semantic)
        return LossTerms(semantic, zero, zero, zero, semantic)


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class MultiTaskLoss(Loss):
    """Binary cross-entropy and Dice of nuclei, and squared error of their distance.

    Parameters
    ----------
    distance : float, optional
        Factor of the distance term.
    kind : {'multi-task'}
        Name of the loss.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"nucleus", "distance"})
    outlines_nuclei: ClassVar[bool] = True
    distance: float = 1.0
    kind: Literal["multi-task"] = "multi-task"

    def __call__(
        self, output: NetworkOutput, crop: Crop, _weights: Tensor | None = None, /
    ) -> LossTerms:
        """Compare a batch with its targets; there are no classes to weigh."""
        if output.distance is None:
            raise SettingsError("A network without a distance cannot learn one.")
        logit = nucleus_logit(output.semantic)
        target, known = nucleus_target(crop.allowed)
        semantic = binary_loss(logit, target, known)
        dice = soft_dice(logit.sigmoid(), target.float(), known)
        distance = distance_mse(output.distance, crop.distance)
        total = semantic + dice + self.distance * distance
        return LossTerms(semantic, dice, distance, torch.zeros_like(total), total)


def six_logits(output: NetworkOutput, crop: Crop) -> tuple[Tensor, Tensor]:
    """Logits of background and each type by pixel, and which are possible.

    Parameters
    ----------
    output : NetworkOutput
        With evidence at stride 1.
    crop : Crop
        Batch of crops.

    Returns
    -------
    logits, possible : Tensor of shape (B, 1 + K, H, W)
        K types; six channels for the five types of a normal differential.

    Raises
    ------
    SettingsError
        If there is no evidence, or only at a stride.
    """
    evidence = output.evidence
    if evidence is None or evidence.shape[-2:] != output.semantic.shape[-2:]:
        raise SettingsError(
            "A network without class evidence at every pixel cannot learn classes by "
            "pixel; choose another loss or architecture."
        )
    possible = possible_types(
        crop.allowed, crop.instances, crop.classes, evidence.shape[1]
    )
    return torch.cat([output.semantic[:, :1], evidence], dim=1), possible


def check_fit(
    loss: Loss, network: SegmentationNetwork, output: NetworkOutput, name: str
) -> None:
    """Refuse a loss that the network has no outputs for.

    Parameters
    ----------
    loss : Loss
        What it shall learn.
    network : SegmentationNetwork
        What shall learn.
    output : NetworkOutput
        What it gives for any batch.
    name : str
        Name of the architecture.

    Raises
    ------
    SettingsError
        If an output is lacking.
    """
    evidence = output.evidence
    by_pixel = evidence is not None and evidence.shape[2:] == output.semantic.shape[2:]
    given = {
        "nucleus": network.has_nucleus,
        "cytoplasm": network.has_cytoplasm,
        "distance": output.distance is not None,
        "pixel classes": by_pixel,
    }
    missing = sorted(need for need in loss.needs if not given[need])
    if missing:
        raise SettingsError(
            f"losses.kind is {loss.kind!r}, but architecture {name!r} has no output "
            f"for {' and '.join(missing)}; choose another loss or architecture."
        )


KINDS = (
    "partial",
    "pixel-classes",
    "focal-dice",
    "semantic",
    "binary",
    "multi-task",
)


def kind_of(settings: Any) -> Any:
    """Kind of a loss, given as a mapping or made; `partial` if it names none."""
    if isinstance(settings, dict):
        return settings.get("kind", "partial")
    return getattr(settings, "kind", None)


LossSettings = Annotated[
    Annotated[PartialLoss, Tag("partial")]
    | Annotated[PixelClassLoss, Tag("pixel-classes")]
    | Annotated[FocalDiceLoss, Tag("focal-dice")]
    | Annotated[SemanticLoss, Tag("semantic")]
    | Annotated[BinaryLoss, Tag("binary")]
    | Annotated[MultiTaskLoss, Tag("multi-task")],
    Discriminator(
        kind_of,
        custom_error_type="unknown_kind",
        custom_error_message=f"its kind must be one of {', '.join(KINDS)}",
    ),
]
"""Any loss; in a configuration `kind` tells which, and `partial` is the default."""
