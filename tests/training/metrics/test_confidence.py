"""Ranking and calibration agree with scikit-learn and torchmetrics."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torchmetrics.functional.classification import multiclass_calibration_error

from napari_leukoseg.training.metrics import (
    CALIBRATION_BINS,
    bin_confidences,
    expected_calibration_error,
    one_vs_rest_auroc,
)


def draw(seed: int, n_cells: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of four classes, with ties, and true classes."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(4, 0.5), n_cells).round(1)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities, rng.integers(0, 4, n_cells)


@pytest.mark.parametrize("seed", range(3))
def test_auroc_is_that_of_scikit_learn(seed: int) -> None:
    probabilities, truth = draw(seed)
    expected = [roc_auc_score(truth == k, probabilities[:, k]) for k in range(4)]
    np.testing.assert_allclose(one_vs_rest_auroc(probabilities, truth), expected)


def test_weights_count_cells_several_times() -> None:
    probabilities, truth = draw(5, 20)
    times = np.random.default_rng(1).integers(0, 4, (3, 20))
    found = one_vs_rest_auroc(probabilities, truth, times)
    for row, weights in zip(found, times, strict=True):
        repeated = np.repeat(np.arange(20), weights)
        single = one_vs_rest_auroc(probabilities[repeated], truth[repeated])
        np.testing.assert_allclose(row, single)


def test_auroc_needs_members_and_others() -> None:
    probabilities = np.array([[0.2, 0.8], [0.6, 0.4]])
    assert np.isnan(one_vs_rest_auroc(probabilities, np.array([0, 0]))).all()
    assert np.isnan(one_vs_rest_auroc(probabilities[:0], np.array([], int))).all()


@pytest.mark.parametrize("n_bins", [5, 10, 15])
def test_calibration_error_is_that_of_torchmetrics(n_bins: int) -> None:
    rng = np.random.default_rng(n_bins)
    probabilities = rng.dirichlet(np.full(4, 0.5), 200)
    truth = rng.integers(0, 4, 200)
    expected = multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(truth), 4, n_bins
    )
    is_right = probabilities.argmax(axis=1) == truth
    found = expected_calibration_error(probabilities.max(axis=1), is_right, n_bins)
    assert found == pytest.approx(float(expected), rel=1e-4)


def test_bins_are_open_below_and_closed_above() -> None:
    edges = np.array([0.0, 0.1, 0.1000001, 0.95, 1.0])
    last = CALIBRATION_BINS - 1
    np.testing.assert_array_equal(bin_confidences(edges), [0, 0, 1, last, last])


def test_honest_answers_are_calibrated() -> None:
    right = np.array([True, True, True, False])
    assert expected_calibration_error(np.full(4, 0.75), right) == pytest.approx(0)
    assert expected_calibration_error(np.ones(4), right) == pytest.approx(0.25)
    assert math.isnan(expected_calibration_error(np.array([]), np.array([], bool)))
