"""What a fine-tuning is asked for, and tells of itself; loads no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "PRESETS",
    "FinetuneProgress",
    "FinetuneRequest",
    "FinetuneSettings",
    "Preset",
    "PresetValues",
    "Stage",
]


class Preset(StrEnum):
    """How much time a fine-tuning may take."""

    QUICK = "quick"
    THOROUGH = "thorough"


@dataclass(frozen=True)
class PresetValues:
    """What a preset stands for.

    Parameters
    ----------
    epochs, steps_per_epoch : int
        Length of the run.
    learning_rate : float
        Peak rate of the class head; other weights learn more slowly.
    """

    epochs: int
    steps_per_epoch: int
    learning_rate: float


PRESETS = {
    Preset.QUICK: PresetValues(6, 20, 1e-3),
    Preset.THOROUGH: PresetValues(20, 60, 1e-3),
}
"""Quick takes minutes on two cores; thorough about ten times as many steps."""


@dataclass(frozen=True)
class FinetuneSettings:
    """What a user asks of a fine-tuning.

    Parameters
    ----------
    base : str, optional
        Model to start from: bundled, of the user's library, or a model folder.
    preset : Preset, optional
        Gives what is left out below.
    name : str, optional
        Name of the new model; that of the base with ``-tuned`` if empty.
    epochs, steps_per_epoch : int, optional
        Length of the run.
    learning_rate : float, optional
        Peak rate of the class head; other weights learn more slowly.
    kept_aside : float, optional
        Share of the fields that only judge the model; the survey takes it.
    seed : int, optional
        Draws the fields kept aside, the crops and the dropout; equal seeds give
        equal models on one machine.
    device : str, optional
        Where to train, as ``--device`` takes it.
    """

    base: str = "default"
    preset: Preset = Preset.QUICK
    name: str = ""
    epochs: int | None = None
    steps_per_epoch: int | None = None
    learning_rate: float | None = None
    kept_aside: float = 0.25
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "steps_per_epoch", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SettingsError(f"{name} is {value}; give more than 0.")
        if not 0 < self.kept_aside < 1:
            raise SettingsError(
                f"kept_aside is {self.kept_aside}; give a share between 0 and 1."
            )
        if self.seed < 0:
            raise SettingsError(f"seed is {self.seed}; give 0 or more.")

    @property
    def values(self) -> PresetValues:
        """Length and rate, given or those of the preset."""
        preset = PRESETS[self.preset]
        return PresetValues(
            self.epochs or preset.epochs,
            self.steps_per_epoch or preset.steps_per_epoch,
            self.learning_rate or preset.learning_rate,
        )

    @property
    def model_name(self) -> str:
        """Name of the new model."""
        return self.name or f"{Path(self.base).name}-tuned"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FinetuneSettings:
        """Build from plain data.

        Raises
        ------
        SettingsError
            If a setting or the preset is unknown.
        """
        try:
            return cls(**{**data, "preset": Preset(data.get("preset", Preset.QUICK))})
        except TypeError as error:
            raise SettingsError(f"Settings of a fine-tuning: {error}.") from error
        except ValueError as error:
            if isinstance(error, SettingsError):
                raise
            raise SettingsError(
                f"Preset {data['preset']!r} is unknown; give {', '.join(Preset)}."
            ) from error


@dataclass(frozen=True)
class FinetuneRequest:
    """All that ``python -m napari_leukoseg.training.finetuning`` reads.

    Parameters
    ----------
    paths : tuple of Path
        Cases, and folders of pictures with masks, all of which must be usable.
    settings : FinetuneSettings
        What is asked for.
    out : Path
        Folder that receives the model and what tells of it.
    slides : tuple of Path, optional
        Slides, or folders of slides, of cases that do not lie beside theirs.
    """

    paths: tuple[Path, ...]
    settings: FinetuneSettings
    out: Path
    slides: tuple[Path, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return {
            "paths": [str(path) for path in self.paths],
            "settings": self.settings.to_dict(),
            "out": str(self.out),
            "slides": [str(path) for path in self.slides],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FinetuneRequest:
        """Build from plain data."""
        return cls(
            tuple(Path(path) for path in data["paths"]),
            FinetuneSettings.from_dict(data["settings"]),
            Path(data["out"]),
            tuple(Path(path) for path in data.get("slides", ())),
        )


class Stage(StrEnum):
    """What a fine-tuning is doing."""

    READ = "read"
    JUDGE_BASE = "judge base"
    TRAIN = "train"
    TEACH = "teach"
    JUDGE_NEW = "judge new"
    FINISH = "finish"


@dataclass(frozen=True)
class FinetuneProgress:
    """How far a fine-tuning is.

    Parameters
    ----------
    stage : Stage
        What it is doing.
    epoch, n_epochs : int
        Epochs done and planned; epoch 0 is the base.
    step, n_steps : int
        Steps done and planned: of the whole training, or pictures of a judgment.
    loss : float or None
        Of the last step.
    figures : mapping of str to float or None, optional
        At the end of an epoch, of the fields kept aside: ``loss``,
        ``cell_dice``, ``nucleus_dice`` and ``class_accuracy``; none where not known.
        Empty in between. At epoch 0, those of the base.
    preview_files : tuple of str, optional
        At the end of an epoch: pictures (PNG), one for each of the same few places in
        the fields kept aside; the upper half is as corrected, the lower as predicted.
    seconds_left : float or None, optional
        Estimate, once there is one.
    is_best : bool, optional
        Whether the model folder now holds the weights of this epoch.
    message : str, optional
        One line for people.
    """

    stage: Stage
    epoch: int = 0
    n_epochs: int = 0
    step: int = 0
    n_steps: int = 0
    loss: float | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict)
    preview_files: tuple[str, ...] = ()
    seconds_left: float | None = None
    is_best: bool = False
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FinetuneProgress:
        """Build from plain data."""
        files = tuple(data.get("preview_files", ()))
        return cls(**{**data, "stage": Stage(data["stage"]), "preview_files": files})
