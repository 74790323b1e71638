"""The optimizer, the clipping of gradients, and the averaged weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import ConfigDict, with_config
from torch import nn

from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "OptimizerSettings",
    "build_optimizer",
    "clip_gradients",
    "update_average",
]

QUICK_STEPS = 10
"""Steps after which the average begins to move as slowly as its decay says."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class OptimizerSettings:
    """Optimizer, gradient clipping and averaging of the weights.

    Parameters
    ----------
    kind : {'adamw', 'adam'}, optional
        Decay apart from the gradient [1]_, or as a part of it.
    learning_rate : float, optional
        Peak rate.
    weight_decay : float, optional
        Decoupled decay of AdamW, L2 penalty of Adam.
    betas : tuple of float, optional
        Decay of the running mean of the gradient and of its square.
    eps : float, optional
        Keeps the division stable; Keras has 1e-7.
    clip_norm : float, optional
        Largest norm of the whole gradient; 0 for none.
    clip_value : float, optional
        Largest size of each element of the gradient; 0 for none.
    ema_decay : float, optional
        Decay of the exponential moving average of the weights, per step; 0
        keeps the weights themselves.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, "Decoupled weight decay
       regularization", ICLR 2019.
    """

    kind: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    clip_norm: float = 1.0
    clip_value: float = 0.0
    ema_decay: float = 0.998

    def __post_init__(self) -> None:
        for name in ("learning_rate", "eps"):
            if not getattr(self, name) > 0:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}; give more than 0."
                )
        for name in ("weight_decay", "clip_norm", "clip_value"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 0 or more.")
        for decay in (*self.betas, self.ema_decay):
            if not 0 <= decay < 1:
                raise SettingsError(
                    f"A decay of {decay} in betas or ema_decay is not below 1; give 0 "
                    "or more, below 1."
                )


def build_optimizer(
    settings: OptimizerSettings, parameters: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """Make the optimizer of a run.

    Parameters
    ----------
    settings : OptimizerSettings
        Kind and constants.
    parameters : iterable of Parameter
        What it changes.
    """
    kind = torch.optim.AdamW if settings.kind == "adamw" else torch.optim.Adam
    return kind(
        parameters,
        lr=settings.learning_rate,
        betas=settings.betas,
        eps=settings.eps,
        weight_decay=settings.weight_decay,
    )


def clip_gradients(network: nn.Module, settings: OptimizerSettings) -> None:
    """Bound the gradient as a whole, then each of its elements.

    Parameters
    ----------
    network : Module
        Has gradients.
    settings : OptimizerSettings
        Bounds.
    """
    if settings.clip_norm:
        nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
    if settings.clip_value:
        nn.utils.clip_grad_value_(network.parameters(), settings.clip_value)


@torch.no_grad()
def update_average(
    average: nn.Module, network: nn.Module, decay: float, step: int
) -> None:
    """Move averaged weights toward the network's, quickly at first.

    Buffers, such as the statistics of batch normalization, are averages
    already and are copied.

    Parameters
    ----------
    average, network : Module
        Of one architecture; `average` is changed.
    decay : float
        Share that stays, once the first steps are over.
    step : int
        Counted from 0.
    """
    decay = min(decay, (1 + step) / (QUICK_STEPS + step))
    for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)
    for kept, current in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(current)
