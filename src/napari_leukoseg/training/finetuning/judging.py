"""Compares the new model with its base on the cells that were kept aside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from napari_leukoseg.classes import UNCLASSIFIED
from napari_leukoseg.geometry import Region
from napari_leukoseg.segment.engine import predict_tiles
from napari_leukoseg.segment.tiling import plan_tiles
from napari_leukoseg.slide import open_slide
from napari_leukoseg.training.bootstrap import GroupResampling
from napari_leukoseg.training.class_figures import CellTable, count_confusion
from napari_leukoseg.training.evaluation import score_picture
from napari_leukoseg.training.finetuning.gathering import load_kept
from napari_leukoseg.training.finetuning.result import (
    COMPARED,
    Comparison,
    Interval,
    Side,
    Verdict,
)
from napari_leukoseg.training.finetuning.survey import MIN_SPECIMENS, count
from napari_leukoseg.training.metrics import ratio
from napari_leukoseg.training.scores import PredictedLabels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.cell import SegmentedCell
    from napari_leukoseg.segment import Segmenter
    from napari_leukoseg.segment.model import ModelCard
    from napari_leukoseg.training.finetuning.gathering import KeptPicture
    from napari_leukoseg.training.sample import Sample
    from napari_leukoseg.training.scores import CellScore, PictureScore

__all__ = ["Judgment", "compare", "decide", "is_correction", "judge"]

GOOD_DICE = 0.9
"""Dice below which an outline is drawn anew: two annotators agree to 0.93-0.96."""

N_RESAMPLES = 2000

MIN_FIELDS = 5
"""Fields, or specimens, below which an interval over them says next to nothing."""

FEWER_IS_BETTER = "corrections_per_100"

WITH_MARGIN = ("cell_dice", "nucleus_dice", "recall")

DICE_MARGIN = 0.005
"""Loss of Dice or of cells found, however sure, that nobody would see."""

PROTOCOL = (
    "Both models segmented the same pictures, which neither was tuned on, at the size "
    "that the corrected cells have. Only reviewed cells and areas count. Intervals are "
    "95 % percentile bootstrap intervals over {groups}, those of "
    "differences over the same draws. A correction is a cell that is missed, drawn "
    f"where none is, of the wrong class, or whose Dice is below {GOOD_DICE}."
)


@dataclass(frozen=True)
class Judgment:
    """What a model did on each of the pictures kept aside."""

    card: ModelCard
    scores: tuple[PictureScore, ...]


def judge(
    segmenter: Segmenter, kept: Sequence[KeptPicture], work: Path
) -> Iterator[PictureScore]:
    """Segment the pictures kept aside, one after another, and score them.

    Parameters
    ----------
    segmenter : Segmenter
        Model on a device.
    kept : sequence of KeptPicture
        Pictures.
    work : Path
        Existing folder for what is needed for the time being.

    Yields
    ------
    score : PictureScore
        In the order of `kept`.
    """
    for picture in kept:
        sample = load_kept(picture)
        predicted = predict_sample(sample, segmenter, work / "picture.png")
        yield score_picture(sample, predicted)


def predict_sample(sample: Sample, segmenter: Segmenter, file: Path) -> PredictedLabels:
    """Segment a picture, the size of whose cells is known."""
    Image.fromarray(sample.image).save(file, compress_level=1)
    with open_slide(file) as slide:
        plan = plan_tiles(
            slide.shape,
            Region.of_shape(slide.shape),
            cell_diameter_px=sample.cell_diameter_px,
            working_diameter_px=segmenter.card.cell_diameter_px,
            window_px=segmenter.window_px,
            batch_size=segmenter.batch_size,
        )
        cells = [
            cell
            for tile, prediction in predict_tiles(slide, segmenter, plan)
            for cell in segmenter.cells_of(prediction, tile)
        ]
    network = segmenter.model.network
    parts = draw_cells(cells, sample.image.shape[:2])
    return PredictedLabels(
        *parts,
        {number: cell.class_id for number, cell in enumerate(cells, start=1)},
        {number: cell.confidence for number, cell in enumerate(cells, start=1)},
        has_nucleus=network.has_nucleus,
        has_cytoplasm=network.has_cytoplasm,
    )


def draw_cells(
    cells: Sequence[SegmentedCell], shape: tuple[int, ...]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Draw nuclei and cytoplasms; an earlier cell keeps its pixels."""
    nucleus, cytoplasm = np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)
    for number, cell in enumerate(cells, start=1):
        part = cell.region.slices
        is_free = (nucleus[part] == 0) & (cytoplasm[part] == 0)
        nucleus[part][is_free & cell.nucleus] = number
        cytoplasm[part][is_free & cell.cytoplasm] = number
    return nucleus, cytoplasm


def is_correction(cell: CellScore) -> bool:
    """Tell whether a person would have to correct a cell that is there."""
    is_wrong = cell.class_id > 0 and cell.class_id != cell.predicted_class_id
    return not cell.is_found or is_wrong or cell.dice < GOOD_DICE


def compare(base: Judgment, new: Judgment, seed: int) -> Comparison:
    """Compare two models that segmented the same pictures.

    Parameters
    ----------
    base, new : Judgment
        Of the same pictures, in the same order.
    seed : int
        Draws the resamples, the same for both.
    """
    groups = [score.source_group for score in base.scores]
    specimens = {group.rpartition("/")[0] for group in groups}
    by_specimen = len(specimens) >= MIN_SPECIMENS
    if by_specimen:
        groups = [group.rpartition("/")[0] for group in groups]
    resampling = GroupResampling(groups, N_RESAMPLES, seed)
    figures = [sample_figures(side.scores, resampling) for side in (base, new)]
    differences = {
        name: interval(resampling, figures[1][name] - figures[0][name])
        for name in COMPARED
    }
    sides = [
        Side(
            side.card.name,
            side.card.weights_sha256,
            known({name: interval(resampling, own[name]) for name in COMPARED}),
            *confusion_of(side),
        )
        for side, own in zip((base, new), figures, strict=True)
    ]
    n_groups = len(resampling.names)
    unit = "specimen" if by_specimen else "field"
    return Comparison(
        sides[0],
        sides[1],
        known(differences),
        sum(len(score.cells) for score in base.scores),
        n_groups,
        PROTOCOL.format(groups=count(n_groups, unit)),
        unit,
    )


def sample_figures(
    scores: Sequence[PictureScore], resampling: GroupResampling
) -> dict[str, NDArray[np.float64]]:
    """Figures in the data and in each resample."""
    cells = [(i, cell) for i, score in enumerate(scores) for cell in score.cells]
    items = np.array([i for i, _ in cells], np.intp)
    classed = [
        float(c.class_id == c.predicted_class_id) if c.class_id else math.nan
        for _, c in cells
    ]
    false = [
        sum(is_correction(cell) for cell in score.cells) + len(score.false_ids)
        for score in scores
    ]
    n_cells = resampling.total([len(score.cells) for score in scores])
    return {
        "corrections_per_100": 100 * ratio(resampling.total(false), n_cells),
        "class_accuracy": resampling.mean(classed, items),
        "cell_dice": resampling.mean([c.cell_dice for _, c in cells], items),
        "nucleus_dice": resampling.mean([c.nucleus_dice for _, c in cells], items),
        "recall": resampling.mean([float(c.is_found) for _, c in cells], items),
    }


def interval(resampling: GroupResampling, samples: NDArray[np.float64]) -> Interval:
    """Value and interval of a figure."""
    figure = resampling.figure(samples)
    return Interval.of(figure.value, figure.low, figure.high)


def known(figures: Mapping[str, Interval]) -> dict[str, Interval]:
    """Leave out what has no value, such as classes where none is known."""
    return {n: figure for n, figure in figures.items() if figure.value is not None}


def confusion_of(
    side: Judgment,
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """Count the cells by true and predicted class."""
    ids = set(side.card.class_ids) - {UNCLASSIFIED}
    found = count_confusion(CellTable.of(side.scores, ids))
    return found.true_ids, found.predicted_ids, found.counts


def decide(comparison: Comparison) -> tuple[Verdict, str]:
    """Say which model is better, and why.

    A figure is clearly better or worse where the interval of the difference leaves out
    zero, and `DICE_MARGIN` for a loss of Dice or of cells found. Nothing is clear where
    there are fewer than `MIN_FIELDS`.

    Returns
    -------
    verdict : Verdict
        Worse where anything is clearly worse, whatever is better.
    reason : str
        One or two sentences.
    """
    gains, losses = [], []
    for name, difference in comparison.differences.items():
        if difference.low is None or difference.high is None:
            continue
        if comparison.n_fields < MIN_FIELDS:
            continue
        low, high = difference.low, difference.high
        if name == FEWER_IS_BETTER:
            low, high = -high, -low
        if low > 0:
            gains.append(change(comparison, name))
        elif high < (-DICE_MARGIN if name in WITH_MARGIN else 0):
            losses.append(change(comparison, name))
    on = (
        f"On {count(comparison.n_cells, 'cell')} of "
        f"{count(comparison.n_fields, comparison.unit)} that were kept aside"
    )
    if losses:
        return Verdict.WORSE, f"{on}, the new model is worse: {'; '.join(losses)}."
    if gains:
        return Verdict.BETTER, f"{on}, the new model is better: {'; '.join(gains)}."
    first = change(comparison, next(iter(comparison.differences)))
    return Verdict.NO_CLEAR_DIFFERENCE, (
        f"{on}, no figure differs clearly ({first}). More reviewed cells would tell."
    )


def change(comparison: Comparison, name: str) -> str:
    """Say what a figure was and is."""
    sides = (comparison.base, comparison.new)
    before, now = (side.figures[name].value or 0.0 for side in sides)
    digits = 0 if name == FEWER_IS_BETTER else 3
    return f"{COMPARED[name].lower()} {before:.{digits}f} → {now:.{digits}f}"
