"""Optimizers, clipped gradients and averaged weights."""

import copy

import pytest
import torch
from torch import nn

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.training.optimizing import (
    OptimizerSettings,
    build_optimizer,
    clip_gradients,
    update_average,
)


def with_gradient(*values: float) -> nn.Linear:
    network = nn.Linear(len(values), 1, bias=False)
    network.weight.grad = torch.tensor([values])
    return network


def gradient(network: nn.Linear) -> torch.Tensor:
    assert network.weight.grad is not None
    return network.weight.grad[0]


def test_elements_are_clipped_one_by_one() -> None:
    network = with_gradient(-3.0, 0.1, 0.5)
    clip_gradients(network, OptimizerSettings(clip_norm=0, clip_value=0.4))
    assert gradient(network).tolist() == pytest.approx([-0.4, 0.1, 0.4])


def test_norm_is_clipped_as_a_whole() -> None:
    network = with_gradient(3.0, 4.0)
    clip_gradients(network, OptimizerSettings(clip_norm=1.0))
    assert gradient(network).tolist() == pytest.approx([0.6, 0.8], rel=1e-5)


def test_zero_clips_nothing() -> None:
    network = with_gradient(300.0, 4.0)
    clip_gradients(network, OptimizerSettings(clip_norm=0, clip_value=0))
    assert gradient(network).tolist() == [300.0, 4.0]


def test_adam_takes_decay_into_the_gradient_and_adamw_does_not() -> None:
    moved = {}
    for kind in ("adam", "adamw"):
        network = with_gradient(1.0, 1.0)
        nn.init.constant_(network.weight, 10.0)
        settings = OptimizerSettings(kind=kind, learning_rate=0.1, weight_decay=0.5)  # type: ignore[arg-type]
        build_optimizer(settings, network.parameters()).step()
        moved[kind] = 10 - network.weight[0, 0].item()
    assert moved["adam"] == pytest.approx(0.1, rel=1e-4)  # the first step is the rate
    assert moved["adamw"] == pytest.approx(0.1 + 0.1 * 0.5 * 10, rel=1e-4)


def test_constants_reach_the_optimizer() -> None:
    settings = OptimizerSettings(kind="adam", betas=(0.5, 0.6), eps=1e-7)
    (group,) = build_optimizer(settings, nn.Linear(1, 1).parameters()).param_groups
    assert (group["betas"], group["eps"]) == ((0.5, 0.6), 1e-7)


def test_average_follows_quickly_at_first_and_slowly_later() -> None:
    network, average = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    for step, expected in ((0, 0.9), (1000, 0.1)):
        nn.init.ones_(network.weight)
        nn.init.zeros_(average.weight)
        update_average(average, network, 0.9, step)
        assert average.weight.item() == pytest.approx(expected)


def test_statistics_of_normalization_are_copied() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    average = copy.deepcopy(network)
    network(torch.randn(4, 1, 3, 3, generator=torch.Generator().manual_seed(0)))
    update_average(average, network, 0.999, 1000)
    kept, current = dict(average.named_buffers()), dict(network.named_buffers())
    assert (current["1.running_mean"] != 0).any()
    for name, buffer in current.items():
        torch.testing.assert_close(kept[name], buffer, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0.0),
        ("eps", -1.0),
        ("clip_value", -0.1),
        ("ema_decay", 1.0),
        ("betas", (0.9, 1.0)),
    ],
)
def test_unfit_settings_are_refused(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=name):
        OptimizerSettings(**{name: value})  # type: ignore[arg-type]
