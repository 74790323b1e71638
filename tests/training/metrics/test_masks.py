"""Masks are compared as by scikit-learn, class maps as published."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from napari_leukoseg.training.metrics import dice, dice_coef_multiclass, jaccard


@given(arrays(bool, (5, 6)), arrays(bool, (5, 6)))
def test_dice_is_f1_and_gives_jaccard(
    first: NDArray[np.bool_], second: NDArray[np.bool_]
) -> None:
    if not (first.any() or second.any()):
        assert math.isnan(dice(first, second))
        assert math.isnan(jaccard(first, second))
        return
    expected = f1_score(first.ravel(), second.ravel(), zero_division=0)
    assert dice(first, second) == pytest.approx(expected)
    assert jaccard(first, second) == pytest.approx(expected / (2 - expected))


def test_published_dice_sums_over_classes_and_averages_over_pictures() -> None:
    one_hot = np.zeros((2, 3, 1, 2))
    one_hot[0, 0] = one_hot[1, 0, 0, 0] = one_hot[1, 2, 0, 1] = 1
    probabilities = np.zeros((2, 3, 1, 2))
    probabilities[0, 0] = 0.9
    probabilities[0, 1] = 0.1
    probabilities[1, 0] = probabilities[1, 1] = 0.5
    # Shared 1.8 and 0.5 of 2 pixels, so (3.6 + 1) / (4 + 1) and (1 + 1) / (4 + 1).
    found = dice_coef_multiclass(one_hot, probabilities)
    assert found == pytest.approx((4.6 / 5 + 2 / 5) / 2)


def test_published_dice_is_dominated_by_background() -> None:
    truth = np.zeros((1, 2, 100, 100))
    truth[:, 0] = 1
    truth[:, :, :10, :22] = [[[[0]], [[1]]]]  # a cell of 2.2 % of the picture
    nothing_found = np.zeros_like(truth)
    nothing_found[:, 0] = 1
    assert dice_coef_multiclass(truth, nothing_found) == pytest.approx(0.978, abs=1e-3)
