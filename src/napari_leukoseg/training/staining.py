"""Standardizes training pictures as a system does before its network."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_leukoseg.stain import StainChoice, StainEstimationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_leukoseg.stain import StainStep
    from napari_leukoseg.training.sample import Sample

__all__ = ["standardize_samples"]

logger = logging.getLogger(__name__)


def standardize_samples(samples: Iterable[Sample], stain: str) -> list[Sample]:
    """Return samples with standardized pictures, each by its own estimate.

    Pictures that do not show how they are stained stay as they are, as they do
    when a model with this step segments them.

    Parameters
    ----------
    samples : iterable of Sample
        Labels and names stay.
    stain : str
        As `StainChoice.parse` reads it.

    Raises
    ------
    SettingsError
        If there is no such method.
    StainReferenceError
        If there is no such reference.
    """
    step = StainChoice.parse(stain).prepared()
    return [_standardized(sample, step) for sample in samples]


def _standardized(sample: Sample, step: StainStep) -> Sample:
    """Standardize the picture of one sample, if it can be."""
    try:
        image = step.normalizer.transform(sample.image, strength=step.strength)
    except StainEstimationError as error:
        logger.info("%s %s stays as it is: %s", sample.dataset, sample.name, error)
        return sample
    return replace(sample, image=image)
