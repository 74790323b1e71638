"""Agreement of two masks, and of class maps as published training metrics have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["dice", "dice_coef_multiclass", "jaccard"]


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Dice coefficient, 2 |A and B| / (|A| + |B|); NaN where both are empty.

    Parameters
    ----------
    first, second : ndarray of bool, one shape
        Masks.
    """
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else float("nan")


def jaccard(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Jaccard index, |A and B| / |A or B|, the IoU; NaN where both are empty.

    It is d / (2 - d) of the Dice coefficient d.

    Parameters
    ----------
    first, second : ndarray of bool, one shape
        Masks.
    """
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else float("nan")


def dice_coef_multiclass(
    one_hot: NDArray[np.number[Any]], probabilities: NDArray[np.floating[Any]]
) -> float:
    """Soft agreement that FlexUNet reports as its Dice [1]_.

    Sums run over the pixels and the classes of a picture at once, so this is
    about the mean probability given to the true class: a soft pixel accuracy
    that background dominates. It serves only to compare with published figures.

    Parameters
    ----------
    one_hot : ndarray, shape (B, C, H, W)
        1 at the true class of a pixel, 0 elsewhere.
    probabilities : ndarray of float, shape (B, C, H, W)
        Predicted; sum to one over the classes.

    References
    ----------
    .. [1] FlexUNet Leukocyte, documentation and code, 2025.
    """
    axes = (1, 2, 3)
    truth = one_hot.astype(np.float64)
    shared = (truth * probabilities).sum(axis=axes)
    total = truth.sum(axis=axes) + probabilities.sum(axis=axes, dtype=np.float64)
    return float(np.mean((2 * shared + 1) / (total + 1)))
