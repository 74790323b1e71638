"""Scores predicted labels of a picture by those of an expert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.training.metrics import dice, match_cells, overlap_matrix
from napari_leukoseg.training.sample import (
    IS_BACKGROUND,
    IS_NUCLEUS,
    UNKNOWN_INSTANCE,
    Sample,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["CellScore", "PictureScore", "PredictedLabels", "score_picture", "summarize"]


@dataclass(frozen=True)
class CellScore:
    """One labeled cell against the predicted cell of largest overlap.

    Parameters
    ----------
    cell_dice, nucleus_dice : float
        NaN where the expert gave no such mask.
    is_found : bool
        Whether a predicted cell matches it at IoU 0.5.
    class_id, predicted_class_id : int
        0 where unknown or not predicted.
    confidence : float
        Probability of the predicted class, NaN where there is none.
    """

    cell_dice: float
    nucleus_dice: float
    is_found: bool
    class_id: int
    predicted_class_id: int
    confidence: float


@dataclass(frozen=True)
class PictureScore:
    """One picture: its cells, and how the whole of it agrees.

    Parameters
    ----------
    dataset, name : str
        Which picture.
    cells : tuple of CellScore
        Labeled cells.
    cell_dice, nucleus_dice : float
        Of all cells together.
    n_predicted, n_false : int
        Predicted cells, and those that match no labeled cell and do not lie
        where the labels are silent.
    """

    dataset: str
    name: str
    cells: tuple[CellScore, ...]
    cell_dice: float
    nucleus_dice: float
    n_predicted: int
    n_false: int


@dataclass(frozen=True, eq=False)
class PredictedLabels:
    """Labels of a picture as the pipeline wrote them, shape (M, N) each."""

    nucleus: NDArray[np.uint32]
    cytoplasm: NDArray[np.uint32]
    class_ids: dict[int, int]
    confidences: dict[int, float]

    @property
    def cells(self) -> NDArray[np.int64]:
        """Cell of each pixel, 0 elsewhere."""
        return np.maximum(self.nucleus, self.cytoplasm).astype(np.int64)


def score_picture(sample: Sample, predicted: PredictedLabels) -> PictureScore:
    """Compare predicted labels with what the expert marked.

    In crops of single cells neighbors are often unlabeled, so false cells are
    counted only where the labels say background.
    """
    cells = predicted.cells
    truth = np.maximum(sample.instances, 0)
    has_nucleus = bool((sample.allowed == IS_NUCLEUS).any())
    overlap, true_ids, predicted_ids = overlap_matrix(truth, cells)
    matches = match_cells(truth, cells)
    scores = []
    for row, true_id in enumerate(true_ids):
        best = int(predicted_ids[overlap[row].argmax()]) if overlap[row].any() else 0
        is_true, is_best = truth == true_id, (cells == best) & (best > 0)
        nucleus = is_true & (sample.allowed == IS_NUCLEUS)
        scores.append(
            CellScore(
                dice(is_true, is_best),
                dice(nucleus, (predicted.nucleus == best) & (best > 0))
                if has_nucleus
                else float("nan"),
                int(true_id) in matches,
                sample.cell_classes.get(int(true_id), 0),
                predicted.class_ids.get(best, 0),
                predicted.confidences.get(best, float("nan")),
            )
        )
    silent = (sample.allowed != IS_BACKGROUND) & (truth == 0)
    found = set(matches.values())
    false = [
        i for i in predicted_ids if int(i) not in found and not silent[cells == i].any()
    ]
    in_truth = (truth > 0) | (sample.instances == UNKNOWN_INSTANCE)
    return PictureScore(
        sample.dataset,
        sample.name,
        tuple(scores),
        dice(in_truth, cells > 0),
        dice(sample.allowed == IS_NUCLEUS, predicted.nucleus > 0)
        if has_nucleus
        else float("nan"),
        len(predicted_ids),
        len(false),
    )


def summarize(scores: Iterable[PictureScore]) -> dict[str, dict[str, Any]]:
    """Give the figures of each data set.

    Dice is the mean over labeled cells, each against the predicted cell of
    largest overlap; `picture_cell_dice` is the mean over pictures of all their
    cells together. Recall and precision are at IoU 0.5.
    """
    summary: dict[str, dict[str, Any]] = {}
    scores = list(scores)
    for name in dict.fromkeys(score.dataset for score in scores):
        pictures = [score for score in scores if score.dataset == name]
        cells = [cell for picture in pictures for cell in picture.cells]
        classed = [cell for cell in cells if cell.class_id]
        right = [c.class_id == c.predicted_class_id for c in classed]
        recalls = [
            np.mean([c.predicted_class_id == k for c in classed if c.class_id == k])
            for k in sorted({c.class_id for c in classed})
        ]
        n_predicted = sum(picture.n_predicted for picture in pictures)
        n_false = sum(picture.n_false for picture in pictures)
        summary[name] = {
            "pictures": len(pictures),
            "cells": len(cells),
            "cell_dice": mean(c.cell_dice for c in cells),
            "nucleus_dice": mean(c.nucleus_dice for c in cells),
            "picture_cell_dice": mean(p.cell_dice for p in pictures),
            "picture_nucleus_dice": mean(p.nucleus_dice for p in pictures),
            "recall": mean(c.is_found for c in cells),
            "precision": 1 - n_false / n_predicted if n_predicted else float("nan"),
            "class_accuracy": mean(right),
            "balanced_accuracy": mean(recalls),
        }
    return summary


def mean(values: Iterable[float | np.floating[Any]]) -> float:
    """Mean of the values that are known, NaN if none is."""
    known = np.asarray([float(v) for v in values])
    known = known[np.isfinite(known)]
    return float(known.mean()) if known.size else float("nan")
