"""Agreement of predicted cells with an expert's, cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from napari_leukoseg.training.metrics.counts import ratio

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

__all__ = [
    "Detection",
    "Overlap",
    "PanopticQuality",
    "aggregated_jaccard",
    "detect",
    "match_cells",
    "match_pairs",
    "measure_overlap",
    "panoptic_quality",
]

MATCH_IOU = 0.5
"""IoU above which two cells match; a cell then has at most one partner."""


class Overlap(NamedTuple):
    """Pixels that true and predicted cells have and share.

    Parameters
    ----------
    shared : ndarray of int64, shape (n_true, n_predicted)
        Common pixels.
    true_ids, predicted_ids : ndarray of int
        Ids of the rows and columns, rising, without background.
    true_areas, predicted_areas : ndarray of int64
        Pixels of each cell.
    """

    shared: NDArray[np.int64]
    true_ids: NDArray[np.integer[Any]]
    predicted_ids: NDArray[np.integer[Any]]
    true_areas: NDArray[np.int64]
    predicted_areas: NDArray[np.int64]

    @property
    def union(self) -> NDArray[np.int64]:
        """Pixels of each pair, shape (n_true, n_predicted)."""
        return self.true_areas[:, None] + self.predicted_areas - self.shared

    @property
    def iou(self) -> NDArray[np.float64]:
        """Shared pixels over those of both, shape (n_true, n_predicted)."""
        return self.shared / self.union  # no cell is without pixels

    def select(
        self,
        rows: NDArray[np.bool_] | slice = slice(None),
        columns: NDArray[np.bool_] | slice = slice(None),
    ) -> Overlap:
        """Keep some of the true and of the predicted cells."""
        return Overlap(
            self.shared[rows][:, columns],
            self.true_ids[rows],
            self.predicted_ids[columns],
            self.true_areas[rows],
            self.predicted_areas[columns],
        )

    def dice_of(self, true_id: int, predicted_ids: Collection[int]) -> float:
        """Dice of a true cell and predicted ones together.

        Ids without pixels may be given; NaN if none has any.
        """
        row = self.true_ids == true_id
        columns = np.isin(self.predicted_ids, list(predicted_ids))
        total = self.true_areas[row].sum() + self.predicted_areas[columns].sum()
        return float(ratio(2 * self.shared[row][:, columns].sum(), total))


def measure_overlap(
    truth: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]]
) -> Overlap:
    """Count the pixels that each true cell shares with each predicted one.

    Parameters
    ----------
    truth, predicted : ndarray of int, one shape (M, N)
        Instance ids; 0 is background.
    """
    somewhere = (truth != 0) | (predicted != 0)  # sorting all of a field is slow
    true_ids, rows = np.unique(truth[somewhere], return_inverse=True)
    predicted_ids, columns = np.unique(predicted[somewhere], return_inverse=True)
    counts = np.bincount(
        rows * predicted_ids.size + columns,
        minlength=true_ids.size * predicted_ids.size,
    ).reshape(true_ids.size, predicted_ids.size)
    overlap = Overlap(
        counts, true_ids, predicted_ids, counts.sum(axis=1), counts.sum(axis=0)
    )
    return overlap.select(true_ids != 0, predicted_ids != 0)


def match_pairs(
    overlap: Overlap, threshold: float = MATCH_IOU
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the cells whose IoU exceeds a threshold of 0.5 or more."""
    rows, columns = np.nonzero(overlap.iou > threshold)
    return rows, columns


def match_cells(
    truth: NDArray[np.integer[Any]],
    predicted: NDArray[np.integer[Any]],
    *,
    threshold: float = MATCH_IOU,
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
    overlap = measure_overlap(truth, predicted)
    return {
        int(overlap.true_ids[row]): int(overlap.predicted_ids[column])
        for row, column in zip(*match_pairs(overlap, threshold), strict=True)
    }


class Detection(NamedTuple):
    """Cells found, predicted in vain, and missed, at IoU 0.5."""

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        """TP / (TP + FP); NaN where nothing is predicted."""
        return float(ratio(self.tp, self.tp + self.fp))

    @property
    def recall(self) -> float:
        """TP / (TP + FN); NaN where there is no cell."""
        return float(ratio(self.tp, self.tp + self.fn))

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); NaN where there is no cell at all."""
        return float(ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn))


def detect(overlap: Overlap) -> Detection:
    """Count matches at an IoU above 0.5."""
    n_matches = match_pairs(overlap)[0].size
    n_true, n_predicted = overlap.shared.shape
    return Detection(n_matches, n_predicted - n_matches, n_true - n_matches)


class PanopticQuality(NamedTuple):
    """Panoptic quality of one class of things, and its two factors.

    Parameters
    ----------
    pq : float
        SQ times RQ; 0 where nothing matches, NaN where there is no cell at all.
    sq : float
        Mean IoU of matched pairs; NaN where nothing matches.
    rq : float
        TP / (TP + FP / 2 + FN / 2).
    """

    pq: float
    sq: float
    rq: float


def panoptic_quality(overlap: Overlap) -> PanopticQuality:
    """Panoptic quality of a picture's cells [1]_.

    References
    ----------
    .. [1] A. Kirillov et al., "Panoptic segmentation", CVPR 2019.
    """
    matched = overlap.iou[match_pairs(overlap)]
    found = detect(overlap)
    total = found.tp + found.fp / 2 + found.fn / 2
    return PanopticQuality(
        float(ratio(matched.sum(), total)),
        float(ratio(matched.sum(), found.tp)),
        float(ratio(found.tp, total)),
    )


def aggregated_jaccard(overlap: Overlap, *, one_to_one: bool = False) -> float:
    """Compute the aggregated Jaccard index of a picture's cells.

    Shared pixels of all pairs over the pixels of all pairs and of all cells
    that are in none.

    Parameters
    ----------
    overlap : Overlap
        Of one picture.
    one_to_one : bool, optional
        Each true cell is paired with the predicted one of highest IoU, which
        may be taken several times: AJI as in the MoNuSeg challenge [1]_.
        If true, pairs are one to one and of highest total IoU: AJI+ [2]_.

    Returns
    -------
    index : float
        NaN where there is no cell at all.

    References
    ----------
    .. [1] N. Kumar et al., "A dataset and a technique for generalized nuclear
       segmentation for computational pathology", IEEE TMI 36(7), 2017.
    .. [2] S. Graham et al., "HoVer-Net: Simultaneous segmentation and
       classification of nuclei in multi-tissue histology images", Medical
       Image Analysis 58, 2019.
    """
    rows, columns = (_assign if one_to_one else _choose_best)(overlap)
    unused = np.setdiff1d(np.arange(overlap.predicted_ids.size), columns)
    missed = np.setdiff1d(np.arange(overlap.true_ids.size), rows)
    total = (
        overlap.union[rows, columns].sum()
        + overlap.predicted_areas[unused].sum()
        + overlap.true_areas[missed].sum()
    )
    return float(ratio(overlap.shared[rows, columns].sum(), total))


def _choose_best(overlap: Overlap) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair each true cell that overlaps any with the one of highest IoU."""
    rows = np.flatnonzero(overlap.shared.any(axis=1))
    if not rows.size:
        return rows, rows
    return rows, overlap.iou[rows].argmax(axis=1)


def _assign(overlap: Overlap) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair cells one to one, overlapping ones only."""
    rows, columns = linear_sum_assignment(overlap.iou, maximize=True)
    touch = overlap.shared[rows, columns] > 0
    return rows[touch], columns[touch]
