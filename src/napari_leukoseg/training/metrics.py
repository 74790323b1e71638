"""Agreement of predicted cells with an expert's, in counts that can be summed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["dice", "intersection_over_union", "match_cells", "overlap_matrix"]


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Dice coefficient, 2 |A and B| / (|A| + |B|); NaN where both are empty.

    Parameters
    ----------
    first, second : ndarray of bool, one shape
        Masks.
    """
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else float("nan")


def overlap_matrix(
    truth: NDArray[np.integer], predicted: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.integer], NDArray[np.integer]]:
    """Count the pixels that each true cell shares with each predicted one.

    Parameters
    ----------
    truth, predicted : ndarray of int, one shape (M, N)
        Instance ids; 0 is background.

    Returns
    -------
    overlap : ndarray of int64, shape (n_true, n_predicted)
        Common pixels.
    true_ids, predicted_ids : ndarray of int
        Ids of its rows and columns, without background.
    """
    true_ids, rows = np.unique(truth, return_inverse=True)
    predicted_ids, columns = np.unique(predicted, return_inverse=True)
    counts = np.bincount(
        rows.ravel() * predicted_ids.size + columns.ravel(),
        minlength=true_ids.size * predicted_ids.size,
    ).reshape(true_ids.size, predicted_ids.size)
    overlap = counts[true_ids != 0][:, predicted_ids != 0]
    return overlap, true_ids[true_ids != 0], predicted_ids[predicted_ids != 0]


def intersection_over_union(
    truth: NDArray[np.integer], predicted: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.integer], NDArray[np.integer]]:
    """IoU of each true cell with each predicted one; see `overlap_matrix`."""
    overlap, true_ids, predicted_ids = overlap_matrix(truth, predicted)
    true_areas = np.array([(truth == i).sum() for i in true_ids])
    predicted_areas = np.array([(predicted == i).sum() for i in predicted_ids])
    union = true_areas[:, None] + predicted_areas[None, :] - overlap
    iou = overlap / np.maximum(union, 1)
    return np.asarray(iou, np.float64), true_ids, predicted_ids


def match_cells(
    truth: NDArray[np.integer],
    predicted: NDArray[np.integer],
    *,
    threshold: float = 0.5,
) -> dict[int, int]:
    """Pair true with predicted cells whose IoU exceeds a threshold of 0.5 or more.

    Above 0.5 a cell has at most one partner, so no assignment is needed [1]_.

    Returns
    -------
    pairs : dict
        Predicted id of each matched true id.

    References
    ----------
    .. [1] A. Kirillov et al., "Panoptic segmentation", CVPR 2019.
    """
    iou, true_ids, predicted_ids = intersection_over_union(truth, predicted)
    return {
        int(true_ids[r]): int(predicted_ids[c])
        for r, c in zip(*np.nonzero(iou > threshold), strict=True)
    }
