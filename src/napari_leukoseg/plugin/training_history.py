"""What a fine-tuning has told so far, as its curves and pictures need it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from napari_leukoseg.training.finetuning import FinetuneProgress, Stage

__all__ = ["TrainingHistory"]


@dataclass
class TrainingHistory:
    """Losses by step, figures and pictures by epoch.

    Attributes
    ----------
    losses : list of tuple of float
        Epoch, as a fraction while it is under way, and loss.
    epochs : list of FinetuneProgress
        The base as epoch 0, then one at the end of each epoch.
    """

    losses: list[tuple[float, float]] = field(default_factory=list)
    epochs: list[FinetuneProgress] = field(default_factory=list)

    def add(self, progress: FinetuneProgress) -> None:
        """Take what was told."""
        if progress.figures:
            self.epochs.append(progress)
        elif progress.stage is Stage.TRAIN and progress.loss is not None:
            share = progress.step / max(1, progress.n_steps)
            self.losses.append((share * progress.n_epochs, progress.loss))

    def curve(self, figure: str) -> list[tuple[float, float]]:
        """Return a figure by epoch, without those that are not known."""
        known = ((p.epoch, p.figures.get(figure)) for p in self.epochs)
        return [(float(epoch), value) for epoch, value in known if value is not None]

    @property
    def best(self) -> FinetuneProgress | None:
        """Epoch whose weights are in the model folder."""
        return next((p for p in reversed(self.epochs) if p.is_best), None)

    @property
    def previews(self) -> list[tuple[int, list[Path]]]:
        """Pictures of each epoch that has some."""
        return [
            (progress.epoch, [Path(file) for file in progress.preview_files])
            for progress in self.epochs
            if progress.preview_files
        ]
