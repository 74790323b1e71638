"""What the curves show, from what a fine-tuning tells."""

import pytest

from napari_leukoseg.plugin.training_curves import CurvePanel, panels_of, ticks
from napari_leukoseg.plugin.training_history import TrainingHistory
from napari_leukoseg.training.finetuning import FinetuneProgress, Stage

N_STEPS = 5000


def step(number: int, loss: float, n_steps: int = N_STEPS) -> FinetuneProgress:
    return FinetuneProgress(Stage.TRAIN, 0, 2, number, n_steps, loss)


def epoch(number: int, **figures: float | None) -> FinetuneProgress:
    return FinetuneProgress(Stage.TRAIN, number, 2, 2, 4, 0.5, figures, is_best=True)


def test_history_tells_losses_from_figures() -> None:
    history = TrainingHistory()
    for number in (1, 2):
        history.add(step(number, 1.0 / number, 4))
    history.add(FinetuneProgress(Stage.JUDGE_BASE, 0, 2, 1, 4, loss=None))
    history.add(epoch(1, loss=0.4, cell_dice=None))
    assert history.losses == [(0.5, 1.0), (1.0, 0.5)]
    assert history.curve("loss") == [(1.0, 0.4)]
    assert history.curve("cell_dice") == []
    assert history.best.epoch == 1
    assert history.previews == []


def test_long_history_keeps_few_losses_of_all_its_length() -> None:
    history = TrainingHistory()
    for number in range(1, N_STEPS + 1):
        history.add(step(number, float(number)))
    epochs, losses = zip(*history.losses, strict=True)
    assert 200 < len(losses) <= 512
    assert list(epochs) == sorted(epochs)
    for at, loss in history.losses:  # means of neighbors lie on the same line
        assert loss / N_STEPS == pytest.approx(at / 2)
    assert losses[-1] > 0.98 * N_STEPS


def test_panels_have_the_lines_that_have_points() -> None:
    history = TrainingHistory()
    assert [panel.lines for panel in panels_of(history)] == [(), ()]
    history.add(step(1, 2.0))
    history.add(epoch(0, loss=float("nan"), cell_dice=0.8, class_accuracy=None))
    history.add(epoch(1, loss=0.5, cell_dice=0.9, class_accuracy=0.6))
    loss, figures = panels_of(history)
    assert [line.label for line in loss.lines] == ["", "training", "kept aside"]
    assert loss.lines[-1].points == ((1.0, 0.5),)
    assert [line.label for line in figures.lines] == ["class accuracy", "cell Dice"]
    for panel in (loss, figures, CurvePanel("empty", ())):
        low, high = panel.range
        assert low < high
        values = [value for line in panel.lines for _, value in line.points]
        assert all(low < value < high for value in values)


def test_smoothed_line_averages_and_ends_with_the_last() -> None:
    history = TrainingHistory()
    for number in range(80):
        history.add(step(number, float(number % 2)))
    _, smoothed = panels_of(history)[0].lines
    assert smoothed.points[-1][0] == history.losses[-1][0]
    assert all(value == pytest.approx(0.5) for _, value in smoothed.points)


@pytest.mark.parametrize(
    ("low", "high", "is_whole"),
    [
        (0, 1, False),
        (0.872, 0.8731, False),
        (0, 3, True),
        (0, 1000, True),
        (-1, 9, False),
    ],
)
def test_ticks_are_round_few_and_told_apart(
    low: float, high: float, is_whole: bool
) -> None:
    numbers = ticks(low, high, 5, is_whole=is_whole)
    assert 2 <= len(numbers) <= 6
    assert len({text for _, text in numbers}) == len(numbers)
    for value, text in numbers:
        assert low - 1e-9 <= value <= high + 1e-9
        assert float(text) == pytest.approx(value, abs=1e-9)
        assert not is_whole or value == int(value)
