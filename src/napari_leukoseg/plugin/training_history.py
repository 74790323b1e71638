"""What a fine-tuning has told so far, as its curves and pictures need it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_leukoseg.training.finetuning import FinetuneProgress, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TrainingHistory"]

_MOST_LOSSES = 512
"""Losses that are kept: more than a dock has pixels. Then pairs become their mean."""


@dataclass
class TrainingHistory:
    """Losses by step, figures and pictures by epoch.

    Attributes
    ----------
    losses : list of tuple of float
        Epoch, as a fraction while it is under way, and loss; means of several steps
        in a long run.
    epochs : list of FinetuneProgress
        The base as epoch 0, then one at the end of each epoch.
    """

    losses: list[tuple[float, float]] = field(default_factory=list)
    epochs: list[FinetuneProgress] = field(default_factory=list)
    _steps: list[tuple[float, float]] = field(default_factory=list)
    _steps_per_loss: int = 1

    def add(self, progress: FinetuneProgress) -> None:
        """Take what was told."""
        if progress.figures:
            self.epochs.append(progress)
        elif progress.stage is Stage.TRAIN and progress.loss is not None:
            share = progress.step / max(1, progress.n_steps)
            self._add_loss(share * progress.n_epochs, progress.loss)

    def curve(self, figure: str) -> list[tuple[float, float]]:
        """Return a figure by epoch, without those that are not known."""
        known = ((p.epoch, p.figures.get(figure)) for p in self.epochs)
        return [(float(epoch), value) for epoch, value in known if value is not None]

    @property
    def best(self) -> FinetuneProgress | None:
        """Epoch whose weights are in the model folder."""
        return next((p for p in reversed(self.epochs) if p.is_best), None)

    @property
    def previews(self) -> list[tuple[int, tuple[str, ...]]]:
        """Epochs that have pictures, and their files."""
        return [
            (progress.epoch, progress.preview_files)
            for progress in self.epochs
            if progress.preview_files
        ]

    def _add_loss(self, epoch: float, loss: float) -> None:
        """Keep a loss, or its share in a mean."""
        self._steps.append((epoch, loss))
        if len(self._steps) < self._steps_per_loss:
            return
        self.losses.append(_mean(self._steps))
        self._steps.clear()
        if len(self.losses) >= _MOST_LOSSES:
            pairs = zip(self.losses[::2], self.losses[1::2], strict=True)
            self.losses[:] = map(_mean, pairs)
            self._steps_per_loss *= 2


def _mean(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Mean of epochs and of losses."""
    epochs, losses = zip(*points, strict=True)
    return sum(epochs) / len(points), sum(losses) / len(points)
