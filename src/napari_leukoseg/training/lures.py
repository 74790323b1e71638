"""Finds what a model takes for white cells and is none, so that it is taught better.

Parasitized red cells, giant platelets and smudges are rare: crops drawn at random
hardly ever show one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from napari_leukoseg.segment.accepting import InstanceSettings, is_cut
from napari_leukoseg.segment.instances import separate
from napari_leukoseg.training.sample import IS_BACKGROUND
from napari_leukoseg.training.warping import shrink

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_leukoseg.segment.predict import Segmenter
    from napari_leukoseg.training.sample import Sample

__all__ = ["find_lures"]

TEMPTING = InstanceSettings(
    min_diameter=0.3,
    min_nucleus_share=0.02,
    min_score=0.6,
    min_nucleus_certainty=0.5,
    small_min_score=0.6,
    small_min_nucleus_certainty=0.5,
)
"""What nearly counts as a cell does, in a picture with another stain."""

SIZES = (1.0, 1.4)
"""Diameters at which cells are shown, in working ones: the usual, and a close look."""

LEAST_GROUND = 0.9
"""Share of it that an expert left outside all white cells."""


def find_lures(
    segmenter: Segmenter, samples: Sequence[Sample]
) -> Generator[tuple[int, int], None, list[Sample]]:
    """Segment pictures, and note where no cell is that was found.

    Parameters
    ----------
    segmenter : Segmenter
        What is tempted.
    samples : sequence of Sample
        Only those that outline whole cells tell where there is none.

    Yields
    ------
    done, total : int
        Samples segmented.

    Returns
    -------
    samples : list of Sample
        The same with their lures. What a picture's edge cuts is none, since experts
        often leave out cells that are cut.
    """
    noted = []
    for number, sample in enumerate(samples):
        yield number, len(samples)
        sizes = SIZES if sample.has_distance else ()
        lures = [_lures(segmenter, sample, size) for size in sizes]
        noted.append(replace(sample, lures=tuple(chain.from_iterable(lures))))
    return noted


def _lures(
    segmenter: Segmenter, sample: Sample, size: float
) -> list[tuple[float, float]]:
    """Middles of what is taken for a cell and lies on the ground of a sample."""
    diameter = size * segmenter.card.cell_diameter_px
    small = shrink(sample, diameter)
    (prediction,) = segmenter.predict([small.image])
    is_ground = small.allowed == IS_BACKGROUND
    zoom = sample.image.shape[0] / is_ground.shape[0]
    lures = []
    for cell in separate(prediction, diameter, TEMPTING).cells:
        share = is_ground[cell.slice][cell.image].mean()
        if share > LEAST_GROUND and not is_cut(cell, is_ground.shape):
            row, column = cell.centroid
            lures.append((row * zoom, column * zoom))
    return lures
