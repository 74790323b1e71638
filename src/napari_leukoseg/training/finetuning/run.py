"""Runs a fine-tuning: reads, judges the base, trains, judges the new model."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import torch

from napari_leukoseg import __version__
from napari_leukoseg.errors import DataError, ModelError, SettingsError
from napari_leukoseg.export.files import replaced_when_complete, write_errors
from napari_leukoseg.segment import Segmenter
from napari_leukoseg.segment.device import resolve_device
from napari_leukoseg.segment.model import Model, load_model
from napari_leukoseg.segment.networks import PROMPTED
from napari_leukoseg.steps import retell_steps
from napari_leukoseg.training.classifying import teach_classifier
from napari_leukoseg.training.crops import STORED_DIAMETER_FACTOR
from napari_leukoseg.training.finetuning.gathering import gather
from napari_leukoseg.training.finetuning.judging import Judgment, compare, decide, judge
from napari_leukoseg.training.finetuning.memory import memory_errors
from napari_leukoseg.training.finetuning.method import Method
from napari_leukoseg.training.finetuning.plan import FinetuneProgress, Stage
from napari_leukoseg.training.finetuning.result import FinetuneResult
from napari_leukoseg.training.finetuning.tuner import EpochFigures, Tuner
from napari_leukoseg.training.previews import write_preview
from napari_leukoseg.training.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.segment.model import ModelCard
    from napari_leukoseg.training.finetuning.gathering import Material
    from napari_leukoseg.training.finetuning.plan import FinetuneSettings
    from napari_leukoseg.training.finetuning.survey import Survey

__all__ = ["RESULT_NAME", "WORK_NAME", "finetune"]

RESULT_NAME = "result.json"

WORK_NAME = "work"
"""Folder of what is needed while training only: pictures and their labels."""

Progress = FinetuneProgress

METHOD = Method()

JUDGING_MB = 512
"""Memory that judging may take: less than training does."""


def finetune(
    survey: Survey, settings: FinetuneSettings, out: Path
) -> Generator[FinetuneProgress, None, FinetuneResult]:
    """Tune a model on what a person has corrected.

    Closing the generator stops; the best epoch so far stays in ``out/model``.

    Parameters
    ----------
    survey : Survey
        What there is, and what of it is kept aside.
    settings : FinetuneSettings
        What is asked for.
    out : Path
        New or empty folder. Receives ``model``, ``predictions`` and, at the end,
        ``result.json``.

    Yields
    ------
    progress : FinetuneProgress
        How far it is.

    Returns
    -------
    result : FinetuneResult
        The new model, and how it compares with its base.

    Raises
    ------
    DataError
        If there is too little to learn from, or a source was moved, deleted or
        changed since it was surveyed.
    ModelError
        If the base cannot be loaded, or cannot learn a new class.
    SettingsError
        If `out` holds something, or the base and the corrections use a class id for
        different classes.
    DeviceError
        If the device is absent, or its memory is too small.
    ExportError
        If `out` cannot be written to.
    """
    if survey.refusal:
        raise DataError(survey.refusal)
    folder = RunFolder(out)
    folder.check_free()
    work = out / WORK_NAME
    try:
        with memory_errors():
            device = resolve_device(settings.device)
            base = load_model(settings.base)
            check_base(base.card, survey.scheme)
            run = Run(survey, settings, folder, base, device)
            with write_errors(out):
                work.mkdir(parents=True)
                return (yield from run.steps(work))
    finally:
        shutil.rmtree(work, ignore_errors=True)


class Run:
    """One fine-tuning from its material to its verdict."""

    def __init__(
        self,
        survey: Survey,
        settings: FinetuneSettings,
        folder: RunFolder,
        base: Model,
        device: torch.device,
    ) -> None:
        self.survey, self.settings, self.folder = survey, settings, folder
        self.base, self.device = base, device
        self.began = time.monotonic()
        self.best_epoch, self.best_loss = 0, float("inf")
        self.spent = {Stage.JUDGE_BASE: 0.0}

    def steps(self, work: Path) -> Generator[Progress, None, FinetuneResult]:
        """Do all there is to do."""
        material = yield from self._gather(work)
        before = yield from self._judge(self.base, material, work, Stage.JUDGE_BASE)
        yield from self._train(material)
        yield from self._teach(material)
        tuned = load_model(self.folder.model)
        after = yield from self._judge(tuned, material, work, Stage.JUDGE_NEW)
        comparison = compare(before, after, self.settings.seed)
        verdict, reason = decide(comparison)
        result = FinetuneResult(
            verdict,
            reason,
            comparison,
            self.folder.model,
            {c.id: c.name for c in (*self.base.card.scheme, *self.survey.scheme)},
            self.best_epoch,
            round(time.monotonic() - self.began, 1),
            peak_memory_mb(),
        )
        self._record(tuned, result)
        yield Progress(Stage.FINISH, message=reason)
        return result

    def _gather(self, work: Path) -> Generator[Progress, None, Material]:
        """Read the corrections."""
        diameter = STORED_DIAMETER_FACTOR * self.base.card.cell_diameter_px
        material = yield from retell_steps(
            gather(self.survey, work, diameter, self.base.card.stain),
            lambda name: Progress(Stage.READ, message=f"Reading {name}"),
        )
        if not material.taught or not any(kept.n_cells for kept in material.kept):
            raise DataError(
                "Nothing that is reviewed is left to learn from or to judge by; review "
                "more cells, in several fields."
            )
        return material

    def _judge(
        self, model: Model, material: Material, work: Path, stage: Stage
    ) -> Generator[Progress, None, Judgment]:
        """Segment the pictures kept aside with one of the models."""
        began, total, scores = time.monotonic(), len(material.kept), []
        name = "base" if stage is Stage.JUDGE_BASE else "new model"
        segmenter = Segmenter(model, self.device, memory_budget_mb=JUDGING_MB)
        for score in judge(segmenter, material.kept, work):
            scores.append(score)
            yield Progress(
                stage,
                step=len(scores),
                n_steps=total,
                message=f"Judging the {name}: field {len(scores)} of {total}",
            )
        self.spent[stage] = time.monotonic() - began
        model.network.to("cpu")
        return Judgment(model.card, tuple(scores))

    def _train(self, material: Material) -> Generator[Progress, None, None]:
        """Train all epochs, and keep the best one."""
        yield Progress(Stage.TRAIN, message="Preparing the training")
        tuner = Tuner(
            self.base, self.survey, material, self.settings, self.device, METHOD
        )
        tuner.blend()
        yield self._epoch_done(tuner, 0, None)
        began = time.monotonic()
        with closing(tuner.batches()) as batches:
            for number, crop in enumerate(batches, start=1):
                loss = tuner.step(number - 1, crop)
                step = self._step_done(tuner, number, loss, began)
                yield step
                if number % self.settings.values.steps_per_epoch == 0:
                    tuner.blend()
                    epoch = self._epoch_done(tuner, step.epoch + 1, loss)
                    yield replace(epoch, seconds_left=step.seconds_left)

    def _teach(self, material: Material) -> Generator[Progress, None, None]:
        """Teach the classifier of the base, with all it was taught before."""
        if self.base.classifier is None:
            return
        tuned = load_model(self.folder.model)
        segmenter = Segmenter(tuned, self.device, memory_budget_mb=JUDGING_MB)
        known = self.base.classifier.examples
        settings = replace(METHOD.classifier, trust=float(self.base.classifier.trust))

        def tell(step: tuple[int, int]) -> Progress:
            done, total = step
            message = f"Describing the cells of field {done} of {total}"
            return Progress(Stage.TEACH, step=done, n_steps=total, message=message)

        teaching = teach_classifier(
            segmenter, material.taught, settings, self.settings.seed, known
        )
        classifier = yield from retell_steps(teaching, tell)
        self.folder.save_model(tuned.network.cpu(), tuned.card, classifier)

    def _step_done(
        self, tuner: Tuner, number: int, loss: float, began: float
    ) -> Progress:
        """Tell of a step, counted from 1."""
        values = self.settings.values
        pace = (time.monotonic() - began) / number
        left = pace * (tuner.n_steps - number) + self.spent[Stage.JUDGE_BASE]
        epoch = (number - 1) // values.steps_per_epoch
        return Progress(
            Stage.TRAIN,
            epoch,
            values.epochs,
            number,
            tuner.n_steps,
            loss,
            seconds_left=left,
            message=f"Epoch {epoch + 1} of {values.epochs}, loss {loss:.3f}",
        )

    def _epoch_done(self, tuner: Tuner, epoch: int, loss: float | None) -> Progress:
        """Judge an epoch on crops, draw what it predicts, and keep it if it is best."""
        figures = tuner.validate()
        is_best = epoch > 0 and not figures.loss >= self.best_loss
        if is_best:
            self.best_epoch, self.best_loss = epoch, figures.loss
            card = self._card(tuner.model.card, epoch, figures)
            self.folder.save_model(tuner.model.network, card, self.base.classifier)
        n_epochs = self.settings.values.epochs
        said = "The base" if epoch == 0 else f"Epoch {epoch} of {n_epochs}"
        return Progress(
            Stage.TRAIN,
            epoch,
            n_epochs,
            epoch * self.settings.values.steps_per_epoch,
            tuner.n_steps,
            loss,
            plain_figures(figures),
            tuple(str(path) for path in self._draw(tuner, epoch)),
            is_best=is_best,
            message=f"{said}: loss {figures.loss:.3f} on what is kept aside",
        )

    def _draw(self, tuner: Tuner, epoch: int) -> Iterator[Path]:
        """Draw the same few fields, as corrected and as predicted."""
        folder = self.folder.path / "predictions"
        folder.mkdir(exist_ok=True)
        for number, crop in enumerate(tuner.shown, start=1):
            path = folder / f"field-{number}-epoch-{epoch:03}.png"
            write_preview(path, crop, tuner.predict(crop), tuner.model.card.class_ids)
            yield path

    def _card(self, card: ModelCard, epoch: int, figures: EpochFigures) -> ModelCard:
        """Describe the new model: where it comes from, and how it was made."""
        base = self.base.card
        earlier = base.training.get("finetuning", {}).get("lineage", [])
        parent = {"name": base.name, "weights_sha256": base.weights_sha256}
        settings = {**self.settings.to_dict(), **asdict(self.settings.values)}
        del settings["base"]  # may be a path of this machine
        finetuning = {
            "lineage": [*earlier, parent],
            "settings": settings,
            "method": asdict(METHOD),
            "epoch": epoch,
            "validation": plain_figures(figures),
            "cells": {str(i): n for i, n in self.survey.cells.items()},
            "fields": len(self.survey.fields),
            "fields_kept_aside": len(self.survey.kept_aside),
            "pictures": sorted({p for s in self.survey.sources for p in s.pictures}),
            "versions": {"napari-leukoseg": __version__, "torch": torch.__version__},
        }
        return replace(
            card,
            name=self.settings.model_name,
            description=f"Tuned from {base.name!r} on {self.survey.n_reviewed} "
            f"reviewed cells. {base.description}".strip(),
            training={**base.training, "finetuning": finetuning},
            metrics={},
        )

    def _record(self, tuned: Model, result: FinetuneResult) -> None:
        """Write the result, and put the comparison on the card of the model."""
        data = result.to_dict()
        metrics = {name: data[name] for name in ("verdict", "reason", "comparison")}
        card = replace(tuned.card, metrics={"finetuning": metrics})
        self.folder.save_model(tuned.network, card, tuned.classifier)
        with replaced_when_complete(self.folder.path / RESULT_NAME) as partial:
            partial.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def check_base(card: ModelCard, scheme: ClassScheme) -> None:
    """Refuse a base that cannot learn from the corrections.

    Raises
    ------
    ModelError
        If it answers to clicks instead of segmenting pictures.
    SettingsError
        If it has another class under an id or a name of the corrections.
    """
    if card.architecture in PROMPTED:
        raise ModelError(
            f"Model {card.name!r} outlines the cell that is clicked on, which is not "
            "fine-tuned; choose a model that segments pictures."
        )
    for own in card.scheme:
        for other in scheme:
            if (own.id == other.id) != (own.name == other.name):
                raise SettingsError(
                    f"Class {own.id} is {own.name!r} for the model {card.name!r}, but "
                    f"class {other.id} is {other.name!r} in the corrections; choose "
                    "another base, or change the id or the name of the class."
                )


def plain_figures(figures: EpochFigures) -> Mapping[str, float | None]:
    """Return figures as JSON knows them; none where they are not known."""
    return {n: v if v == v else None for n, v in asdict(figures).items()}


def peak_memory_mb() -> float:
    """Return the most memory that this process has had, in MB; now, if not known."""
    info: Any = psutil.Process().memory_info()
    peak = getattr(info, "peak_wset", None) or _peak_on_linux() or info.rss
    return round(float(peak) / 2**20, 1)


def _peak_on_linux() -> int | None:
    """Return the peak in bytes; that of `resource` counts the parent's memory too."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
