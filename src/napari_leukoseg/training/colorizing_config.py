"""Configurations of runs that train a colorizer: YAML files with `task: colorizer`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.training.colorizing_crops import ColorCropSettings
from napari_leukoseg.training.config import (
    DataSource,
    TrainingConfig,
    first_mistake,
    load_config,
)
from napari_leukoseg.training.optimizing import OptimizerSettings
from napari_leukoseg.training.schedule import ScheduleSettings
from napari_leukoseg.training.splits import SplitSettings

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ColorizingConfig", "load_any_config"]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class ColorizingConfig:
    """Everything that decides a run that trains a colorizer.

    Parameters
    ----------
    task : {'colorizer'}
        Tells the configuration from that of a segmenting network.
    name : str
        Name of the colorizer.
    data : tuple of DataSource
        Data sets, below the root that the command gives.
    description : str, optional
        One or two sentences for its card.
    leave_out : tuple of str, optional
        Families of data sets that are kept from training and validation.
    look : str, optional
        Bundled stain reference that it is taught to paint.
    architecture : str, optional
        Key of `stain.colorizer.COLORIZERS`.
    network : mapping, optional
        Settings of the architecture.
    pretrained : str, optional
        Weights of a VGG16 encoder: `imagenet`, or a file; empty for random ones.
    epochs, steps_per_epoch, batch_size : int, optional
        Length of the run.
    seed : int, optional
        Seeds weights, crops and dropout.
    workers : int, optional
        Processes that cut crops.
    validation_crops : int, optional
        Crops by which an epoch is judged.
    preview_crops : int, optional
        How many of them are drawn with their prediction after each epoch.
    keep : {'last', 'best-loss'}, optional
        Epoch whose weights are the colorizer.
    loss_width : float, optional
        Error in a* or b* from which the loss grows linearly rather than with the
        square.
    split, crops, optimizer, schedule : optional
        Settings of these parts.
    """

    task: Literal["colorizer"]
    name: str
    data: tuple[DataSource, ...]
    description: str = ""
    leave_out: tuple[str, ...] = ()
    look: str = "wright-giemsa"
    architecture: str = "local"
    network: dict[str, Any] = field(default_factory=dict)
    pretrained: str = ""
    epochs: int = 10
    steps_per_epoch: int = 100
    batch_size: int = 10
    seed: int = 0
    workers: int = 1
    validation_crops: int = 96
    preview_crops: int = 6
    keep: Literal["last", "best-loss"] = "best-loss"
    loss_width: float = 5.0
    split: SplitSettings = field(default_factory=SplitSettings)
    crops: ColorCropSettings = field(default_factory=ColorCropSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)

    def __post_init__(self) -> None:
        for name in ("epochs", "steps_per_epoch", "batch_size", "validation_crops"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 1 or more.")
        for name in ("seed", "workers", "preview_crops"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 0 or more.")
        if not self.loss_width > 0:
            raise SettingsError(
                f"loss_width is {self.loss_width}; give more than 0, in CIELAB."
            )
        if self.schedule.frozen_epochs:
            raise SettingsError(
                f"schedule.frozen_epochs is {self.schedule.frozen_epochs}; leave it "
                "out: the encoder of the published colorizer is never trained, and "
                "the others have none."
            )
        if not self.training_data:
            raise SettingsError("No data set is left to train on; see data, leave_out.")

    @property
    def training_data(self) -> tuple[DataSource, ...]:
        """Data sets that are not left out."""
        return tuple(s for s in self.data if s.family not in self.leave_out)


def load_any_config(path: Path) -> TrainingConfig | ColorizingConfig:
    """Read a configuration, of a colorizer where it says so.

    Raises
    ------
    SettingsError
        If the file cannot be read, or has an unknown or unfit setting.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise SettingsError(f"Configuration {path} cannot be read: {error}") from error
    if not isinstance(data, dict) or "task" not in data:
        return load_config(path)
    try:
        return TypeAdapter(ColorizingConfig).validate_python(data)
    except ValidationError as error:
        raise SettingsError(
            f"Configuration {path.name}: {first_mistake(error.errors()[0])}"
        ) from error
