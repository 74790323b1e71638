"""Folder of one fine-tuning run: its request, what it told, and its model so far."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.plugin import places
from napari_leukoseg.plugin.training_history import TrainingHistory
from napari_leukoseg.training.finetuning import (
    FinetuneProgress,
    FinetuneResult,
    FinetuneSettings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    Event = dict[str, Any]

__all__ = ["TrainingFolder"]

_REQUEST = "request.json"
_EVENTS = "events.jsonl"
_OWNER = "viewer.json"


@dataclass(frozen=True)
class TrainingFolder:
    """Where a run keeps its files until its model is kept or discarded.

    Since every event is written down, a run whose viewer has gone can be shown
    again, and its model is not lost.

    Parameters
    ----------
    path : Path
        The folder.
    """

    path: Path

    @classmethod
    def create(cls, name: str) -> TrainingFolder:
        """Make an empty folder of this viewer.

        Parameters
        ----------
        name : str
            Its name, to which a number is added if there is one.

        Raises
        ------
        OSError
            If it cannot be made.
        """
        number = 1
        while True:
            path = places.trainings_folder() / f"{name}-{number}"
            with suppress(FileExistsError):
                path.mkdir(parents=True)
                break
            number += 1
        folder = cls(path)
        folder.adopt()
        return folder

    @classmethod
    def orphans(cls) -> list[TrainingFolder]:
        """List the folders whose viewer has gone, the newest first."""
        with suppress(OSError):
            paths = places.trainings_folder().glob(f"*/{_REQUEST}")
            newest = sorted(paths, key=lambda p: p.stat().st_mtime, reverse=True)
            folders = [cls(path.parent) for path in newest]
            return [folder for folder in folders if not folder.has_owner]
        return []

    @property
    def has_owner(self) -> bool:
        """Whether the viewer that made it, or adopted it, is running."""
        try:
            facts = json.loads((self.path / _OWNER).read_text(encoding="utf-8"))
            owner = psutil.Process(int(facts["pid"]))
            return abs(owner.create_time() - float(facts["create_time"])) < 1
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return False

    @property
    def request_file(self) -> Path:
        """What is asked of the process."""
        return self.path / _REQUEST

    @property
    def out(self) -> Path:
        """Where the process writes."""
        return self.path / "out"

    @property
    def model(self) -> Path | None:
        """Folder of the best model so far, none before there is one."""
        folder = self.out / "model"
        return folder if (folder / "model.json").is_file() else None

    def settings(self) -> FinetuneSettings:
        """Return what was asked for, as far as it can be read."""
        with suppress(OSError, ValueError, KeyError, LeukosegError):
            data = json.loads(self.request_file.read_text(encoding="utf-8"))
            return FinetuneSettings.from_dict(data["settings"])
        return FinetuneSettings()

    def result(self) -> FinetuneResult | None:
        """Return what the run came to, none if it did not get that far."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            text = (self.out / "result.json").read_text(encoding="utf-8")
            return FinetuneResult.from_dict(json.loads(text))
        return None

    def adopt(self) -> None:
        """Make it a folder of this viewer."""
        owner = psutil.Process()
        facts = {"pid": owner.pid, "create_time": owner.create_time()}
        (self.path / _OWNER).write_text(json.dumps(facts), encoding="utf-8")

    def release(self) -> None:
        """Leave it to the next session."""
        with suppress(OSError):
            (self.path / _OWNER).unlink(missing_ok=True)

    def write_request(self, request: Mapping[str, Any]) -> None:
        """Write what is asked of the process."""
        text = json.dumps(request, indent=2)
        self.request_file.write_text(text, encoding="utf-8")

    def note(self, event: Event) -> None:
        """Write down an event; what cannot be written is missed later only."""
        with suppress(OSError), (self.path / _EVENTS).open("a", encoding="utf-8") as f:
            f.write(json.dumps(event) + "\n")

    def history(self) -> TrainingHistory:
        """Return what was written down, up to a line that was cut off."""
        history = TrainingHistory()
        with suppress(OSError, ValueError, KeyError, TypeError):
            text = (self.path / _EVENTS).read_text(encoding="utf-8")
            for line in text.splitlines():
                history.add(FinetuneProgress.from_dict(json.loads(line)))
        return history

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
