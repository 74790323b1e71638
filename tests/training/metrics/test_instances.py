"""Figures of instances against hand counts, torchmetrics and what must hold."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torchmetrics.functional.detection import panoptic_quality as reference_quality

from napari_leukoseg.training.metrics import (
    aggregated_jaccard,
    detect,
    jaccard,
    match_cells,
    measure_overlap,
    panoptic_quality,
)
from napari_leukoseg.training.sample import Sample

LABELS = arrays(np.int64, (6, 7), elements=st.integers(0, 3))


@given(LABELS, LABELS)
def test_overlaps_are_counted_right(
    truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> None:
    overlap = measure_overlap(truth, predicted)
    for r, i in enumerate(overlap.true_ids):
        assert overlap.true_areas[r] == (truth == i).sum()
        for c, j in enumerate(overlap.predicted_ids):
            assert overlap.predicted_areas[c] == (predicted == j).sum()
            both = ((truth == i) & (predicted == j)).sum()
            either = ((truth == i) | (predicted == j)).sum()
            assert overlap.shared[r, c] == both
            assert overlap.iou[r, c] == pytest.approx(both / either)
            expected = 2 * both / (both + either)
            assert overlap.dice_of(int(i), [int(j)]) == pytest.approx(expected)


def test_dice_of_a_clump_counts_its_parts_together() -> None:
    truth, predicted = np.array([[1, 1, 1, 1, 0]]), np.array([[5, 5, 0, 7, 7]])
    overlap = measure_overlap(truth, predicted)
    assert overlap.dice_of(1, [5, 7]) == pytest.approx(2 * 3 / (4 + 4))
    assert overlap.dice_of(1, []) == 0
    assert math.isnan(overlap.dice_of(2, [9]))  # neither has pixels


@given(LABELS, LABELS)
def test_matches_are_one_to_one(
    truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> None:
    pairs = match_cells(truth, predicted)
    assert len(set(pairs.values())) == len(pairs)
    assert match_cells(truth, truth) == {int(i): int(i) for i in np.unique(truth) if i}
    found = detect(measure_overlap(truth, predicted))
    assert found.tp == len(pairs)
    assert found.tp + found.fn == np.count_nonzero(np.unique(truth))
    assert found.tp + found.fp == np.count_nonzero(np.unique(predicted))


@given(LABELS, LABELS)
def test_quality_is_that_of_torchmetrics(
    truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> None:
    assume(truth.any() or predicted.any())
    pairs = (
        torch.from_numpy(np.stack([labels > 0, labels], axis=-1).astype(np.int64))[None]
        for labels in (predicted, truth)
    )
    expected = reference_quality(
        *pairs, things={1}, stuffs={0}, return_sq_and_rq=True, return_per_class=True
    )
    found = panoptic_quality(measure_overlap(truth, predicted))
    things = expected[0].numpy()
    np.testing.assert_allclose(
        np.nan_to_num([found.pq, found.sq, found.rq]), things, rtol=1e-5, atol=1e-7
    )


@given(LABELS, LABELS)
def test_aggregates_never_exceed_the_jaccard_index_of_all_cells(
    truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> None:
    assume(truth.any() or predicted.any())
    overlap = measure_overlap(truth, predicted)
    bound = jaccard(truth > 0, predicted > 0)
    assert 0 <= aggregated_jaccard(overlap) <= bound + 1e-12
    assert 0 <= aggregated_jaccard(overlap, one_to_one=True) <= bound + 1e-12


def test_a_predicted_cell_over_two_true_ones_is_taken_twice_or_once() -> None:
    truth, predicted = np.array([[1, 1, 2, 2]]), np.array([[4, 4, 4, 4]])
    overlap = measure_overlap(truth, predicted)
    assert aggregated_jaccard(overlap) == pytest.approx((2 + 2) / (4 + 4))
    # One pair of 2 shared and 4 joined pixels, and 2 pixels of the cell left.
    assert aggregated_jaccard(overlap, one_to_one=True) == pytest.approx(2 / (4 + 2))


def test_missed_and_false_cells_lower_the_aggregate() -> None:
    truth = np.array([[1, 1, 1, 1, 0, 0, 2, 2]])
    predicted = np.array([[1, 1, 1, 0, 0, 3, 0, 0]])
    overlap = measure_overlap(truth, predicted)
    for one_to_one in (False, True):
        found = aggregated_jaccard(overlap, one_to_one=one_to_one)
        assert found == pytest.approx(3 / (4 + 1 + 2))
    found = detect(overlap)
    assert (found.tp, found.fp, found.fn) == (1, 1, 1)
    assert found.precision == found.recall == found.f1 == 0.5
    assert panoptic_quality(overlap) == pytest.approx((0.75 / 2, 0.75, 0.5))


def test_one_to_one_takes_the_highest_total() -> None:
    # 1 prefers 8, but only 8 is left for 2.
    truth = np.array([[1] * 6 + [2] * 4])
    predicted = np.array([[7] * 2 + [8] * 8])
    overlap = measure_overlap(truth, predicted)
    assert aggregated_jaccard(overlap) == pytest.approx((4 + 4) / (10 + 8 + 2))
    found = aggregated_jaccard(overlap, one_to_one=True)
    assert found == pytest.approx((2 + 4) / (6 + 8))


def test_numbers_of_the_cells_do_not_matter(samples: list[Sample]) -> None:
    truth = samples[0].instances
    predicted = np.roll(truth, (4, 3), (0, 1))
    ids = np.unique(predicted)[1:]
    renamed = np.zeros(predicted.max() + 1, np.int64)
    renamed[ids] = np.random.default_rng(0).permutation(ids) * 1000
    first, second = (
        measure_overlap(truth, labels) for labels in (predicted, renamed[predicted])
    )
    assert panoptic_quality(first) == pytest.approx(panoptic_quality(second))
    assert 0.3 < aggregated_jaccard(first) < 1
    for one_to_one in (False, True):
        found = [aggregated_jaccard(o, one_to_one=one_to_one) for o in (first, second)]
        assert found[0] == pytest.approx(found[1])


@given(LABELS)
def test_identical_cells_are_perfect(labels: NDArray[np.int64]) -> None:
    overlap = measure_overlap(labels, labels)
    figures = (
        *panoptic_quality(overlap),
        aggregated_jaccard(overlap),
        aggregated_jaccard(overlap, one_to_one=True),
    )
    if labels.any():
        assert figures == (1, 1, 1, 1, 1)
    else:
        assert all(math.isnan(figure) for figure in figures)
