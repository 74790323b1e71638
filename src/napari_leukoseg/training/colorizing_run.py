"""Runs the training of a colorizer in a folder, from which it can be resumed."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.export.files import replaced_when_complete
from napari_leukoseg.stain.colorizer import save_colorizer
from napari_leukoseg.stain.planes import byte_levels, rgb_of
from napari_leukoseg.training.colorizing import ColorizingReport, ColorizingTrainer
from napari_leukoseg.training.record import write_record
from napari_leukoseg.training.reports import StepReport, best_report, write_log
from napari_leukoseg.training.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.training.colorizing_config import ColorizingConfig
    from napari_leukoseg.training.splits import Split

__all__ = ["train_colorizer"]


def train_colorizer(
    config: ColorizingConfig,
    split: Split,
    out: Path,
    *,
    device: torch.device,
    resume: bool = False,
    data: Mapping[str, str] | None = None,
) -> Generator[StepReport | ColorizingReport, None, None]:
    """Train, yielding after each step and each epoch; closing the generator stops.

    Parameters
    ----------
    config : ColorizingConfig
        What to train.
    split : Split
        Samples; its test part is not touched.
    out : Path
        Receives, after every epoch: the checkpoint, ``log.csv``, ``record.json``,
        pictures in ``predictions``, and, in ``model``, the colorizer.
    device : torch.device
        Where to train.
    resume : bool, optional
        Continue from the checkpoint in `out`, exactly as if never stopped; if
        there is none, begin.
    data : mapping of str to str, optional
        SHA-256 of each data set, for the record and the card.

    Yields
    ------
    report : StepReport or ColorizingReport
        How far the run is.

    Raises
    ------
    SettingsError
        If `out` holds anything and `resume` is not given, if it holds a run of
        another configuration, or if several processes shall train.
    DataError
        If there is nothing to train on, or the checkpoint cannot be read.
    ModelError
        If the network cannot start from the weights that it should.
    ExportError
        If `out` cannot be written to.
    """
    if (count := os.environ.get("WORLD_SIZE", "1")) != "1":
        raise SettingsError(
            f"{count} processes cannot train one colorizer; start it without torchrun."
        )
    folder = RunFolder(out)
    if not resume:
        folder.check_free()
    trainer = ColorizingTrainer(config, split, device)
    state = folder.load_checkpoint(config, device) if resume else None
    if state is not None:
        trainer.load_state_dict(state)
    while not trainer.is_over:
        report = yield from trainer.run_epoch()
        keep(trainer, folder, data or {})
        yield report


def keep(
    trainer: ColorizingTrainer, folder: RunFolder, data: Mapping[str, str]
) -> None:
    """Write all of an epoch; the checkpoint last but for what follows from it."""
    config, reports = trainer.config, trainer.reports
    folder.path.mkdir(parents=True, exist_ok=True)
    if best_report(reports, config.keep) is reports[-1]:
        facts = {"epoch": trainer.epoch, "data": dict(data)}
        figures = {"color_error": round(reports[-1].color_error, 2)}
        card = replace(trainer.card, training=facts, metrics=figures)
        save_colorizer(folder.model, trainer.average, card)
    if config.preview_crops:
        write_sheet(folder.preview(trainer.epoch), trainer)
    folder.save_checkpoint(config, trainer.state_dict())
    write_log(folder.log, reports)
    write_record(
        folder.record,
        config,
        reports,
        data=data,
        device=trainer.device,
        processes=1,
        is_finished=trainer.is_over,
    )


def write_sheet(path: Path, trainer: ColorizingTrainer) -> None:
    """Draw crops in three rows: what the network sees, should paint, and paints."""
    crop = trainer.shown
    light = 100.0 * (1.0 - TYPICAL_DARKNESS * crop.darkness).clip(0.0, 1.0)
    rows = torch.zeros_like(crop.chroma), crop.chroma, trainer.predict(crop)
    pictures = [to_image(torch.cat([light, chroma], dim=1)) for chroma in rows]
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in pictures])
    with replaced_when_complete(path) as partial, partial.open("wb") as file:
        Image.fromarray(sheet).save(file, "PNG")


TYPICAL_DARKNESS = 0.6
"""Nuclei are drawn this much darker than the ground, as a share of its L*."""


def to_image(lab: torch.Tensor) -> NDArray[np.uint8]:
    """Draw a batch (B, 3, H, W) of CIELAB as pictures (B, H, W, 3)."""
    first, second, third = lab.cpu().unbind(1)
    rgb = torch.stack(byte_levels(rgb_of((first, second, third))), dim=-1)
    pictures: NDArray[np.uint8] = rgb.round().clip(0, 255).to(torch.uint8).numpy()
    return pictures
