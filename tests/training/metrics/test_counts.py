"""Figures from counts agree with scikit-learn and torchmetrics."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn import metrics as reference
from torchmetrics.functional.classification import multiclass_jaccard_index

from napari_leukoseg.training.metrics import (
    ClassCounts,
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    macro_average,
    mean_iou,
    ratio,
    weighted_average,
)

N_CLASSES = 4
CLASSES = range(N_CLASSES)
ANSWERS = arrays(np.int64, 30, elements=st.integers(0, N_CLASSES - 1))


@given(ANSWERS, ANSWERS)
def test_classes_are_scored_as_by_scikit_learn(
    truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> None:
    confusion = confusion_matrix(truth, predicted, N_CLASSES)
    expected = reference.confusion_matrix(truth, predicted, labels=CLASSES)
    np.testing.assert_array_equal(confusion, expected)
    counts = ClassCounts.from_confusion(confusion)
    # Where no class of the truth is ever predicted, scikit-learn's mean is 0.
    assume(np.isfinite(counts.precision[counts.support > 0]).any())
    how = {"labels": CLASSES, "zero_division": np.nan}
    for name in ("precision", "recall", "f1"):
        score = getattr(reference, f"{name}_score")
        ours = getattr(counts, name)
        np.testing.assert_allclose(ours, score(truth, predicted, average=None, **how))
        macro = score(truth, predicted, average="macro", **how)
        assert macro_average(ours) == pytest.approx(macro)
        weighted = score(truth, predicted, average="weighted", **how)
        assert weighted_average(ours, counts.support) == pytest.approx(weighted)
    assert accuracy(confusion) == pytest.approx(
        reference.accuracy_score(truth, predicted)
    )
    recalls = [(predicted[truth == k] == k).mean() for k in np.unique(truth)]
    assert balanced_accuracy(confusion) == pytest.approx(np.mean(recalls))


@given(ANSWERS, ANSWERS)
def test_counts_of_a_class_add_up(
    truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> None:
    counts = ClassCounts.from_confusion(confusion_matrix(truth, predicted, N_CLASSES))
    np.testing.assert_array_equal(
        counts.tp + counts.fp + counts.fn + counts.tn, truth.size
    )
    for k in CLASSES:
        right = (truth == k) == (predicted == k)
        assert counts.accuracy[k] == pytest.approx(right.mean())
    np.testing.assert_allclose(counts.jaccard, counts.dice / (2 - counts.dice))


@given(ANSWERS, ANSWERS)
def test_mean_iou_is_that_of_torchmetrics(
    truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> None:
    confusion = confusion_matrix(truth, predicted, N_CLASSES)
    assume(set(truth) | set(predicted) == set(CLASSES))
    each = multiclass_jaccard_index(
        torch.from_numpy(predicted), torch.from_numpy(truth), N_CLASSES, average="none"
    ).numpy()
    assert mean_iou(confusion) == pytest.approx(each.mean(), rel=1e-5)
    foreground = mean_iou(confusion, with_background=False)
    assert foreground == pytest.approx(each[1:].mean(), rel=1e-5, abs=1e-9)


def test_pixels_outside_the_classes_are_left_out() -> None:
    confusion = confusion_matrix(
        np.array([0, 1, -1, 2, 1]), np.array([0, 1, 1, 0, 2]), 2
    )
    np.testing.assert_array_equal(confusion, [[1, 0], [0, 1]])


def test_answers_that_name_no_class_are_misses() -> None:
    confusion = [[3, 0, 1], [1, 2, 2]]  # the last column: not found
    counts = ClassCounts.from_confusion(confusion)
    np.testing.assert_allclose(counts.recall, [3 / 4, 2 / 5])
    np.testing.assert_allclose(counts.precision, [3 / 4, 1])
    assert accuracy(confusion) == pytest.approx(5 / 9)
    assert balanced_accuracy(confusion) == pytest.approx((3 / 4 + 2 / 5) / 2)


def test_empty_denominators_are_unknown_and_skipped() -> None:
    confusion = [[4, 0, 0], [1, 3, 0], [0, 0, 0]]
    counts = ClassCounts.from_confusion(confusion)
    assert math.isnan(counts.recall[2])
    assert math.isnan(counts.f1[2])
    assert balanced_accuracy(confusion) == pytest.approx((1 + 3 / 4) / 2)
    assert mean_iou(confusion) == pytest.approx((4 / 5 + 3 / 4) / 2)
    assert math.isnan(mean_iou(np.zeros((3, 3))))
    assert math.isnan(ratio(1, 0))


@given(arrays(np.int64, (2, 5, 3, 4), elements=st.integers(0, 9)))
def test_resamples_are_scored_as_one_array(confusions: NDArray[np.int64]) -> None:
    for figure in (accuracy, balanced_accuracy, mean_iou):
        single = [[float(figure(c)) for c in row] for row in confusions]
        np.testing.assert_allclose(figure(confusions), single)
