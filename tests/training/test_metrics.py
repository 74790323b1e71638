"""Metrics against hand counts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from napari_leukoseg.training.metrics import (
    dice,
    intersection_over_union,
    match_cells,
    overlap_matrix,
)

LABELS = arrays(np.int64, (6, 7), elements=st.integers(0, 3))


@given(arrays(bool, (5, 6)), arrays(bool, (5, 6)))
def test_dice_is_f1(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> None:
    if not (first.any() or second.any()):
        assert math.isnan(dice(first, second))
    else:
        expected = f1_score(first.ravel(), second.ravel(), zero_division=0)
        assert dice(first, second) == pytest.approx(expected)


@given(LABELS, LABELS)
def test_overlaps_are_counted_right(
    truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> None:
    overlap, true_ids, predicted_ids = overlap_matrix(truth, predicted)
    iou, _, _ = intersection_over_union(truth, predicted)
    for r, i in enumerate(true_ids):
        for c, j in enumerate(predicted_ids):
            both = ((truth == i) & (predicted == j)).sum()
            either = ((truth == i) | (predicted == j)).sum()
            assert overlap[r, c] == both
            assert iou[r, c] == pytest.approx(both / either)


@given(LABELS, LABELS)
def test_matches_are_one_to_one(
    truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> None:
    pairs = match_cells(truth, predicted)
    assert len(set(pairs.values())) == len(pairs)
    assert match_cells(truth, truth) == {int(i): int(i) for i in np.unique(truth) if i}
