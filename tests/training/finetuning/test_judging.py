"""How two models are compared, and what is said of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.geometry import Region
from napari_leukoseg.segment.model import ModelCard
from napari_leukoseg.training.finetuning import Verdict
from napari_leukoseg.training.finetuning.judging import (
    Judgment,
    compare,
    decide,
    draw_cells,
    is_correction,
)
from napari_leukoseg.training.scores import CellScore, PictureScore, PixelCounts

CARD = ModelCard("base", "residual-unet", {}, (1, 2), 32.0, weights_sha256="abc")
RIGHT = CellScore(1, 0.95, 0.93, 0.9, True, 1, 1, 0.9, {})
WRONG = replace(RIGHT, predicted_class_id=2)
PIXELS = PixelCounts(("background", "cell"), ((0, 0), (0, 0)))


def judgment_of(cells: list[CellScore], n_false: int = 0) -> Judgment:
    """One cell a field."""
    scores = [
        PictureScore(
            "x", str(i), f"s/{i}", (cell,), PIXELS, false_ids=tuple(range(n_false))
        )
        for i, cell in enumerate(cells)
    ]
    return Judgment(CARD, tuple(scores))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"predicted_class_id": 2}, True),
        ({"class_id": 0, "predicted_class_id": 2}, False),
        ({"is_found": False}, True),
        ({"cell_dice": 0.89}, True),
        ({"cell_dice": math.nan, "nucleus_dice": 0.89}, True),
    ],
)
def test_what_a_person_would_correct(change, expected):
    assert is_correction(replace(RIGHT, **change)) is expected


def test_more_right_classes_are_better():
    base, new = judgment_of([WRONG] * 6 + [RIGHT] * 4), judgment_of([RIGHT] * 10)
    comparison = compare(base, new, seed=0)
    assert comparison.n_cells == comparison.n_fields == 10
    assert comparison.base.figures["class_accuracy"].value == pytest.approx(0.4)
    assert comparison.base.figures["corrections_per_100"].value == pytest.approx(60)
    assert comparison.base.confusion == ((4, 6),)
    assert comparison.new.confusion == ((10, 0),)
    difference = comparison.differences["class_accuracy"]
    assert difference.low > 0
    assert difference.value == pytest.approx(0.6)
    verdict, reason = decide(comparison)
    assert verdict is Verdict.BETTER
    assert "60 → 0" in reason
    assert decide(compare(new, base, seed=0))[0] is Verdict.WORSE


def test_a_clear_loss_outweighs_gains():
    worse = replace(RIGHT, cell_dice=0.92)
    base = judgment_of([WRONG] * 6 + [RIGHT] * 4)
    verdict, reason = decide(compare(base, judgment_of([worse] * 10), seed=0))
    assert verdict is Verdict.WORSE
    assert "cell dice 0.950 → 0.920" in reason


def test_a_loss_that_nobody_sees_is_none():
    hardly = replace(RIGHT, cell_dice=0.949)
    base = judgment_of([WRONG] * 6 + [RIGHT] * 4)
    assert decide(compare(base, judgment_of([hardly] * 10), 0))[0] is Verdict.BETTER


@pytest.mark.parametrize("n_fields", [1, 4])
def test_few_fields_decide_nothing(n_fields):
    sides = (judgment_of([cell] * n_fields) for cell in (WRONG, RIGHT))
    verdict, reason = decide(compare(*sides, seed=0))
    assert verdict is Verdict.NO_CLEAR_DIFFERENCE
    assert "100 → 0" in reason


def test_equal_models_do_not_differ():
    same = judgment_of([WRONG, RIGHT] * 5)
    verdict, _ = decide(compare(same, same, seed=0))
    assert verdict is Verdict.NO_CLEAR_DIFFERENCE


def test_false_cells_are_corrections():
    sides = judgment_of([RIGHT] * 6), judgment_of([RIGHT] * 6, n_false=1)
    comparison = compare(*sides, seed=0)
    assert comparison.new.figures["corrections_per_100"].value == pytest.approx(100)
    assert decide(comparison)[0] is Verdict.WORSE


def test_drawn_cells_do_not_overlap():
    box = Region(0, 0, 4, 4)
    full = np.ones((4, 4), bool)
    cells = [
        SegmentedCell(box, full, ~full, (1,), np.ones(1), 0.9),
        SegmentedCell(Region(2, 2, 4, 4), ~full, full, (1,), np.ones(1), 0.9),
    ]
    nucleus, cytoplasm = draw_cells(cells, (8, 8))
    assert (nucleus[:4, :4] == 1).all()
    assert not ((nucleus > 0) & (cytoplasm > 0)).any()
    assert (cytoplasm == 2).sum() == 12
