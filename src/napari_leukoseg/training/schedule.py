"""The learning rate over a run, and when to end it early."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, with_config

from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Schedule", "ScheduleSettings"]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class ScheduleSettings:
    """How the learning rate changes, and when a run ends.

    Parameters
    ----------
    kind : {'cosine', 'plateau', 'constant'}, optional
        After the warm-up: a cosine down to `floor`; a reduction whenever the
        validation loss stalls; or no change.
    warmup_steps : int, optional
        Steps of linear rise.
    floor : float, optional
        Lowest rate, as a share of the peak.
    factor : float, optional
        What a plateau multiplies the rate by.
    patience : int, optional
        Epochs without improvement that make a plateau.
    min_delta : float, optional
        Smallest fall of the validation loss that ends a plateau.
    stop_patience : int, optional
        Epochs without any fall of the validation loss that end the run; 0
        trains to the last epoch.
    frozen_epochs : int, optional
        Epochs at the beginning in which the encoder stays as it is.
    unfrozen_rate : float, optional
        Factor of the learning rate in the epochs after these.
    """

    kind: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup_steps: int = 200
    floor: float = 0.01
    factor: float = 0.5
    patience: int = 10
    min_delta: float = 1e-4
    stop_patience: int = 0
    frozen_epochs: int = 0
    unfrozen_rate: float = 1.0

    def __post_init__(self) -> None:
        for name in ("warmup_steps", "stop_patience", "frozen_epochs", "min_delta"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 0 or more.")
        if self.patience < 1:
            raise SettingsError(f"patience is {self.patience}; give 1 epoch or more.")
        if not 0 < self.factor < 1:
            raise SettingsError(f"factor is {self.factor}; give a share below 1.")
        if not 0 <= self.floor <= 1:
            raise SettingsError(f"floor is {self.floor}; give a share of 0 to 1.")
        if not self.unfrozen_rate > 0:
            raise SettingsError(
                f"unfrozen_rate is {self.unfrozen_rate}; give more than 0."
            )


@dataclass
class Judgment:
    """What the validation losses so far mean for the epochs to come."""

    reduction: float = 1.0
    plateau_loss: float = math.inf
    plateau_epochs: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0


class Schedule:
    """Learning rate by step, and what the validation loss of each epoch changes.

    Plateaus and the early end are counted as Keras counts them
    (``ReduceLROnPlateau``, ``EarlyStopping``), with which the published systems
    were trained.

    Parameters
    ----------
    settings : ScheduleSettings
        Course and patience.
    peak : float
        Learning rate after the warm-up.
    epochs, steps_per_epoch : int
        Length of the run.
    """

    def __init__(
        self, settings: ScheduleSettings, peak: float, epochs: int, steps_per_epoch: int
    ) -> None:
        self.settings, self.peak = settings, peak
        self.epochs, self.steps_per_epoch = epochs, steps_per_epoch
        self._judgment = Judgment()

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0 over the whole run."""
        is_frozen = self.is_frozen(step // self.steps_per_epoch)
        stage = 1.0 if is_frozen else self._unfrozen_rate
        return self._course(step) * stage

    @property
    def _unfrozen_rate(self) -> float:
        """Factor of the second stage, if there are two."""
        return self.settings.unfrozen_rate if self.settings.frozen_epochs else 1.0

    def _course(self, step: int) -> float:
        """Rise to the peak, then fall as the settings say."""
        settings = self.settings
        if step < settings.warmup_steps:
            return self.peak * (step + 1) / settings.warmup_steps
        if settings.kind == "plateau":
            return self.peak * max(self._judgment.reduction, settings.floor)
        if settings.kind == "constant":
            return self.peak
        total = self.epochs * self.steps_per_epoch
        span = max(1, total - settings.warmup_steps)
        progress = (step - settings.warmup_steps) / span
        fall = (1 - settings.floor) * (1 + math.cos(math.pi * progress)) / 2
        return self.peak * (settings.floor + fall)

    def is_frozen(self, epoch: int) -> bool:
        """Tell whether the encoder stays as it is in an epoch, counted from 0."""
        return epoch < self.settings.frozen_epochs

    def judge(self, epoch: int, loss: float) -> None:
        """Take the validation loss of a finished epoch, counted from 1."""
        judgment, settings = self._judgment, self.settings
        if loss < judgment.best_loss:
            judgment.best_loss, judgment.best_epoch = loss, epoch
        if loss < judgment.plateau_loss - settings.min_delta:
            judgment.plateau_loss, judgment.plateau_epochs = loss, 0
            return
        judgment.plateau_epochs += 1
        if judgment.plateau_epochs >= settings.patience:
            judgment.reduction *= settings.factor
            judgment.plateau_epochs = 0

    def is_over(self, epoch: int) -> bool:
        """Tell whether the run ends after an epoch, counted from 1."""
        patience = self.settings.stop_patience
        stalled = epoch - self._judgment.best_epoch
        return epoch >= self.epochs or (0 < patience <= stalled)

    def state_dict(self) -> dict[str, float]:
        """Return what `load_state_dict` goes on from."""
        return asdict(self._judgment)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier state; an empty one is the beginning."""
        self._judgment = Judgment(**state)
