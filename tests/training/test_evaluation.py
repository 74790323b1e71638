"""Scores of a picture follow from what was predicted and what was labeled."""

import math
from dataclasses import replace

import numpy as np
import pytest

from napari_leukoseg.training.evaluation import (
    CELL_CLASSES,
    NUCLEUS_CLASSES,
    PART_CLASSES,
    score_picture,
)
from napari_leukoseg.training.metrics import dice
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    NOT_NUCLEUS,
    UNKNOWN_INSTANCE,
    Sample,
)
from napari_leukoseg.training.scores import PredictedLabels


def perfect(sample: Sample) -> PredictedLabels:
    cells = np.maximum(sample.instances, 0).astype(np.uint32)
    is_nucleus = sample.allowed == IS_NUCLEUS
    return PredictedLabels(
        np.where(is_nucleus, cells, 0).astype(np.uint32),
        np.where(is_nucleus, 0, cells).astype(np.uint32),
        dict(sample.cell_classes),
        dict.fromkeys(sample.cell_classes, 0.9),
    )


def without_cells(sample: Sample, ids: list[int], allowed: int) -> Sample:
    """Take cells out of the labels, leaving what is possible there."""
    unmarked = np.isin(sample.instances, ids)
    return replace(
        sample,
        instances=np.where(unmarked, 0, sample.instances).astype(np.int32),
        allowed=np.where(unmarked, np.uint8(allowed), sample.allowed),
        cell_classes={k: v for k, v in sample.cell_classes.items() if k not in ids},
    )


def moved(predicted: PredictedLabels, rows: int) -> PredictedLabels:
    return replace(
        predicted,
        nucleus=np.roll(predicted.nucleus, rows, axis=0),
        cytoplasm=np.roll(predicted.cytoplasm, rows, axis=0),
    )


def test_perfect_labels_score_one(samples: list[Sample]) -> None:
    for sample in samples:
        score = score_picture(sample, perfect(sample))
        assert len(score.cells) == sample.instance_ids.size > 0
        for cell in score.cells:
            assert cell.cell_dice == cell.nucleus_dice == cell.cytoplasm_dice == 1
            assert cell.is_found
            assert cell.predicted_class_id == cell.class_id > 0
        assert score.cell_dice == score.nucleus_dice == score.cytoplasm_dice == 1
        assert score.aji == score.aji_plus == score.pq == score.quality == 1
        assert (score.n_matched, score.false_ids) == (len(score.cells), ())


def test_empty_labels_score_zero(samples: list[Sample]) -> None:
    nothing = np.zeros(samples[0].instances.shape, np.uint32)
    score = score_picture(samples[0], PredictedLabels(nothing, nothing, {}, {}))
    assert score.cell_dice == score.nucleus_dice == score.cytoplasm_dice == 0
    assert score.aji == score.pq == score.n_matched == 0
    assert not any(cell.is_found or cell.predicted_class_id for cell in score.cells)
    assert all(math.isnan(cell.confidence) for cell in score.cells)


def test_each_part_is_compared_with_that_of_the_same_cell(
    samples: list[Sample],
) -> None:
    sample = samples[1]
    predicted = moved(perfect(sample), 3)
    score = score_picture(sample, predicted)
    for cell in score.cells:
        own = sample.instances == cell.cell_id
        for value, allowed, labels in (
            (cell.cell_dice, IS_CELL, predicted.cells),
            (cell.nucleus_dice, IS_NUCLEUS, predicted.nucleus),
            (cell.cytoplasm_dice, IS_CYTOPLASM, predicted.cytoplasm),
        ):
            truth = own & (sample.allowed & allowed > 0)
            assert value == pytest.approx(dice(truth, labels == cell.cell_id))
            assert value < 1
    values = [cell.cytoplasm_dice for cell in score.cells]
    assert score.cytoplasm_dice == pytest.approx(np.mean(values))


def test_a_crop_is_judged_by_the_cell_of_largest_overlap_alone(
    samples: list[Sample],
) -> None:
    whole = samples[0]
    first, *others = whole.instance_ids.tolist()
    assert others
    crop = without_cells(whole, others, ANYTHING)
    alone, with_neighbors = (
        score_picture(crop, moved(perfect(sample), 2)) for sample in (crop, whole)
    )
    assert with_neighbors.cells == alone.cells
    assert with_neighbors.cell_dice == alone.cell_dice < 1
    assert [cell.cell_id for cell in with_neighbors.cells] == [first]


def test_cells_where_the_labels_are_silent_are_not_judged(
    samples: list[Sample],
) -> None:
    sample = samples[0]
    last = int(sample.instance_ids[-1])
    silent = without_cells(sample, [last], ANYTHING)
    score = score_picture(silent, perfect(sample))
    assert (score.false_ids, score.n_ignored) == ((), 1)
    assert score.aji == score.pq == score.quality == 1
    ground = without_cells(sample, [last], IS_BACKGROUND)
    score = score_picture(ground, perfect(sample))
    assert (score.false_ids, score.n_ignored) == ((last,), 0)
    assert score.aji < 1
    assert score.quality == pytest.approx(len(score.cells) / (len(score.cells) + 1))


def test_touching_a_silent_place_does_not_excuse_a_false_cell(
    samples: list[Sample],
) -> None:
    sample = samples[0]
    last = int(sample.instance_ids[-1])
    ground = without_cells(sample, [last], IS_BACKGROUND)
    rows, columns = np.nonzero(sample.instances == last)
    ground.allowed[rows[: rows.size // 3], columns[: rows.size // 3]] = ANYTHING
    assert score_picture(ground, perfect(sample)).false_ids == (last,)


def test_cells_not_told_apart_count_as_one_clump(samples: list[Sample]) -> None:
    sample = samples[0]
    ids = sample.instance_ids.tolist()
    merged = replace(
        sample,
        instances=np.where(
            sample.instances == ids[0], UNKNOWN_INSTANCE, sample.instances
        ).astype(np.int32),
    )
    predicted = perfect(sample)
    in_two = predicted.cells == ids[0]
    middle = int(np.median(np.nonzero(in_two)[0]))
    in_two[:middle] = False
    for plane in (predicted.nucleus, predicted.cytoplasm):
        plane[in_two & (plane > 0)] = 900  # the clump as two cells
    score = score_picture(merged, predicted)
    (clump,) = score.clumps
    assert clump.cell_dice == clump.nucleus_dice == clump.cytoplasm_dice == 1
    assert [cell.cell_id for cell in score.cells] == ids[1:]
    assert (score.false_ids, score.n_ignored) == ((), 2)
    nothing = np.zeros_like(predicted.nucleus)
    score = score_picture(merged, PredictedLabels(nothing, nothing, {}, {}))
    assert score.clumps[0].cell_dice == 0


def test_whole_cell_labels_give_no_score_of_parts(samples: list[Sample]) -> None:
    whole = replace(
        samples[0],
        allowed=np.where(samples[0].allowed > 1, np.uint8(IS_CELL), np.uint8(1)),
    )
    score = score_picture(whole, perfect(samples[0]))
    assert score.cell_dice == 1
    assert math.isnan(score.nucleus_dice)
    assert math.isnan(score.cytoplasm_dice)
    assert score.pixels.classes == CELL_CLASSES


@pytest.mark.parametrize("of", ["labels", "model"])
def test_where_one_side_knows_nuclei_only_they_are_compared(
    samples: list[Sample], of: str
) -> None:
    sample, predicted = samples[0], perfect(samples[0])
    is_nucleus = sample.allowed == IS_NUCLEUS
    if of == "labels":
        sample = replace(
            sample,
            allowed=np.where(is_nucleus, np.uint8(IS_NUCLEUS), np.uint8(NOT_NUCLEUS)),
            instances=np.where(is_nucleus, sample.instances, 0),
            has_distance=False,
        )
    else:
        nothing = np.zeros_like(predicted.cytoplasm)
        predicted = replace(predicted, cytoplasm=nothing, has_cytoplasm=False)
    score = score_picture(sample, predicted)
    assert score.nucleus_dice == score.aji == score.pq == score.quality == 1
    assert math.isnan(score.cell_dice)
    assert math.isnan(score.cytoplasm_dice)
    assert score.pixels.classes == NUCLEUS_CLASSES
    assert all(cell.is_found for cell in score.cells)
    assert score.false_ids == ()


def test_a_model_without_nuclei_is_scored_by_whole_cells(
    samples: list[Sample],
) -> None:
    cells = perfect(samples[0]).cells
    predicted = PredictedLabels(np.zeros_like(cells), cells, {}, {}, has_nucleus=False)
    score = score_picture(samples[0], predicted)
    assert score.cell_dice == score.aji == 1
    assert math.isnan(score.nucleus_dice)
    assert math.isnan(score.cytoplasm_dice)


def test_pixels_are_counted_where_the_labels_are_certain(
    samples: list[Sample],
) -> None:
    sample = without_cells(samples[0], [int(samples[0].instance_ids[0])], ANYTHING)
    predicted = moved(perfect(samples[0]), 1)
    counts = score_picture(sample, predicted).pixels
    assert counts.classes == PART_CLASSES
    confusion = np.array(counts.confusion)
    certain = sample.allowed != ANYTHING
    assert confusion.sum() == certain.sum()
    answers = {
        0: predicted.cells == 0,
        1: predicted.cytoplasm > 0,
        2: predicted.nucleus > 0,
    }
    for row, allowed in enumerate((IS_BACKGROUND, IS_CYTOPLASM, IS_NUCLEUS)):
        for column, answer in answers.items():
            expected = (certain & (sample.allowed == allowed) & answer).sum()
            assert confusion[row, column] == expected


def test_a_picture_without_any_cell_has_no_dice(samples: list[Sample]) -> None:
    shape = (20, 30)
    empty = replace(
        samples[0],
        image=np.zeros((*shape, 3), np.uint8),
        allowed=np.full(shape, IS_BACKGROUND, np.uint8),
        instances=np.zeros(shape, np.int32),
        cell_classes={},
    )
    nothing = np.zeros(shape, np.uint32)
    score = score_picture(empty, PredictedLabels(nothing, nothing, {}, {}))
    assert math.isnan(score.cell_dice)
    assert math.isnan(score.aji)
    assert math.isnan(score.quality)
    one = nothing.copy()
    one[5:9, 5:9] = 3
    score = score_picture(empty, PredictedLabels(one, nothing, {3: 1}, {3: 0.6}))
    assert (score.false_ids, score.aji, score.quality) == ((3,), 0, 0)


def test_where_only_places_are_known_classes_are_compared(
    samples: list[Sample],
) -> None:
    labeled, predicted = samples[0], perfect(samples[0])
    first, *others = labeled.instance_ids.tolist()
    assert others
    sample = replace(
        labeled,
        allowed=np.full(labeled.allowed.shape, ANYTHING, np.uint8),
        has_distance=False,
        has_outline=False,
    )
    for plane in (predicted.nucleus, predicted.cytoplasm):
        plane[plane == first] = 0
    score = score_picture(sample, predicted)
    assert [cell.is_found for cell in score.cells] == [False, *(True for _ in others)]
    for cell in score.cells[1:]:
        assert cell.predicted_class_id == cell.class_id > 0
    assert not score.has_outlines
    assert (score.false_ids, score.n_matched, score.n_ignored) == ((), 0, len(others))
    for figure in (score.cell_dice, score.nucleus_dice, score.aji, score.quality):
        assert math.isnan(figure)
    assert np.sum(score.pixels.confusion) == 0
