"""Trains a network: set up, fit epoch by epoch, validate, keep, resume."""

from __future__ import annotations

import logging
import math
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_leukoseg.errors import DataError
from napari_leukoseg.segment.model import load_model
from napari_leukoseg.segment.predict import Segmenter
from napari_leukoseg.steps import retell_steps
from napari_leukoseg.training.classifying import teach_classifier
from napari_leukoseg.training.curves import write_curves
from napari_leukoseg.training.lures import find_lures
from napari_leukoseg.training.previews import write_preview
from napari_leukoseg.training.processes import joined
from napari_leukoseg.training.record import write_record
from napari_leukoseg.training.reports import (
    EpochReport,
    StepReport,
    best_report,
    read_log,
    write_log,
)
from napari_leukoseg.training.run_folder import RunFolder
from napari_leukoseg.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

    import torch

    from napari_leukoseg.training.config import TrainingConfig
    from napari_leukoseg.training.sample import Sample
    from napari_leukoseg.training.splits import Split

__all__ = ["EpochReport", "StepReport", "fit", "train"]

logger = logging.getLogger(__name__)


def train(
    config: TrainingConfig,
    split: Split,
    out: Path,
    *,
    device: torch.device,
    resume: bool = False,
    data: Mapping[str, str] | None = None,
) -> Generator[StepReport | EpochReport, None, None]:
    """Train, yielding after each step and each epoch; closing the generator stops.

    Several processes, as ``torchrun`` starts them, share each batch; the first
    of them writes.

    Parameters
    ----------
    config : TrainingConfig
        What to train.
    split : Split
        Samples; its test part is not touched.
    out : Path
        Receives, after every epoch: the checkpoint, ``log.csv``,
        ``curves.png``, ``record.json``, overlays in ``predictions``, and, in
        ``model``, the weights as a model folder. After the last one the model
        gets its classifier, if the configuration asks for one.
    device : torch.device
        Where to train.
    resume : bool, optional
        Continue from the checkpoint in `out`, exactly as if never stopped; if
        there is none, begin.
    data : mapping of str to str, optional
        SHA-256 of each data set, for the record and the model's card.

    Yields
    ------
    report : StepReport or EpochReport
        How far the run is.

    Raises
    ------
    SettingsError
        If `out` holds anything and `resume` is not given, if it holds a run of
        another configuration, or if settings do not fit together.
    DataError
        If there is nothing to train on, or the checkpoint cannot be read.
    ModelError
        If the network cannot start from the weights that it should.
    ExportError
        If `out` cannot be written to.
    """
    folder = RunFolder(out)
    with joined(device) as (processes, own_device):
        if processes.is_first and not resume:
            folder.check_free()
        if config.crops.lures:
            noted = yield from note_lures(config, split.train, own_device)
            split = replace(split, train=noted)
        trainer = Trainer(config, split, own_device, processes)
        keeper = Keeper(trainer, folder, data or {})
        if resume:
            keeper.restore()
        while not trainer.is_over:
            report = yield from trainer.run_epoch()
            if processes.is_first:
                keeper.keep()
            yield report
        if processes.is_first:
            yield from teach(trainer, split.train, folder)


def note_lures(
    config: TrainingConfig, samples: Sequence[Sample], device: torch.device
) -> Generator[StepReport, None, tuple[Sample, ...]]:
    """Note in training pictures what tempts the model that a run starts from."""
    segmenter = Segmenter(load_model(config.initial), device)
    noted = yield from retell_steps(
        find_lures(segmenter, samples), lambda step: StepReport(*step, math.nan)
    )
    logger.info("%d lures were found.", sum(len(sample.lures) for sample in noted))
    return tuple(noted)


def teach(
    trainer: Trainer, samples: Sequence[Sample], folder: RunFolder
) -> Generator[StepReport, None, None]:
    """Teach the classifier of a trained model, if that was not done yet."""
    model = load_model(folder.model)
    settings = trainer.config.classifier
    if settings is None or model.classifier is not None:
        return
    segmenter = Segmenter(model, trainer.device)
    teaching = teach_classifier(segmenter, samples, settings, trainer.config.seed)
    try:
        classifier = yield from retell_steps(
            teaching, lambda step: StepReport(*step, math.nan)
        )
    except DataError as error:  # the model is good for something even so
        logger.warning("The model gets no classifier of cells. %s", error)
    else:
        folder.save_model(model.network.cpu(), model.card, classifier)


def fit(
    config: TrainingConfig,
    split: Split,
    out: Path,
    *,
    device: torch.device,
    resume: bool = False,
    data: Mapping[str, str] | None = None,
) -> Generator[EpochReport, None, None]:
    """Train, yielding after each epoch only; all else is as in `train`.

    Parameters
    ----------
    config, split, out, device, resume, data
        As for `train`.

    Yields
    ------
    report : EpochReport
        Figures of the epoch.
    """
    with closing(
        train(config, split, out, device=device, resume=resume, data=data)
    ) as reports:
        for report in reports:
            if isinstance(report, EpochReport):
                yield report


class Keeper:
    """Writes what a run leaves after each epoch, and goes back to it."""

    def __init__(
        self, trainer: Trainer, folder: RunFolder, data: Mapping[str, str]
    ) -> None:
        self.trainer, self.folder, self.data = trainer, folder, data

    def keep(self) -> None:
        """Write all of an epoch; the checkpoint last but for what follows from it."""
        trainer, folder = self.trainer, self.folder
        folder.path.mkdir(parents=True, exist_ok=True)
        if best_report(trainer.reports, trainer.config.keep) is trainer.reports[-1]:
            facts = {"epoch": trainer.epoch, "data": dict(self.data)}
            card = replace(trainer.card, training={**trainer.card.training, **facts})
            folder.save_model(trainer.average, card)
        shown = trainer.preview()
        if shown is not None:
            path = folder.preview(trainer.epoch)
            write_preview(path, *shown, trainer.config.crops.class_ids)
        folder.save_checkpoint(trainer.config, trainer.state_dict())
        self.write_figures()

    def write_figures(self) -> None:
        """Write log, curves and record."""
        trainer, folder = self.trainer, self.folder
        write_log(folder.log, trainer.reports)
        write_curves(folder.curves, trainer.reports)
        write_record(
            folder.record,
            trainer.config,
            trainer.reports,
            data=self.data,
            device=trainer.device,
            processes=trainer.processes.count,
            is_finished=trainer.is_over,
        )

    def restore(self) -> None:
        """Go back to the last checkpoint, if there is one."""
        trainer, folder = self.trainer, self.folder
        state = folder.load_checkpoint(trainer.config, trainer.device)
        if state is None:
            return
        if "reports" not in state and folder.log.exists():
            epochs = read_log(folder.log)[: state["epoch"]]
            state["reports"] = [vars(report) for report in epochs]
        trainer.load_state_dict(state)
        if trainer.processes.is_first and trainer.reports:
            self.write_figures()
