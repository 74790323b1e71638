"""How an epoch is judged: on crops at the true scale, as they look."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_leukoseg.segment.networks.base import BACKGROUND, NUCLEUS
from napari_leukoseg.training.bending import BendSettings
from napari_leukoseg.training.cell_losses import pool_evidence
from napari_leukoseg.training.pixel_losses import cell_target, nucleus_target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_leukoseg.segment.networks import NetworkOutput, SegmentationNetwork
    from napari_leukoseg.training.crop_settings import CropSettings
    from napari_leukoseg.training.crops import Crop

__all__ = ["BatchFigures", "agreement", "pool_figures", "validation_settings"]


class BatchFigures(NamedTuple):
    """What is found of a validation batch.

    Parameters
    ----------
    position : int
        Its place among the batches.
    loss : float
        Total loss.
    counts : ndarray of shape (3, 2) and dtype float64
        As `agreement` gives them.
    """

    position: int
    loss: float
    counts: NDArray[np.float64]


def validation_settings(settings: CropSettings) -> CropSettings:
    """Cut crops as training does, less all that changes how pictures look."""
    return replace(
        settings,
        scale_range=(0.9, 1.1),
        off_scale=0.0,
        elastic_px=0.0,
        bend=BendSettings(),
        mosaic=0.0,
        paste=0.0,
        grid=0.0,
        appearance=None,
    )


def agreement(
    output: NetworkOutput, crop: Crop, network: SegmentationNetwork
) -> NDArray[np.float64]:
    """Count where a network agrees with the expert.

    Parameters
    ----------
    output : NetworkOutput
        What it predicted.
    crop : Crop
        The same batch.
    network : SegmentationNetwork
        Tells what it can predict.

    Returns
    -------
    counts : ndarray of shape (3, 2) and dtype float64
        Numerator and denominator of cell Dice, nucleus Dice and class
        accuracy; zero where the network gives no such thing.
    """
    counts = np.zeros((3, 2))
    part = output.semantic.argmax(dim=1)
    if network.has_cytoplasm:
        counts[0] = dice_counts(part != BACKGROUND, *cell_target(crop.allowed))
    if network.has_nucleus:
        counts[1] = dice_counts(part == NUCLEUS, *nucleus_target(crop.allowed))
    if output.evidence is not None:
        known = crop.classes >= 0
        pooled = pool_evidence(output.evidence, crop.instances, crop.classes.shape[1])
        right = (pooled[:, 1:].argmax(dim=2) == crop.classes) & known
        counts[2] = float(right.sum()), float(known.sum())
    return counts


def dice_counts(found: Tensor, target: Tensor, known: Tensor) -> tuple[float, float]:
    """Numerator and denominator of the Dice of two masks where that is known."""
    found = found & known
    return float(2 * (found & target).sum()), float(found.sum() + target.sum())


def pool_figures(
    batches: Iterable[BatchFigures],
) -> tuple[float, float, float, float]:
    """Pool what was found of all batches, whichever process found it.

    Parameters
    ----------
    batches : iterable of BatchFigures
        In any order.

    Returns
    -------
    loss, cell_dice, nucleus_dice, class_accuracy : float
        Mean loss; NaN where the others have no denominator.
    """
    ordered = sorted(batches, key=lambda batch: batch.position)
    totals = np.sum([batch.counts for batch in ordered], axis=0)
    with np.errstate(invalid="ignore"):
        cell, nucleus, accuracy = (totals[:, 0] / totals[:, 1]).tolist()
    return float(np.mean([batch.loss for batch in ordered])), cell, nucleus, accuracy
