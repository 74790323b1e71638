"""Curves as pictures."""

import numpy as np

from napari_leukoseg.plugin.training_curves import Curves, CurveStyle, draw_curves
from napari_leukoseg.plugin.training_history import TrainingHistory
from napari_leukoseg.training.finetuning import FinetuneProgress, Stage

STYLE = CurveStyle(240, 200, 1.5, "#ffffff", "#20242c")


def test_size_and_ground_are_those_asked_for() -> None:
    picture = draw_curves(Curves((), {}, 3, None), STYLE)
    assert picture.shape == (300, 360, 4)
    assert tuple(picture[0, 0]) == (0x20, 0x24, 0x2C, 255)


def test_each_kind_of_curve_shows() -> None:
    empty = Curves((), {}, 3, None)
    points = ((0.0, 0.5), (1.0, 0.8))
    for curves in (
        Curves(((0.1, 2.0), (0.2, 1.5)), {}, 3, None),
        *(Curves((), {name: points}, 3, None) for name in ("loss", "cell_dice")),
        Curves((), {}, 3, 1),
    ):
        assert np.any(draw_curves(curves, STYLE) != draw_curves(empty, STYLE))


def test_history_tells_losses_from_figures() -> None:
    history = TrainingHistory()
    for step in (1, 2):
        history.add(FinetuneProgress(Stage.TRAIN, 0, 2, step, 4, loss=1.0 / step))
    history.add(FinetuneProgress(Stage.JUDGE_BASE, 0, 2, 1, 4, loss=None))
    figures = {"loss": 0.4, "cell_dice": None}
    history.add(FinetuneProgress(Stage.TRAIN, 1, 2, 2, 4, 0.5, figures, is_best=True))
    assert history.losses == [(0.5, 1.0), (1.0, 0.5)]
    assert history.curve("loss") == [(1.0, 0.4)]
    assert history.curve("cell_dice") == []
    assert history.best.epoch == 1
    assert history.previews == []
