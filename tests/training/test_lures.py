"""What tempts a model is noted where an expert saw no cell, and nowhere else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_leukoseg.segment.model import load_model
from napari_leukoseg.segment.predict import Segmenter
from napari_leukoseg.steps import run_steps
from napari_leukoseg.training.lures import find_lures
from napari_leukoseg.training.sample import ANYTHING, IS_BACKGROUND, Sample
from napari_leukoseg.training.warping import shrink


@pytest.fixture(scope="module")
def noted(color_model: Path) -> Callable[[Sample], Sample]:
    """Return a function that notes the lures of a sample."""
    segmenter = Segmenter(load_model(color_model), torch.device("cpu"))

    def note(sample: Sample) -> Sample:
        (found,) = run_steps(find_lures(segmenter, [sample]), lambda _: None)
        return found

    return note


def test_marked_cells_are_no_lures(
    samples: list[Sample], noted: Callable[[Sample], Sample]
) -> None:
    for sample in samples:
        assert noted(sample).lures == ()


def test_unmarked_cells_are_lures_where_the_ground_is_certain(
    samples: list[Sample],
    noted: Callable[[Sample], Sample],
    unmarked: Callable[[Sample, int], Sample],
) -> None:
    n_lures = 0
    for sample in samples:
        lures = noted(unmarked(sample, IS_BACKGROUND)).lures
        n_lures += len(lures)
        for row, column in lures:
            assert sample.instances[round(row), round(column)] > 0
        assert noted(unmarked(sample, ANYTHING)).lures == ()
    assert n_lures > 0


def test_samples_of_nuclei_have_none(
    samples: list[Sample],
    noted: Callable[[Sample], Sample],
    unmarked: Callable[[Sample, int], Sample],
) -> None:
    nuclei = replace(unmarked(samples[0], IS_BACKGROUND), has_distance=False)
    assert noted(nuclei).lures == ()


def test_lures_shrink_with_their_picture(samples: list[Sample]) -> None:
    sample = replace(samples[0], lures=((40.0, 100.0),))
    small = shrink(sample, sample.cell_diameter_px / 2)
    assert small.lures == ((20.0, 50.0),)
