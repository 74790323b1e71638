"""Standardizes training pictures as a system does before its network."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from napari_leukoseg.stain import StainChoice, StainEstimationError
from napari_leukoseg.training.warping import shrink

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_leukoseg.stain import StainStep
    from napari_leukoseg.training.sample import Sample

__all__ = ["standardize_samples"]

logger = logging.getLogger(__name__)


def standardize_samples(
    samples: Iterable[Sample], stain: str, diameter_px: float
) -> list[Sample]:
    """Return samples with standardized pictures, each by its own estimate.

    Pictures are made no finer than needed first, for most of the work grows with
    their pixels; methods that look at surroundings reach as far as they do at full
    resolution. Pictures that do not show how they are stained stay as they are, as
    they do when a model with this step segments them.

    Parameters
    ----------
    samples : iterable of Sample
        Labels are shrunk with the pictures, and names stay.
    stain : str
        As `StainChoice.parse` reads it.
    diameter_px : float
        Pictures are resampled so that cells are no wider than this.

    Raises
    ------
    SettingsError
        If there is no such method.
    StainReferenceError
        If there is no such reference.
    """
    standardized = partial(
        _standardized, step=StainChoice.parse(stain).prepared(), diameter_px=diameter_px
    )
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return list(pool.map(standardized, samples))


def _standardized(sample: Sample, step: StainStep, diameter_px: float) -> Sample:
    """Shrink a sample, and standardize its picture if it can be."""
    small = shrink(sample, diameter_px)
    try:
        image = step.normalizer.transform(
            small.image,
            strength=step.strength,
            downsample=sample.cell_diameter_px / small.cell_diameter_px,
        )
    except StainEstimationError as error:
        logger.info("%s %s stays as it is: %s", sample.dataset, sample.name, error)
        return small
    return replace(small, image=image)
