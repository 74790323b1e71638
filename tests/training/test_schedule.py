"""The learning rate, and when a run ends, against PyTorch and by hand."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.training.schedule import Schedule, ScheduleSettings


def schedule(epochs: int = 10, steps: int = 10, **settings: object) -> Schedule:
    chosen = ScheduleSettings(**{"warmup_steps": 0, **settings})  # type: ignore[arg-type]
    return Schedule(chosen, 0.1, epochs, steps)


def dummy_optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)


def test_warmup_rises_evenly_to_the_peak() -> None:
    rates = [schedule(warmup_steps=5).rate(step) for step in range(6)]
    assert rates == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])


def test_cosine_is_that_of_pytorch() -> None:
    optimizer, ours = dummy_optimizer(), schedule(floor=0.01)
    theirs = CosineAnnealingLR(optimizer, T_max=100, eta_min=0.001)
    for step in range(100):
        assert ours.rate(step) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()


def test_cosine_ends_at_its_floor() -> None:
    ours = schedule(warmup_steps=20, floor=0.25)
    assert ours.rate(99) == pytest.approx(0.025, rel=1e-2)
    assert all(a >= b for a, b in pairwise(ours.rate(s) for s in range(20, 100)))


def test_plateaus_are_those_of_pytorch() -> None:
    rng = np.random.default_rng(0)
    losses = np.maximum(0.5, 1 - 0.01 * np.arange(80)) + rng.normal(0, 0.02, 80)
    ours = schedule(
        100, kind="plateau", patience=4, factor=0.5, min_delta=0.01, floor=0.02
    )
    optimizer = dummy_optimizer()
    theirs = ReduceLROnPlateau(  # which counts the epochs that it bears, not the last
        optimizer,
        factor=0.5,
        patience=3,
        threshold=0.01,
        threshold_mode="abs",
        min_lr=0.002,
    )
    rates = []
    for epoch, loss in enumerate(losses.tolist(), start=1):
        ours.judge(epoch, loss)
        theirs.step(loss)
        rates.append(ours.rate(10 * epoch))
        assert rates[-1] == pytest.approx(optimizer.param_groups[0]["lr"])
    assert len(set(rates)) > 3


def test_run_ends_when_the_loss_has_not_fallen_for_as_long_as_borne() -> None:
    ours = schedule(100, stop_patience=10)
    losses = [1 / epoch for epoch in range(1, 43)] + [0.5] * 10
    ends = []
    for epoch, loss in enumerate(losses, start=1):
        ours.judge(epoch, loss)
        ends.append(ours.is_over(epoch))
    assert ends.index(True) == 51  # the best is epoch 42, the last epoch 52


def test_without_patience_the_last_epoch_is_reached() -> None:
    ours = schedule(3)
    for epoch in (1, 2):
        ours.judge(epoch, math.nan)
        assert not ours.is_over(epoch)
    assert ours.is_over(3)


def test_second_stage_has_its_own_rate() -> None:
    ours = schedule(4, kind="constant", frozen_epochs=2, unfrozen_rate=0.1)
    assert [ours.is_frozen(epoch) for epoch in range(4)] == [True, True, False, False]
    assert [ours.rate(s) for s in (0, 19, 20, 39)] == pytest.approx(
        [0.1, 0.1, 0.01, 0.01]
    )


def test_state_goes_on_where_it_was() -> None:
    losses = [1.0, 0.9, 0.95, 0.96, 0.97, 0.5, 0.6, 0.7]
    whole = schedule(kind="plateau", patience=2, stop_patience=3)
    for epoch, loss in enumerate(losses, start=1):
        whole.judge(epoch, loss)
        cut = schedule(kind="plateau", patience=2, stop_patience=3)
        cut.load_state_dict(whole.state_dict())
        assert cut.rate(99) == whole.rate(99)
        assert cut.is_over(epoch) == whole.is_over(epoch)
        whole = cut
    assert whole.rate(99) < 0.1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("warmup_steps", -1),
        ("patience", 0),
        ("factor", 1.0),
        ("floor", 1.5),
        ("unfrozen_rate", 0.0),
        ("min_delta", -1.0),
    ],
)
def test_unfit_settings_are_refused(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=name):
        ScheduleSettings(**{name: value})  # type: ignore[arg-type]
