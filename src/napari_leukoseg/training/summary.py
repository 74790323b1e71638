"""Figures of a data set from the scores of its pictures, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.training.bootstrap import Figure, GroupResampling
from napari_leukoseg.training.class_figures import (
    CellTable,
    Confusion,
    Reliability,
    class_figures,
    count_confusion,
    count_reliability,
)
from napari_leukoseg.training.evaluation import PART_CLASSES
from napari_leukoseg.training.metrics import ClassCounts, accuracy, mean_iou, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.training.scores import PictureScore, PixelCounts

__all__ = ["FIGURE_GROUPS", "PIXEL_FIGURES", "SetSummary", "summarize"]

FIGURE_GROUPS = {
    "Outlines": {
        "cell_dice_per_picture": "Cell Dice, mean over pictures",
        "nucleus_dice_per_picture": "Nucleus Dice, mean over pictures",
        "cytoplasm_dice_per_picture": "Cytoplasm Dice, mean over pictures",
        "cell_dice": "Cell Dice, mean over cells",
        "nucleus_dice": "Nucleus Dice, mean over cells",
        "cytoplasm_dice": "Cytoplasm Dice, mean over cells",
    },
    "Cells found": {
        "recall": "Recall at IoU 0.5",
        "precision": "Precision at IoU 0.5",
        "f1": "F1 at IoU 0.5",
        "aji": "AJI",
        "aji_plus": "AJI+",
        "pq": "Panoptic quality",
        "sq": "Segmentation quality",
        "rq": "Recognition quality",
    },
    "Classes": {
        "class_accuracy": "Accuracy",
        "balanced_accuracy": "Balanced accuracy",
        "macro_precision": "Precision, macro",
        "macro_f1": "F1, macro",
        "weighted_precision": "Precision, weighted",
        "weighted_f1": "F1, weighted",
        "macro_auroc": "AUROC, one against rest, macro",
        "ece": "Expected calibration error (lower is better)",
    },
    "Pixels": {
        "pixel_accuracy": "Accuracy",
        "mean_iou": "Mean IoU with background",
        "mean_iou_foreground": "Mean IoU without background",
    },
}
"""Figures and what they are called, in the order in which they are shown. Macro and
weighted recall are left out: they equal balanced accuracy and accuracy."""

PIXEL_FIGURES = ("dice", "jaccard", "precision", "recall")
"""Figures of each class of pixels."""


@dataclass(frozen=True)
class SetSummary:
    """Figures of one data set.

    Parameters
    ----------
    n_pictures, n_groups : int
        Pictures, and source groups that they come from.
    n_cells, n_clumps, n_classed : int
        Labeled cells, clumps not told apart, and cells whose class is known to
        expert and model.
    n_false, n_ignored : int
        Predicted cells that are false, and that are not judged.
    class_ids : tuple of int
        Classes that the figures of classes are over: those of the model.
    pixel_classes : tuple of str
        Classes that the figures of pixels are over; the first is background.
    figures : dict of str to Figure
        Those of `FIGURE_GROUPS` that the set and the model can give.
    pixels : dict of str to dict of str to Figure
        Figures of each class of pixels.
    confusion : Confusion
        Labeled cells with a class; empty without any.
    reliability : Reliability
        Of cells with a class that are found.
    """

    n_pictures: int
    n_groups: int
    n_cells: int
    n_clumps: int
    n_classed: int
    n_false: int
    n_ignored: int
    class_ids: tuple[int, ...]
    pixel_classes: tuple[str, ...]
    figures: dict[str, Figure]
    pixels: dict[str, dict[str, Figure]]
    confusion: Confusion
    reliability: Reliability


def summarize(
    pictures: Sequence[PictureScore],
    class_ids: Sequence[int],
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> SetSummary:
    """Give the figures of a data set, with intervals over its source groups.

    Parameters
    ----------
    pictures : sequence of PictureScore
        All of one set.
    class_ids : sequence of int
        Classes that the model knows; empty if it gives none.
    n_resamples, seed : int, optional
        Of the bootstrap.
    """
    resampling = GroupResampling([p.source_group for p in pictures], n_resamples, seed)
    table = CellTable.of(pictures, class_ids)
    samples = {
        **_dice_figures(pictures, table, resampling),
        **_detection_figures(pictures, resampling),
        **class_figures(table, resampling),
        **_instance_figures(pictures, resampling),
        **_pixel_figures(pictures, resampling),
    }
    figures = {
        name: figure
        for group in FIGURE_GROUPS.values()
        for name in group
        if name in samples and (figure := resampling.figure(samples[name])).is_known
    }
    return SetSummary(
        len(pictures),
        len(resampling.names),
        len(table.cells),
        sum(len(picture.clumps) for picture in pictures),
        int(table.is_classed.sum()),
        sum(len(picture.false_ids) for picture in pictures),
        sum(picture.n_ignored for picture in pictures),
        table.class_ids,
        _finest_pixels(pictures)[0],
        figures,
        _figures_by_pixel_class(pictures, resampling),
        count_confusion(table),
        count_reliability(table),
    )


def _dice_figures(
    pictures: Sequence[PictureScore], table: CellTable, resampling: GroupResampling
) -> dict[str, NDArray[np.float64]]:
    """Dice over pictures and over cells."""
    samples = {}
    for name in ("cell_dice", "nucleus_dice", "cytoplasm_dice"):
        of_cells = [getattr(cell, name) for cell in table.cells]
        of_pictures = [getattr(picture, name) for picture in pictures]
        samples[f"{name}_per_picture"] = resampling.mean(of_pictures)
        samples[name] = resampling.mean(of_cells, table.items)
    return samples


def _detection_figures(
    pictures: Sequence[PictureScore], resampling: GroupResampling
) -> dict[str, NDArray[np.float64]]:
    """Recall, precision and F1 of all cells of the set."""
    found, false, labeled = (
        resampling.total(values)
        for values in (
            [p.n_matched for p in pictures],
            [len(p.false_ids) for p in pictures],
            [len(p.cells) if p.has_outlines else 0 for p in pictures],
        )
    )
    return {
        "recall": ratio(found, labeled),
        "precision": ratio(found, found + false),
        "f1": ratio(2 * found, found + false + labeled),
    }


def _instance_figures(
    pictures: Sequence[PictureScore], resampling: GroupResampling
) -> dict[str, NDArray[np.float64]]:
    """Means over pictures of what is computed within each."""
    return {
        name: resampling.mean([getattr(picture, name) for picture in pictures])
        for name in ("aji", "aji_plus", "pq", "sq", "rq")
    }


def _finest_pixels(
    pictures: Sequence[PictureScore],
) -> tuple[tuple[str, ...], NDArray[np.intp], list[PixelCounts]]:
    """Take the pictures with the most classes, and which of all they are."""
    classes = max((picture.pixels.classes for picture in pictures), key=len)
    items = [i for i, p in enumerate(pictures) if p.pixels.classes == classes]
    return classes, np.array(items, np.intp), [pictures[i].pixels for i in items]


def _pixel_figures(
    pictures: Sequence[PictureScore], resampling: GroupResampling
) -> dict[str, NDArray[np.float64]]:
    """Figures over all classes of pixels."""
    _, items, counts = _finest_pixels(pictures)
    confusion = resampling.total([c.confusion for c in counts], items)
    return {
        "pixel_accuracy": accuracy(confusion),
        "mean_iou": mean_iou(confusion),
        "mean_iou_foreground": mean_iou(confusion, with_background=False),
    }


def _figures_by_pixel_class(
    pictures: Sequence[PictureScore], resampling: GroupResampling
) -> dict[str, dict[str, Figure]]:
    """Figures of each class of pixels but the ground, and of the whole cell."""
    classes, items, counts = _finest_pixels(pictures)
    confusion = resampling.total([c.confusion for c in counts], items)
    found = _by_class(confusion, classes[1:], resampling)
    if classes == PART_CLASSES:
        whole = np.array([[1, 0], [0, 1], [0, 1]])
        found |= _by_class(whole.T @ confusion @ whole, ("cell",), resampling)
    return found


def _by_class(
    confusion: NDArray[np.float64], names: Sequence[str], resampling: GroupResampling
) -> dict[str, dict[str, Figure]]:
    """Figures of the classes after the first."""
    counts = ClassCounts.from_confusion(confusion)
    samples = {name: getattr(counts, name) for name in PIXEL_FIGURES}
    return {
        name: {
            figure: resampling.figure(values[:, number])
            for figure, values in samples.items()
            if math.isfinite(values[0, number])
        }
        for number, name in enumerate(names, start=1)
    }
