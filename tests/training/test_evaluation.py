"""Scores of a picture follow from what was predicted and what was labeled."""

import math
from dataclasses import replace

import numpy as np
import pytest

from napari_leukoseg.training.evaluation import (
    PredictedLabels,
    score_picture,
    summarize,
)
from napari_leukoseg.training.sample import ANYTHING, IS_CELL, IS_NUCLEUS, Sample


def perfect(sample: Sample) -> PredictedLabels:
    cells = np.maximum(sample.instances, 0).astype(np.uint32)
    is_nucleus = sample.allowed == IS_NUCLEUS
    return PredictedLabels(
        np.where(is_nucleus, cells, 0).astype(np.uint32),
        np.where(is_nucleus, 0, cells).astype(np.uint32),
        dict(sample.cell_classes),
        dict.fromkeys(sample.cell_classes, 0.9),
    )


def test_perfect_labels_score_one(samples: list[Sample]) -> None:
    figures = summarize([score_picture(s, perfect(s)) for s in samples])["drawn"]
    for name in (
        "cell_dice",
        "nucleus_dice",
        "recall",
        "precision",
        "class_accuracy",
        "balanced_accuracy",
    ):
        assert figures[name] == pytest.approx(1), name


def test_empty_labels_score_zero(samples: list[Sample]) -> None:
    nothing = np.zeros(samples[0].instances.shape, np.uint32)
    empty = PredictedLabels(nothing, nothing, {}, {})
    figures = summarize([score_picture(samples[0], empty)])["drawn"]
    assert figures["cell_dice"] == figures["recall"] == figures["class_accuracy"] == 0
    assert math.isnan(figures["precision"])


def test_cells_where_the_labels_are_silent_are_not_false(samples: list[Sample]) -> None:
    sample = samples[0]
    last = int(sample.instance_ids[-1])
    unmarked = sample.instances == last
    without = replace(
        sample,
        instances=np.where(unmarked, 0, sample.instances).astype(np.int32),
        cell_classes={k: v for k, v in sample.cell_classes.items() if k != last},
    )
    silent = replace(
        without,
        allowed=np.where(unmarked, np.uint8(ANYTHING), sample.allowed),
    )
    ground = replace(without, allowed=np.where(unmarked, np.uint8(1), sample.allowed))
    assert score_picture(silent, perfect(sample)).n_false == 0
    assert score_picture(ground, perfect(sample)).n_false == 1


def test_whole_cell_labels_give_no_nucleus_score(samples: list[Sample]) -> None:
    whole = replace(
        samples[0],
        allowed=np.where(samples[0].allowed > 1, np.uint8(IS_CELL), np.uint8(1)),
    )
    score = score_picture(whole, perfect(samples[0]))
    assert all(math.isnan(cell.nucleus_dice) for cell in score.cells)
    assert score.cell_dice == 1
