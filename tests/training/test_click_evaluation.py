"""Clicks are counted as a person would make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.correct.clicking import NoCellError
from napari_leukoseg.geometry import Region
from napari_leukoseg.training.click_evaluation import (
    CellClicks,
    ClickTarget,
    click_targets,
    click_through,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.correct.clicking import Outline, PixelSource, Prompt
    from napari_leukoseg.training.sample import Sample


class Scripted:
    """Gives prepared masks in turn, none for no cell; keeps what it was asked."""

    def __init__(self, *answers: NDArray[np.bool_] | None) -> None:
        self.answers = list(answers)
        self.prompts: list[tuple[Prompt, Outline | None]] = []

    def segment(
        self, slide: PixelSource, prompt: Prompt, *, previous=None, **_: object
    ) -> SegmentedCell:
        self.prompts.append((prompt, previous))
        mask = self.answers[min(len(self.prompts), len(self.answers)) - 1]
        if mask is None:
            raise NoCellError("none")
        whole = Region.of_shape(mask.shape)
        return SegmentedCell(whole, mask & False, mask, (6,), np.ones(1), 1.0)


def square(start: int, stop: int) -> NDArray[np.bool_]:
    mask = np.zeros((40, 40), bool)
    mask[start:stop, start:stop] = True
    return mask


@pytest.fixture
def target() -> ClickTarget:
    image = np.zeros((40, 40, 3), np.uint8)
    return ClickTarget(image, square(10, 30), np.ones((40, 40), bool), None)


def test_a_perfect_answer_needs_one_click(target: ClickTarget) -> None:
    clicker = Scripted(target.cell)
    clicks = click_through(clicker, target, n_clicks=5)
    assert clicks.ious == (1.0,) * 5
    assert clicks.clicks_to(0.9) == 1
    assert len(clicker.prompts) == len(clicks.seconds) == 1
    assert target.cell[tuple(int(v) for v in clicker.prompts[0][0].positive[0])]


def test_errors_get_clicks_until_they_are_gone(target: ClickTarget) -> None:
    clicker = Scripted(None, square(4, 36), square(10, 20), square(10, 30))
    clicks = click_through(clicker, target, n_clicks=6)
    kinds = [(len(p.positive), len(p.negative)) for p, _ in clicker.prompts]
    assert kinds == [(1, 0), (2, 0), (2, 1), (3, 1)]
    assert clicks.ious == pytest.approx((0, 400 / 1024, 0.25, 1, 1, 1))
    assert clicks.clicks_to(0.9) == 4
    had_outline = [previous is not None for _, previous in clicker.prompts]
    assert had_outline == [False, False, True, True]


def test_what_is_never_reached_counts_one_more() -> None:
    assert CellClicks((0.2, 0.5), np.nan, (0.1, 0.1)).clicks_to(0.9) == 3


def test_what_is_unknown_is_not_judged(target: ClickTarget) -> None:
    known = ~square(30, 40)
    unsure = ClickTarget(target.image, target.cell, known, target.cell)
    clicks = click_through(Scripted(target.cell | ~known), unsure, n_clicks=1)
    assert clicks.ious == (1.0,)
    assert clicks.nucleus_iou == 0


def test_targets_are_the_whole_cells_of_a_picture(samples: list[Sample]) -> None:
    sample = samples[0]
    targets = click_targets(sample)
    assert 0 < len(targets) <= sample.instance_ids.size
    for target in targets:
        assert target.known[target.cell].all()
        assert target.nucleus is not None
        assert (target.nucleus & ~target.cell).sum() == 0
