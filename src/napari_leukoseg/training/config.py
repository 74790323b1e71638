"""Training configurations: YAML files, checked field by field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.networks import PROMPTED
from napari_leukoseg.stain import StainChoice
from napari_leukoseg.training.classifying import (
    ClassifierSettings,  # noqa: TC001 -- pydantic reads it at run time
)
from napari_leukoseg.training.click_prompts import (
    ClickSettings,  # noqa: TC001 -- pydantic reads it at run time
)
from napari_leukoseg.training.crop_settings import CropSettings
from napari_leukoseg.training.losses import LossSettings, PartialLoss
from napari_leukoseg.training.optimizing import OptimizerSettings
from napari_leukoseg.training.schedule import ScheduleSettings
from napari_leukoseg.training.splits import SplitSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["DataSource", "TrainingConfig", "load_config"]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class DataSource:
    """One data set: its kind and its folder below the data root."""

    kind: str
    folder: str

    @property
    def family(self) -> str:
        """First word of the kind; sets of one family show the same smears."""
        return self.kind.split("-")[0]


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
    description : str, optional
        One or two sentences for the model's card.
    leave_out : tuple of str, optional
        Families of data sets that are kept from training and validation, to
        judge the model on; `bcisc` is the crops and the fields of that name.
    architecture : str, optional
        Key of `segment.networks.ARCHITECTURES`.
    network : mapping, optional
        Settings of the architecture.
    initial : str, optional
        Bundled model or model folder whose weights the run starts from;
        empty for random ones.
    pretrained : str, optional
        Published weights of the encoder: `imagenet`, a name in
        `segment.networks.pretrained.PUBLISHED_WEIGHTS`, or a file; empty for
        random ones.
    stain : str, optional
        Stain step that pictures go through before the network, in training and
        ever after, as `stain.StainChoice.parse` reads it; empty for none.
    image_mean, image_std : tuple of float or None, optional
        Standardization of RGB in 0 to 1, by channel; that which the
        architecture is made for if not given.
    epochs, steps_per_epoch, batch_size : int, optional
        Length of the run; several processes share a batch.
    seed : int, optional
        Seeds weights, crops and dropout.
    mixed_precision : bool, optional
        Whether networks run in bfloat16 where the device is fast at it.
    workers : int, optional
        Processes that cut crops, for each process that trains.
    validation_crops : int, optional
        Crops by which an epoch is judged.
    preview_crops : int, optional
        How many of them are drawn with their prediction after each epoch.
    keep : {'last', 'best-loss', 'best-dice'}, optional
        Epoch whose weights are the model: the last one, or the best on the
        validation crops.
    classifier : ClassifierSettings or None, optional
        How the classifier of cells is taught after the last epoch; none for models
        whose network alone tells classes.
    clicks : ClickSettings or None, optional
        How clicks are simulated, for networks that outline the one cell that a
        person points at; none for all others.
    split, crops, losses, optimizer, schedule : optional
        Settings of these parts.
    """

    name: str
    data: tuple[DataSource, ...]
    description: str = ""
    leave_out: tuple[str, ...] = ()
    architecture: str = "residual-unet"
    network: dict[str, Any] = field(default_factory=dict)
    initial: str = ""
    pretrained: str = ""
    stain: str = ""
    image_mean: tuple[float, float, float] | None = None
    image_std: tuple[float, float, float] | None = None
    epochs: int = 30
    steps_per_epoch: int = 200
    batch_size: int = 16
    seed: int = 0
    mixed_precision: bool = True
    workers: int = 1
    validation_crops: int = 128
    preview_crops: int = 6
    keep: Literal["last", "best-loss", "best-dice"] = "last"
    classifier: ClassifierSettings | None = None
    clicks: ClickSettings | None = None
    split: SplitSettings = field(default_factory=SplitSettings)
    crops: CropSettings = field(default_factory=CropSettings)
    losses: LossSettings = field(default_factory=PartialLoss)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)

    def __post_init__(self) -> None:
        for name in ("epochs", "steps_per_epoch", "batch_size", "validation_crops"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 1 or more.")
        for name in ("seed", "workers", "preview_crops"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 0 or more.")
        if self.image_std is not None and min(self.image_std) <= 0:
            raise SettingsError(
                f"image_std is {self.image_std}; give three numbers above 0."
            )
        if self.initial and self.pretrained:
            raise SettingsError(
                f"initial is {self.initial!r} and pretrained {self.pretrained!r}; give "
                "one of them, since both set the encoder."
            )
        if self.crops.lures and not self.initial:
            raise SettingsError(
                f"crops.lures is {self.crops.lures}, but without initial there is no "
                "model to be tempted; name one, or give 0."
            )
        if self.losses.outlines_nuclei != self.crops.outline_nuclei:
            raise SettingsError(
                f"crops.outline_nuclei is {self.crops.outline_nuclei}; set it to "
                f"{self.losses.outlines_nuclei} for the loss {self.losses.kind!r}."
            )
        if (self.clicks is not None) != (self.architecture in PROMPTED):
            raise SettingsError(
                f"clicks are {'not ' * (self.clicks is None)}simulated for "
                f"{self.architecture!r}; they are what {', '.join(PROMPTED)} learns "
                "from, and no other architecture."
            )
        if self.stain:
            StainChoice.parse(self.stain)
        self._check_data()

    def _check_data(self) -> None:
        """Refuse data that are absent or cannot be left out."""
        if not self.data:
            raise SettingsError("data names no data set; give at least one.")
        families = {source.family for source in self.data}
        unknown = [name for name in self.leave_out if name not in families]
        if unknown:
            raise SettingsError(
                f"leave_out names {unknown[0]!r}, which is none of the data; give any "
                f"of {', '.join(sorted(families))}."
            )
        if not self.training_data:
            raise SettingsError("leave_out leaves no data set to train on.")

    @property
    def training_data(self) -> tuple[DataSource, ...]:
        """Data sets that are not left out."""
        return tuple(s for s in self.data if s.family not in self.leave_out)


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
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise SettingsError(f"Configuration {path} cannot be read: {error}") from error
    except ValidationError as error:
        raise SettingsError(
            f"Configuration {path.name}: {first_mistake(error.errors()[0])}"
        ) from error


def first_mistake(error: Mapping[str, Any]) -> str:
    """Say which setting is wrong, its value, and what it should be."""
    parts = [str(part) for part in error["loc"]]
    if parts[:1] == ["losses"]:
        del parts[1:2]  # kind of the loss, which is no part of the name
    where = ".".join(parts) or "the whole"
    if error["type"] == "unexpected_keyword_argument":
        return f"there is no setting {where}; check its spelling and place."
    reason = error["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{where} is {error['input']!r}: {reason}."
