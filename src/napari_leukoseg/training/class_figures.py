"""Figures of the classes of cells: accuracy, calibration, confusion."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.training.datasets import LEUKEMIA_SCHEME
from napari_leukoseg.training.metrics import (
    CALIBRATION_BINS,
    ClassCounts,
    accuracy,
    balanced_accuracy,
    bin_confidences,
    calibration_error,
    macro_average,
    one_vs_rest_auroc,
    weighted_average,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.training.bootstrap import GroupResampling
    from napari_leukoseg.training.scores import CellScore, PictureScore

__all__ = [
    "CellTable",
    "Confusion",
    "Reliability",
    "class_figures",
    "class_name",
    "count_confusion",
    "count_reliability",
]

NOT_FOUND = 0
"""Class id of a labeled cell where none is predicted."""


@dataclass(frozen=True)
class Confusion:
    """Labeled cells by true and predicted class.

    Parameters
    ----------
    true_ids, predicted_ids : tuple of int
        Class ids of rows and columns; the last column may be 0, not found.
    counts : tuple of tuple of int
        Cells.
    """

    true_ids: tuple[int, ...]
    predicted_ids: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy of classes, in bins of equal width.

    Parameters
    ----------
    counts, right : tuple of int
        Cells of each bin, and how many are classed right.
    confidences : tuple of float
        Sum of confidences of each bin.
    """

    counts: tuple[int, ...]
    right: tuple[int, ...]
    confidences: tuple[float, ...]


def class_name(class_id: int) -> str:
    """Name of a class for people."""
    if class_id == NOT_FOUND:
        return "not found"
    known = class_id in LEUKEMIA_SCHEME
    return LEUKEMIA_SCHEME[class_id].name if known else f"class {class_id}"


@dataclass(frozen=True, eq=False)
class CellTable:
    """Labeled cells of all pictures, and the picture of each."""

    cells: list[CellScore]
    items: NDArray[np.intp]
    class_ids: tuple[int, ...]

    @classmethod
    def of(
        cls, pictures: Sequence[PictureScore], class_ids: Collection[int]
    ) -> CellTable:
        """Put the cells of all pictures below each other."""
        pairs = [(i, cell) for i, p in enumerate(pictures) for cell in p.cells]
        items = np.array([item for item, _ in pairs], np.intp)
        return cls([cell for _, cell in pairs], items, tuple(sorted(class_ids)))

    @property
    def is_classed(self) -> NDArray[np.bool_]:
        """Whether expert and model know the class, shape (n,)."""
        return np.array([cell.class_id in self.class_ids for cell in self.cells], bool)

    def index(self, ids: Sequence[int]) -> NDArray[np.intp]:
        """Places of class ids among those of the model, and K for any other."""
        known = {class_id: i for i, class_id in enumerate(self.class_ids)}
        return np.array([known.get(i, len(known)) for i in ids], np.intp)


def class_figures(
    table: CellTable, resampling: GroupResampling
) -> dict[str, NDArray[np.float64]]:
    """Figures of the classes that expert and model know."""
    places = np.flatnonzero(table.is_classed)
    if not places.size:
        return {}
    cells, items = [table.cells[i] for i in places], table.items[places]
    truth = table.index([cell.class_id for cell in cells])
    answers = table.index([cell.predicted_class_id for cell in cells])
    n_classes = len(table.class_ids)
    single = np.zeros((len(cells), n_classes, n_classes + 1))
    single[np.arange(len(cells)), truth, answers] = 1
    confusion = resampling.total(single, items)
    counts = ClassCounts.from_confusion(confusion)
    return {
        "class_accuracy": accuracy(confusion),
        "balanced_accuracy": balanced_accuracy(confusion),
        "macro_precision": macro_average(counts.precision),
        "macro_f1": macro_average(counts.f1),
        "weighted_precision": weighted_average(counts.precision, counts.support),
        "weighted_f1": weighted_average(counts.f1, counts.support),
        "macro_auroc": _auroc(cells, truth, items, table.class_ids, resampling),
        "ece": calibration_error(
            *np.moveaxis(resampling.total(_binned(cells), items), 1, 0)
        ),
    }


def _auroc(
    cells: Sequence[CellScore],
    truth: NDArray[np.intp],
    items: NDArray[np.intp],
    class_ids: tuple[int, ...],
    resampling: GroupResampling,
) -> NDArray[np.float64]:
    """Mean area under the ROC curve over the classes, of the cells found."""
    has = np.array([bool(cell.probabilities) for cell in cells], bool)
    probabilities = np.array(
        [[c.probabilities.get(i, 0.0) for i in class_ids] for c in cells], np.float64
    )
    weights = resampling.weights[:, resampling.index[items[has]]]
    return macro_average(one_vs_rest_auroc(probabilities[has], truth[has], weights))


def _binned(cells: Sequence[CellScore]) -> NDArray[np.float64]:
    """Count, confidence and rightness of each cell in its bin, (n, 3, bins)."""
    confidences = np.array([cell.confidence for cell in cells], np.float64)
    right = [cell.class_id == cell.predicted_class_id for cell in cells]
    binned = np.zeros((len(cells), 3, CALIBRATION_BINS))
    known = np.flatnonzero(np.isfinite(confidences))
    values = np.column_stack([np.ones(len(cells)), confidences, right])[known]
    binned[known, :, bin_confidences(confidences[known])] = values
    return binned


def count_confusion(table: CellTable) -> Confusion:
    """Count the cells with a class, whether the model knows it or not."""
    pairs = Counter((c.class_id, c.predicted_class_id) for c in table.cells)
    rows = sorted({true for true, _ in pairs if true})
    answers = {answer for true, answer in pairs if true}
    columns = sorted({*table.class_ids, *answers} - {NOT_FOUND}) if rows else []
    columns += [NOT_FOUND] if NOT_FOUND in answers else []
    counts = tuple(tuple(pairs[row, column] for column in columns) for row in rows)
    return Confusion(tuple(rows), tuple(columns), counts)


def count_reliability(table: CellTable) -> Reliability:
    """Sum up the bins of all cells found whose class is known."""
    cells = [table.cells[i] for i in np.flatnonzero(table.is_classed)]
    counts, confidences, right = _binned(cells).sum(axis=0)
    return Reliability(
        tuple(counts.astype(int).tolist()),
        tuple(right.astype(int).tolist()),
        tuple(confidences.tolist()),
    )
