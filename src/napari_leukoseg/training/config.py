"""Training configurations: YAML files, checked field by field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.training.crops import CropSettings
from napari_leukoseg.training.losses import LossSettings
from napari_leukoseg.training.splits import SplitSettings

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DataSource", "OptimizerSettings", "TrainingConfig", "load_config"]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class DataSource:
    """One data set: its kind and its folder below the data root."""

    kind: str
    folder: str


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class OptimizerSettings:
    """AdamW with linear warm-up, cosine decay and averaged weights.

    Parameters
    ----------
    learning_rate, weight_decay : float, optional
        Peak rate and decoupled decay.
    warmup_steps : int, optional
        Steps of linear rise.
    clip_norm : float, optional
        Largest norm of the gradient.
    ema_decay : float, optional
        Decay of the exponential moving average of the weights, per step.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup_steps: int = 200
    clip_norm: float = 1.0
    ema_decay: float = 0.998


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a training run.

    Parameters
    ----------
    name : str
        Name of the model.
    data : tuple of DataSource
        Data sets, below the root that the command gives.
    architecture : str, optional
        Key of `segment.networks.ARCHITECTURES`.
    network : mapping, optional
        Settings of the architecture.
    epochs, steps_per_epoch, batch_size : int, optional
        Length of the run.
    seed : int, optional
        Seeds weights, crops and dropout.
    workers : int, optional
        Processes that cut crops.
    validation_crops : int, optional
        Crops by which an epoch is judged.
    split, crops, losses, optimizer : optional
        Settings of these parts.
    """

    name: str
    data: tuple[DataSource, ...]
    description: str = ""
    architecture: str = "residual-unet"
    network: dict[str, Any] = field(default_factory=dict)
    epochs: int = 30
    steps_per_epoch: int = 200
    batch_size: int = 16
    seed: int = 0
    workers: int = 1
    validation_crops: int = 128
    split: SplitSettings = field(default_factory=SplitSettings)
    crops: CropSettings = field(default_factory=CropSettings)
    losses: LossSettings = field(default_factory=LossSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)

    def __post_init__(self) -> None:
        for name in ("epochs", "steps_per_epoch", "batch_size"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 1 or more.")
        if not self.data:
            raise SettingsError("data names no data set; give at least one.")


def load_config(path: Path) -> TrainingConfig:
    """Read a training configuration.

    Raises
    ------
    SettingsError
        If the file cannot be read, is no YAML mapping, or has an unknown or
        unfit setting.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(TrainingConfig).validate_python(data)
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"Configuration {path} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise SettingsError(
            f"Configuration {path.name}: {where} is {first['input']!r}: {reason}."
        ) from error
