"""Scores predicted labels of a picture by those of an expert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy import ndimage

from napari_leukoseg.training.metrics import (
    aggregated_jaccard,
    match_pairs,
    measure_overlap,
    panoptic_quality,
)
from napari_leukoseg.training.sample import (
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    NOT_NUCLEUS,
    UNKNOWN_INSTANCE,
)
from napari_leukoseg.training.scores import CellScore, PictureScore, PixelCounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_leukoseg.training.metrics import Overlap
    from napari_leukoseg.training.sample import Sample
    from napari_leukoseg.training.scores import PredictedLabels

__all__ = [
    "CELL_CLASSES",
    "NUCLEUS_CLASSES",
    "PART_CLASSES",
    "KnowsParts",
    "compares_cells",
    "compares_nuclei",
    "score_picture",
]

NAN = float("nan")

MOST = 0.5
"""A cell lies in an area, or where the labels are silent, if more of it does."""

PART_CLASSES: tuple[str, ...] = ("background", "cytoplasm", "nucleus")
CELL_CLASSES: tuple[str, ...] = ("background", "cell")
NUCLEUS_CLASSES: tuple[str, ...] = ("other", "nucleus")
"""Classes of pixels compared, by what the expert and the model know."""

CERTAIN = {
    PART_CLASSES: {IS_BACKGROUND: 0, IS_CYTOPLASM: 1, IS_NUCLEUS: 2},
    CELL_CLASSES: {IS_BACKGROUND: 0, IS_CYTOPLASM: 1, IS_NUCLEUS: 1, IS_CELL: 1},
    NUCLEUS_CLASSES: {
        IS_BACKGROUND: 0,
        IS_CYTOPLASM: 0,
        NOT_NUCLEUS: 0,
        IS_NUCLEUS: 1,
    },
}
"""Index of the class of a pixel by `Sample.allowed`; others are not certain."""


class KnowsParts(Protocol):
    """A network, or labels, with the parts of a cell that it tells apart."""

    @property
    def has_nucleus(self) -> bool:
        """Whether it knows nuclei."""

    @property
    def has_cytoplasm(self) -> bool:
        """Whether it knows what lies around them."""


def compares_cells(sample: Sample, predictor: KnowsParts) -> bool:
    """Whether whole cells are compared, as both the expert and the model know them.

    Some sets outline nuclei only; models without cytoplasm find nuclei only.
    """
    return predictor.has_cytoplasm and sample.has_distance


def compares_nuclei(sample: Sample, predictor: KnowsParts) -> bool:
    """Whether nuclei are compared, as both the expert and the model know them."""
    return predictor.has_nucleus and bool((sample.allowed == IS_NUCLEUS).any())


def score_picture(sample: Sample, predicted: PredictedLabels) -> PictureScore:
    """Compare predicted labels with what the expert marked.

    Each labeled cell is judged by the predicted cell of largest overlap, so
    that in crops of single cells neighbors count neither for nor against. A
    predicted cell is false only where the labels say so: in crops neighbors
    are often unlabeled. Where only the place of a cell is known, its class is
    compared and nothing else.
    """
    if not sample.has_outline:
        return _score_places(sample, predicted)
    is_whole = compares_cells(sample, predicted)
    truth, n_single = _number_cells(sample, nuclei_only=not is_whole)
    found = predicted.cells if is_whole else predicted.nucleus
    overlap = measure_overlap(truth, found)
    singles = overlap.select(rows=overlap.true_ids <= n_single)
    rows, columns = match_pairs(singles)
    is_matched = np.isin(np.arange(overlap.predicted_ids.size), columns)
    is_silent = (truth == 0) | (truth > n_single)
    is_silent &= (sample.allowed & (IS_CELL if is_whole else IS_NUCLEUS)) > 0
    is_ignored = _lie_mostly_in(is_silent, found, overlap) & ~is_matched
    judged = singles.select(columns=~is_ignored)
    found_ids = set(singles.true_ids[rows].tolist())
    parts = _Parts.of(sample, predicted, truth, overlap)
    scores = [
        _score_cell(sample, predicted, parts, cell_id, partners, cell_id in found_ids)
        for cell_id, partners in _pair_up(overlap, n_single)
    ]
    quality = panoptic_quality(judged)
    return PictureScore(
        sample.dataset,
        sample.name,
        sample.source_group,
        tuple(score for score in scores if score.cell_id <= n_single),
        _count_pixels(sample, predicted),
        clumps=tuple(score for score in scores if score.cell_id > n_single),
        false_ids=tuple(overlap.predicted_ids[~is_matched & ~is_ignored].tolist()),
        n_matched=int(is_matched.sum()),
        n_ignored=int(is_ignored.sum()),
        aji=aggregated_jaccard(judged),
        aji_plus=aggregated_jaccard(judged, one_to_one=True),
        pq=quality.pq,
        sq=quality.sq,
        rq=quality.rq,
    )


def _score_places(sample: Sample, predicted: PredictedLabels) -> PictureScore:
    """Compare the classes of cells of which no outline is known."""
    overlap = measure_overlap(sample.instances, predicted.cells)
    nothing = _Parts(None, None, None)
    return PictureScore(
        sample.dataset,
        sample.name,
        sample.source_group,
        tuple(
            _score_cell(sample, predicted, nothing, cell_id, partners, bool(partners))
            for cell_id, partners in _pair_up(overlap, int(sample.instances.max()))
        ),
        n_ignored=overlap.predicted_ids.size,
        pixels=PixelCounts(CELL_CLASSES, ((0, 0), (0, 0))),
        has_outlines=False,
    )


def _number_cells(
    sample: Sample, *, nuclei_only: bool
) -> tuple[NDArray[np.int32], int]:
    """Ids of labeled cells, and the highest of them; clumps get higher ones."""
    instances = sample.instances
    if nuclei_only:
        instances = np.where(sample.allowed == IS_NUCLEUS, instances, 0)
    truth: NDArray[np.int32] = np.maximum(instances, 0).astype(np.int32)
    n_single = int(truth.max(initial=0))
    in_clump = instances == UNKNOWN_INSTANCE
    if in_clump.any():
        clumps, _ = ndimage.label(in_clump)
        truth[in_clump] = clumps[in_clump] + n_single
    return truth, n_single


def _lie_mostly_in(
    area: NDArray[np.bool_], found: NDArray[np.uint32], overlap: Overlap
) -> NDArray[np.bool_]:
    """Which predicted cells have more than half of their pixels in an area."""
    inside = np.searchsorted(overlap.predicted_ids, found[area & (found > 0)])
    counts = np.bincount(inside, minlength=overlap.predicted_ids.size)
    lie_in: NDArray[np.bool_] = counts > MOST * overlap.predicted_areas
    return lie_in


def _pair_up(overlap: Overlap, n_single: int) -> Iterator[tuple[int, list[int]]]:
    """Each labeled cell with the predicted ones that it is judged by."""
    for cell_id, shared in zip(overlap.true_ids.tolist(), overlap.shared, strict=True):
        if cell_id > n_single:
            is_partner = shared > MOST * overlap.predicted_areas
            yield cell_id, overlap.predicted_ids[is_partner].tolist()
        elif shared.any():
            yield cell_id, [int(overlap.predicted_ids[shared.argmax()])]
        else:
            yield cell_id, []


@dataclass(frozen=True, eq=False)
class _Parts:
    """Overlaps of cells, nuclei and cytoplasms; none where not compared."""

    cell: Overlap | None
    nucleus: Overlap | None
    cytoplasm: Overlap | None

    @classmethod
    def of(
        cls,
        sample: Sample,
        predicted: PredictedLabels,
        truth: NDArray[np.int32],
        overlap: Overlap,
    ) -> _Parts:
        """Measure what both the expert and the model know."""
        if not compares_nuclei(sample, predicted):
            return cls(overlap, None, None)
        nucleus = np.where(sample.allowed == IS_NUCLEUS, truth, 0)
        nuclei = measure_overlap(nucleus, predicted.nucleus)
        if not compares_cells(sample, predicted):
            return cls(None, nuclei, None)
        cytoplasm = np.where(sample.allowed == IS_CYTOPLASM, truth, 0)
        return cls(overlap, nuclei, measure_overlap(cytoplasm, predicted.cytoplasm))

    def dice(self, cell_id: int, partners: list[int]) -> tuple[float, float, float]:
        """Dice of each part."""
        cell, nucleus, cytoplasm = (
            NAN if overlap is None else overlap.dice_of(cell_id, partners)
            for overlap in (self.cell, self.nucleus, self.cytoplasm)
        )
        return cell, nucleus, cytoplasm


def _score_cell(
    sample: Sample,
    predicted: PredictedLabels,
    parts: _Parts,
    cell_id: int,
    partners: list[int],
    is_found: bool,
) -> CellScore:
    """Compare one labeled cell, or clump, with its partners."""
    best = partners[0] if len(partners) == 1 else 0
    return CellScore(
        cell_id,
        *parts.dice(cell_id, partners),
        is_found,
        sample.cell_classes.get(cell_id, 0),
        predicted.class_ids.get(best, 0),
        predicted.confidences.get(best, NAN),
        predicted.probabilities.get(best, {}),
    )


def _count_pixels(sample: Sample, predicted: PredictedLabels) -> PixelCounts:
    """Count pixels by the finest classes that expert and model both know."""
    if not compares_cells(sample, predicted):
        classes, answer = NUCLEUS_CLASSES, predicted.nucleus > 0
    elif compares_nuclei(sample, predicted):
        classes = PART_CLASSES
        answer = np.where(predicted.nucleus > 0, 2, predicted.cytoplasm > 0)
    else:
        classes, answer = CELL_CLASSES, predicted.cells > 0
    n_classes = len(classes)
    row = np.full(256, n_classes, np.uint8)  # below all others: not certain
    for allowed, number in CERTAIN[classes].items():
        row[allowed] = number
    places = row[sample.allowed] * np.uint8(n_classes) + answer.astype(np.uint8)
    counts = np.bincount(places.ravel(), minlength=n_classes**2)[: n_classes**2]
    confusion = counts.reshape(n_classes, n_classes)
    return PixelCounts(classes, tuple(map(tuple, confusion.tolist())))
