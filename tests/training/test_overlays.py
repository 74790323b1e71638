"""Worst cases are the worst, and their overlays show what went wrong."""

from dataclasses import replace

import numpy as np
import pytest

from napari_leukoseg.training.evaluation import score_picture
from napari_leukoseg.training.overlays import TILE_PX, WorstCases, draw_overlay
from napari_leukoseg.training.sample import IS_NUCLEUS, Sample
from napari_leukoseg.training.scores import PredictedLabels

GREEN, RED, YELLOW = (0, 255, 0), (255, 0, 0), (255, 255, 0)


def predict(sample: Sample, shift: int, answer: int = 0) -> PredictedLabels:
    """Labels moved by some pixels, all cells of one class if that is given."""
    cells = np.roll(np.maximum(sample.instances, 0), shift, axis=0).astype(np.uint32)
    in_nucleus = np.roll(sample.allowed == IS_NUCLEUS, shift, axis=0)
    classes = {i: answer or c for i, c in sample.cell_classes.items()}
    return PredictedLabels(
        np.where(in_nucleus, cells, 0).astype(np.uint32),
        np.where(in_nucleus, 0, cells).astype(np.uint32),
        classes,
        {i: 0.5 + 0.01 * i for i in classes},
    )


def count(overlay: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((overlay == color).all(axis=-1).sum())


def test_all_three_outlines_are_seen_even_where_they_agree(
    samples: list[Sample],
) -> None:
    sample = samples[0]
    overlay = draw_overlay(sample, predict(sample, 0))
    assert max(overlay.shape) == TILE_PX
    assert overlay.shape[0] / overlay.shape[1] == pytest.approx(320 / 200, rel=0.01)
    assert min(count(overlay, color) for color in (GREEN, RED, YELLOW)) > 100


def test_a_missed_cell_has_no_red_outline(samples: list[Sample]) -> None:
    nothing = np.zeros(samples[0].instances.shape, np.uint32)
    overlay = draw_overlay(samples[0], PredictedLabels(nothing, nothing, {}, {}))
    assert count(overlay, GREEN) > 100
    assert count(overlay, RED) == count(overlay, YELLOW) == 0


def test_a_large_picture_is_cut_around_the_center(samples: list[Sample]) -> None:
    sample = replace(samples[0], cell_diameter_px=20.0)
    nothing = np.zeros(sample.instances.shape, np.uint32)
    empty = PredictedLabels(nothing, nothing, {}, {})
    last = int(sample.instance_ids[-1])
    rows, columns = np.nonzero(sample.instances == last)
    part = draw_overlay(sample, empty, (float(rows.mean()), float(columns.mean())))
    assert part.shape == (TILE_PX, TILE_PX, 3)
    assert count(part, GREEN) > 0
    corner = draw_overlay(sample, empty, (0.0, 0.0))
    assert corner.shape == part.shape


def test_the_worst_outlines_come_first_and_are_limited(samples: list[Sample]) -> None:
    worst = WorstCases(2)
    for sample, shift in zip(samples, (4, 0, 12, 8), strict=True):
        predicted = predict(sample, shift)
        worst.offer(sample, predicted, score_picture(sample, predicted))
    assert [case.name for case in worst.outlines] == ["2", "3"]
    assert worst.outlines[0].badness > worst.outlines[1].badness > 0
    assert "Dice: cell 0." in worst.outlines[0].captions[0]
    assert worst.classes == []


def test_a_perfect_picture_is_no_bad_case(samples: list[Sample]) -> None:
    worst, predicted = WorstCases(5), predict(samples[0], 0)
    worst.offer(samples[0], predicted, score_picture(samples[0], predicted))
    assert worst.outlines == worst.classes == []


def test_false_cells_make_a_case_bad_and_are_named(samples: list[Sample]) -> None:
    sample = samples[0]
    predicted, worst = predict(sample, 0), WorstCases(5)
    bare = replace(
        sample,
        instances=np.zeros_like(sample.instances),
        allowed=np.ones_like(sample.allowed),
        cell_classes={},
    )
    worst.offer(bare, predicted, score_picture(bare, predicted))
    (case,) = worst.outlines
    assert case.badness == 1
    n_cells = sample.instance_ids.size
    assert case.captions[0] == "No labeled cell"
    assert case.captions[1].startswith(f"{n_cells} false cell")


def test_the_surest_wrong_classes_come_first(samples: list[Sample]) -> None:
    sample = samples[1]
    predicted = predict(sample, 0, answer=5)
    wrong = [i for i, c in sample.cell_classes.items() if c != 5]
    assert len(wrong) > 1
    worst = WorstCases(len(wrong) - 1)
    worst.offer(sample, predicted, score_picture(sample, predicted))
    found = [case.badness for case in worst.classes]
    sure = sorted((predicted.confidences[i] for i in wrong), reverse=True)
    assert found == pytest.approx(sure[:-1])
    assert "→ basophil (0." in worst.classes[0].captions[0]


def test_nothing_is_drawn_without_need(samples: list[Sample]) -> None:
    worst, predicted = WorstCases(0), predict(samples[0], 9, answer=5)
    worst.offer(samples[0], predicted, score_picture(samples[0], predicted))
    assert worst.outlines == worst.classes == []
