"""How far class probabilities can be trusted: ranking and calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.training.metrics.counts import ratio

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CALIBRATION_BINS",
    "bin_confidences",
    "calibration_error",
    "expected_calibration_error",
    "one_vs_rest_auroc",
]

CALIBRATION_BINS = 10
"""Bins of equal width in which confidence and accuracy are compared."""


def one_vs_rest_auroc(
    probabilities: NDArray[np.floating[Any]],
    truth: NDArray[np.integer[Any]],
    weights: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Area under the ROC curve of each class against all others.

    It is the chance that a member is given a higher probability than another
    cell; a tie counts half.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, K)
        Of each cell and class.
    truth : ndarray of int, shape (n,)
        Class indices.
    weights : array_like, shape (..., n), optional
        How often each cell counts; once by default.

    Returns
    -------
    areas : ndarray of float64, shape (..., K)
        NaN for a class without members, or without others.
    """
    n_cells, n_classes = probabilities.shape
    times = np.ones(n_cells) if weights is None else np.asarray(weights, np.float64)
    areas = np.full((*times.shape[:-1], n_classes), np.nan)
    for class_index in range(n_classes if n_cells else 0):
        order = np.argsort(probabilities[:, class_index], kind="stable")
        scores = probabilities[order, class_index]
        starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
        is_member = truth[order] == class_index
        members, others = (
            np.add.reduceat(times[..., order] * kind, starts, axis=-1)
            for kind in (is_member, ~is_member)
        )
        lower = others.cumsum(axis=-1) - others / 2
        pairs = members.sum(axis=-1) * others.sum(axis=-1)
        areas[..., class_index] = ratio((members * lower).sum(axis=-1), pairs)
    return areas


def bin_confidences(
    confidences: NDArray[np.floating[Any]], n_bins: int = CALIBRATION_BINS
) -> NDArray[np.intp]:
    """Give the bin of each confidence, shape (n,).

    Bins are (0, 1/n], (1/n, 2/n], … (1 - 1/n, 1]; 0 goes into the first.
    """
    bins = np.ceil(np.asarray(confidences, np.float64) * n_bins).astype(np.intp) - 1
    return np.clip(bins, 0, n_bins - 1)


def calibration_error(
    counts: ArrayLike, confidences: ArrayLike, right: ArrayLike
) -> NDArray[np.float64]:
    """Compute the expected calibration error from sums over bins [1]_.

    Parameters
    ----------
    counts, confidences, right : array_like, shape (..., n_bins)
        Cells of each bin, the sum of their confidences, and how many of them
        are classed right.

    Returns
    -------
    error : ndarray of float64, shape (...)
        Mean difference of confidence and accuracy, bins weighted by cells.

    References
    ----------
    .. [1] C. Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    gap = np.abs(np.subtract(confidences, right)).sum(axis=-1)
    return ratio(gap, np.asarray(counts).sum(axis=-1))


def expected_calibration_error(
    confidences: NDArray[np.floating[Any]],
    is_right: NDArray[np.bool_],
    n_bins: int = CALIBRATION_BINS,
) -> float:
    """Bin single answers and compare; see `calibration_error`.

    Parameters
    ----------
    confidences : ndarray of float, shape (n,)
        Probability of the answer given.
    is_right : ndarray of bool, shape (n,)
        Whether the answer was right.
    n_bins : int, optional
        Number of bins of equal width.
    """
    bins = bin_confidences(confidences, n_bins)
    sums = [
        np.bincount(bins, values, n_bins)
        for values in (np.ones(bins.size), confidences, is_right)
    ]
    return float(calibration_error(*sums))
