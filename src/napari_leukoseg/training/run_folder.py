"""The folder of a run: whether it may be used, and its checkpoint."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import torch

from napari_leukoseg.case.files import replace_path
from napari_leukoseg.errors import DataError, SettingsError
from napari_leukoseg.export.files import replaced_when_complete
from napari_leukoseg.segment.model import CARD_NAME, WEIGHTS_NAME, save_model
from napari_leukoseg.training.record import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from napari_leukoseg.segment.classifier import CellClassifier
    from napari_leukoseg.segment.model import ModelCard
    from napari_leukoseg.segment.networks import SegmentationNetwork
    from napari_leukoseg.training.colorizing_config import ColorizingConfig
    from napari_leukoseg.training.config import TrainingConfig

    AnyConfig = TrainingConfig | ColorizingConfig

__all__ = ["RunFolder"]

CHECKPOINT_NAME = "checkpoint.pt"

CHANGEABLE = ("classifier", "description", "epochs", "preview_crops", "workers")
"""Settings that a resumed run may change: they change no batch and no earlier step."""


class RunFolder:
    """Names in the folder of a run, and its checkpoint.

    Parameters
    ----------
    path : Path
        Folder; made when something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def checkpoint(self) -> Path:
        """All that a run goes on from."""
        return self.path / CHECKPOINT_NAME

    @property
    def model(self) -> Path:
        """Model folder with the weights that the run keeps."""
        return self.path / "model"

    @property
    def log(self) -> Path:
        """Figures of each epoch as CSV."""
        return self.path / "log.csv"

    @property
    def curves(self) -> Path:
        """The same as a picture."""
        return self.path / "curves.png"

    @property
    def record(self) -> Path:
        """What was trained, from what, with what, and how well."""
        return self.path / "record.json"

    def preview(self, epoch: int) -> Path:
        """Predictions after an epoch, counted from 1."""
        return self.path / "predictions" / f"epoch-{epoch:03}.png"

    def check_free(self) -> None:
        """Refuse a folder that holds anything.

        Raises
        ------
        SettingsError
            If it is a file, or not empty.
        """
        if self.checkpoint.exists():
            raise SettingsError(
                f"{self.path} holds a training run already; resume it (--resume), or "
                "give another folder."
            )
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise SettingsError(
                f"{self.path} is not empty, and not the folder of a training run; "
                "give another folder."
            )

    def save_model(
        self,
        network: SegmentationNetwork,
        card: ModelCard,
        classifier: CellClassifier | None = None,
    ) -> None:
        """Write the model folder file by file, so that none is ever half written."""
        partial = self.path / "model.partial"
        save_model(partial, network, card, classifier)
        self.model.mkdir(exist_ok=True)
        for name in (WEIGHTS_NAME, CARD_NAME):
            replace_path(partial / name, self.model / name)
        partial.rmdir()

    def save_checkpoint(self, config: AnyConfig, state: Mapping[str, Any]) -> None:
        """Write what `load_checkpoint` reads, in one step.

        Parameters
        ----------
        config : TrainingConfig or ColorizingConfig
            What is trained.
        state : mapping
            Tensors and plain data.
        """
        with (
            replaced_when_complete(self.checkpoint) as partial,
            partial.open("wb") as file,
        ):
            torch.save({**state, "config": plain(config)}, file)

    def load_checkpoint(
        self, config: AnyConfig, device: torch.device
    ) -> dict[str, Any] | None:
        """Read the last checkpoint of a run of the same configuration.

        Parameters
        ----------
        config : TrainingConfig or ColorizingConfig
            What shall be trained on.
        device : torch.device
            Where the tensors shall be.

        Returns
        -------
        state : dict or None
            None where there is no checkpoint.

        Raises
        ------
        DataError
            If it cannot be read.
        SettingsError
            If the run was made by other settings.
        """
        if not self.checkpoint.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(
                self.checkpoint, map_location=device, weights_only=True
            )
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise DataError(
                f"{self.checkpoint} cannot be read ({error}); train again into "
                "another folder."
            ) from error
        for name, earlier, now in differences(state.pop("config", {}), plain(config)):
            if name.split(".")[0] not in CHANGEABLE:
                raise SettingsError(
                    f"{self.path} holds a run in which {name} is {earlier!r}, not "
                    f"{now!r}; resume it with the configuration that it was started "
                    "with, or give another folder."
                )
        return state


def differences(
    earlier: Any, now: Any, name: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the settings that both have with different values."""
    if isinstance(earlier, dict) and isinstance(now, dict):
        for key in filter(earlier.__contains__, now):
            yield from differences(earlier[key], now[key], f"{name}.{key}".strip("."))
    elif earlier != now:
        yield name, earlier, now
