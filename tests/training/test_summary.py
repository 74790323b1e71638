"""Figures of a set follow from the scores of its pictures."""

import math
from dataclasses import replace

import numpy as np
import pytest

from napari_leukoseg.training.class_figures import class_name
from napari_leukoseg.training.metrics import expected_calibration_error
from napari_leukoseg.training.scores import CellScore, PictureScore, PixelCounts
from napari_leukoseg.training.summary import FIGURE_GROUPS, SetSummary, summarize

FIVE = (1, 2, 3, 4, 5)
PARTS = ("background", "cytoplasm", "nucleus")


def cell(
    dice: float = 0.9,
    truth: int = 1,
    answer: int = 1,
    confidence: float = 0.8,
    *,
    is_found: bool = True,
) -> CellScore:
    rest = (1 - confidence) / 4
    probabilities = {i: confidence if i == answer else rest for i in FIVE}
    return CellScore(
        1,
        dice,
        dice - 0.1,
        dice - 0.2,
        is_found,
        truth,
        answer,
        confidence if answer else math.nan,
        probabilities if answer else {},
    )


def picture(
    *cells: CellScore, group: str = "a", false_ids: tuple[int, ...] = ()
) -> PictureScore:
    pixels = PixelCounts(PARTS, ((90, 1, 0), (2, 20, 3), (0, 4, 30)))
    return PictureScore(
        "set",
        "name",
        group,
        cells,
        pixels,
        false_ids=false_ids,
        n_matched=sum(c.is_found for c in cells),
        aji=0.8,
        aji_plus=0.7,
        pq=0.6,
        sq=0.9,
        rq=2 / 3,
    )


def values(summary: SetSummary) -> dict[str, float]:
    return {name: figure.value for name, figure in summary.figures.items()}


def test_pictures_and_cells_are_averaged_apart() -> None:
    pictures = [picture(cell(0.6), cell(1.0)), picture(cell(0.4), group="b")]
    found = values(summarize(pictures, FIVE))
    assert found["cell_dice_per_picture"] == pytest.approx((0.8 + 0.4) / 2)
    assert found["nucleus_dice_per_picture"] == pytest.approx((0.7 + 0.3) / 2)
    assert found["cytoplasm_dice_per_picture"] == pytest.approx((0.6 + 0.2) / 2)
    assert found["cell_dice"] == pytest.approx(2 / 3)
    assert found["nucleus_dice"] == pytest.approx(2 / 3 - 0.1)
    assert found["cytoplasm_dice"] == pytest.approx(2 / 3 - 0.2)


def test_clumps_count_for_their_picture_only() -> None:
    clumped = replace(picture(cell(0.6)), clumps=(cell(1.0, truth=0),))
    summary = summarize([clumped], FIVE)
    found = values(summary)
    assert found["cell_dice_per_picture"] == pytest.approx(0.8)
    assert found["cell_dice"] == pytest.approx(0.6)
    assert (summary.n_cells, summary.n_clumps) == (1, 1)


def test_cells_are_found_over_the_set() -> None:
    missed = cell(0.3, is_found=False)
    pictures = [picture(cell(), missed), picture(cell(), false_ids=(7, 8))]
    summary = summarize(pictures, FIVE)
    found = values(summary)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["precision"] == pytest.approx(2 / 4)
    assert found["f1"] == pytest.approx(2 * 2 / (4 + 3))
    assert summary.n_false == 2
    assert found["pq"] == pytest.approx(0.6)


def test_cells_without_an_outline_are_not_looked_for() -> None:
    places = replace(
        picture(cell(math.nan)), n_matched=0, has_outlines=False, aji=math.nan
    )
    found = values(summarize([picture(cell()), places], FIVE))
    assert found["recall"] == 1
    assert found["class_accuracy"] == 1
    assert found["aji"] == pytest.approx(0.8)
    assert "cell_dice" not in values(summarize([places], FIVE))
    assert "recall" not in values(summarize([places], FIVE))


def test_classes_are_scored_where_expert_and_model_know_them() -> None:
    cells = [
        cell(truth=1, answer=1, confidence=0.9),
        cell(truth=1, answer=2, confidence=0.6),
        cell(truth=2, answer=2, confidence=0.7),
        cell(truth=3, answer=0, is_found=False),  # not found
        cell(truth=0, answer=4),  # the expert does not know
        cell(truth=14, answer=2),  # the model does not
    ]
    summary = summarize([picture(*cells)], FIVE)
    found = values(summary)
    assert (summary.n_classed, summary.class_ids) == (4, FIVE)
    assert found["class_accuracy"] == pytest.approx(2 / 4)
    assert found["balanced_accuracy"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    expected = expected_calibration_error(
        np.array([0.9, 0.6, 0.7]), np.array([True, False, True])
    )
    assert found["ece"] == pytest.approx(expected)
    assert 0.5 < found["macro_auroc"] <= 1
    confusion = summary.confusion
    assert confusion.true_ids == (1, 2, 3, 14)
    assert confusion.predicted_ids == (1, 2, 3, 4, 5, 0)
    counts = np.array(confusion.counts)
    assert counts.sum() == 5
    assert counts[2, -1] == counts[3, 1] == 1
    assert sum(summary.reliability.counts) == 3
    assert sum(summary.reliability.right) == 2
    assert sum(summary.reliability.confidences) == pytest.approx(2.2)


def test_a_model_without_classes_gives_no_class_figures() -> None:
    summary = summarize([picture(cell(answer=6, confidence=1.0))], ())
    assert not set(FIGURE_GROUPS["Classes"]) & set(summary.figures)
    assert summary.n_classed == 0
    assert sum(summary.reliability.counts) == 0


def test_pixels_are_summed_over_the_set() -> None:
    summary = summarize([picture(cell()), picture(cell())], FIVE)
    nucleus = summary.pixels["nucleus"]
    assert nucleus["recall"].value == pytest.approx(30 / 34)
    assert nucleus["precision"].value == pytest.approx(30 / 33)
    assert nucleus["dice"].value == pytest.approx(60 / 67)
    whole = summary.pixels["cell"]
    assert whole["jaccard"].value == pytest.approx(57 / (57 + 1 + 2))
    assert values(summary)["pixel_accuracy"] == pytest.approx(140 / 150)
    assert "background" not in summary.pixels
    assert summary.pixel_classes == PARTS


def test_the_finest_classes_of_pixels_count() -> None:
    coarse = replace(
        picture(cell()), pixels=PixelCounts(("background", "cell"), ((9, 1), (1, 9)))
    )
    assert set(summarize([coarse], FIVE).pixels) == {"cell"}
    both = summarize([coarse, picture(cell())], FIVE)
    assert values(both)["pixel_accuracy"] == pytest.approx(140 / 150)


def test_intervals_are_over_groups_and_hold_the_value() -> None:
    rng = np.random.default_rng(0)
    pictures = [
        picture(
            *(
                cell(float(d), answer=int(a))
                for d, a in zip(
                    rng.uniform(0.5, 1, 3), rng.integers(1, 6, 3), strict=True
                )
            ),
            group=str(i // 2),
        )
        for i in range(30)
    ]
    summary = summarize(pictures, FIVE, n_resamples=300, seed=1)
    assert summary.n_groups == 15
    for name, figure in summary.figures.items():
        assert figure.low <= figure.value <= figure.high, name
    dice = summary.figures["cell_dice"]
    assert dice.low < dice.value < dice.high
    assert summarize(pictures, FIVE, n_resamples=300, seed=1) == summary
    assert summarize(pictures, FIVE, n_resamples=300, seed=2) != summary


def test_one_group_has_figures_without_intervals() -> None:
    summary = summarize([picture(cell()), picture(cell())], FIVE)
    assert summary.figures["recall"].value == 1
    assert not any(figure.has_interval for figure in summary.figures.values())


def test_every_class_has_a_name() -> None:
    names = [class_name(class_id) for class_id in (0, 2, 14, 200)]
    assert names == ["not found", "lymphocyte", "lymphoblast", "class 200"]
