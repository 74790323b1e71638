"""Figures that follow from counts of pixels or cells by true and predicted class.

All take counts with any leading axes, so that the resamples of a bootstrap are
one array. An empty denominator gives NaN, and averages over classes skip it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ClassCounts",
    "accuracy",
    "balanced_accuracy",
    "confusion_matrix",
    "macro_average",
    "mean_iou",
    "ratio",
    "weighted_average",
]


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """Divide, giving NaN where the denominator is 0; shapes broadcast."""
    above, below = np.broadcast_arrays(
        np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    )
    empty = np.full(above.shape, np.nan)
    return np.asarray(np.divide(above, below, out=empty, where=below != 0))


def confusion_matrix(
    truth: NDArray[np.integer[Any]],
    predicted: NDArray[np.integer[Any]],
    n_classes: int,
) -> NDArray[np.int64]:
    """Count pixels or cells by class.

    Parameters
    ----------
    truth, predicted : ndarray of int, one shape
        Class indices, from 0 to `n_classes` - 1; pairs with any other index
        are left out.
    n_classes : int
        Number of classes K.

    Returns
    -------
    confusion : ndarray of int64, shape (K, K)
        Rows are true, columns predicted classes.
    """
    known = (truth >= 0) & (truth < n_classes)
    known &= (predicted >= 0) & (predicted < n_classes)
    places = truth[known].astype(np.int64) * n_classes + predicted[known]
    counts = np.bincount(places, minlength=n_classes**2).astype(np.int64)
    return counts.reshape(n_classes, n_classes)


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """True and false positives and negatives of each class.

    Parameters
    ----------
    tp, fp, fn, tn : ndarray of float64, shape (..., K)
        Counts, one class against all others.
    """

    tp: NDArray[np.float64]
    fp: NDArray[np.float64]
    fn: NDArray[np.float64]
    tn: NDArray[np.float64]

    @classmethod
    def from_confusion(cls, confusion: ArrayLike) -> ClassCounts:
        """Count from a confusion matrix.

        Parameters
        ----------
        confusion : array_like, shape (..., K, L) with L of K or more
            Rows are true, columns predicted classes; columns beyond the K-th
            are answers that name none of the classes, such as cells not found.
        """
        counts = np.asarray(confusion, np.float64)
        n_classes = counts.shape[-2]
        tp = np.diagonal(counts, axis1=-2, axis2=-1)
        fn = counts.sum(axis=-1) - tp
        fp = counts[..., :n_classes].sum(axis=-2) - tp
        return cls(tp, fp, fn, counts.sum(axis=(-2, -1))[..., None] - tp - fp - fn)

    @property
    def support(self) -> NDArray[np.float64]:
        """True members of each class."""
        return self.tp + self.fn

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """(TP + TN) / all."""
        return ratio(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)

    @property
    def precision(self) -> NDArray[np.float64]:
        """TP / (TP + FP)."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> NDArray[np.float64]:
        """TP / (TP + FN)."""
        return ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> NDArray[np.float64]:
        """2 TP / (2 TP + FP + FN), which is Dice, and 2 P R / (P + R)."""
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    dice = f1

    @property
    def jaccard(self) -> NDArray[np.float64]:
        """TP / (TP + FP + FN), the IoU."""
        return ratio(self.tp, self.tp + self.fp + self.fn)


def accuracy(confusion: ArrayLike) -> NDArray[np.float64]:
    """Share of right answers, shape (...), of confusions of shape (..., K, L)."""
    counts = np.asarray(confusion, np.float64)
    right = np.trace(counts, axis1=-2, axis2=-1)
    return ratio(right, counts.sum(axis=(-2, -1)))


def balanced_accuracy(confusion: ArrayLike) -> NDArray[np.float64]:
    """Mean recall of the classes that occur; shapes as for `accuracy`."""
    return macro_average(ClassCounts.from_confusion(confusion).recall)


def mean_iou(
    confusion: ArrayLike, *, with_background: bool = True
) -> NDArray[np.float64]:
    """Mean Jaccard index over the classes.

    Parameters
    ----------
    confusion : array_like, shape (..., K, L)
        Counts; class 0 is background.
    with_background : bool, optional
        Whether background is one of the classes averaged over.

    Returns
    -------
    mean : ndarray of float64, shape (...)
        Over classes that are there or predicted.
    """
    iou = ClassCounts.from_confusion(confusion).jaccard
    return macro_average(iou if with_background else iou[..., 1:])


def macro_average(values: ArrayLike) -> NDArray[np.float64]:
    """Mean over the last axis of the values that are known; NaN if none is."""
    return weighted_average(values, np.ones(np.shape(values)[-1:]))


def weighted_average(values: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Weighted mean over the last axis of the values that are known."""
    figures = np.asarray(values, np.float64)
    known = np.isfinite(figures)
    shares = np.where(known, np.asarray(weights, np.float64), 0)
    total = (shares * np.where(known, figures, 0)).sum(axis=-1)
    return ratio(total, shares.sum(axis=-1))
