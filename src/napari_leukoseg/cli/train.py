"""`leukoseg train`: a configuration to a model folder."""

from __future__ import annotations

import logging
import math
import os
import time
from collections import deque
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_leukoseg.cli import terminal
from napari_leukoseg.cli.outputs import prepare_folder
from napari_leukoseg.cli.progress import progress_bar, working
from napari_leukoseg.cli.segment import Device

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_leukoseg.training.config import TrainingConfig
    from napari_leukoseg.training.reports import EpochReport, StepReport

__all__ = ["train"]

DATA_VARIABLE = "LEUKOSEG_DATA"
"""Environment variable that names the data root."""


def train(
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG.yaml",
            help="What to train, and on which data.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="DIR", help="Folder of the run; made if missing."
        ),
    ],
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on from the last checkpoint in DIR, if there is one."
        ),
    ] = False,
    data_root: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            envvar=DATA_VARIABLE,
            help="Folder that the folders of the data are in; that of CONFIG.yaml if "
            "absent.",
        ),
    ] = None,
    device: Annotated[
        Device, typer.Option(help="auto takes CUDA, then MPS, then the CPU.")
    ] = Device.AUTO,
) -> None:
    """Train a model.

    Writes DIR/model, a folder for --model of leukoseg segment, and beside it, after
    every epoch: log.csv and curves.png with its figures, predictions of a few pictures,
    record.json, and the checkpoint from which --resume goes on as if it had never
    stopped. On several GPUs: torchrun --nproc-per-node N --no-python leukoseg train ...
    """
    is_first = os.environ.get("RANK", "0") == "0"
    level = logging.INFO if is_first else logging.ERROR
    logging.getLogger("napari_leukoseg.training").setLevel(level)
    try:
        with working("Loading PyTorch"):
            from napari_leukoseg.training.config import load_config

            settings = load_config(config)
        root = data_root or config.parent
        _train(settings, out, root, device, resume=resume, is_first=is_first)
    except KeyboardInterrupt:
        if is_first:
            terminal.note(
                f"Stopped. {out} keeps the last whole epoch, if there is one; the same "
                "command with --resume goes on from there."
            )
        raise typer.Exit(terminal.STOPPED) from None


def _train(
    config: TrainingConfig,
    out: Path,
    root: Path,
    device: Device,
    *,
    resume: bool,
    is_first: bool,
) -> None:
    """Read the data, and train to the end."""
    from napari_leukoseg.segment.device import resolve_device
    from napari_leukoseg.training.loop import train as steps
    from napari_leukoseg.training.run_folder import RunFolder
    from napari_leukoseg.training.sources import digest_data, load_split

    place, folder = resolve_device(device.value), RunFolder(out)
    if is_first:
        prepare_folder(out)
        if not resume:
            folder.check_free()
    with working("Reading the data"):
        split = load_split(config, root)
        digests = digest_data(config, root) if is_first else {}
    run = steps(config, split, out, device=place, resume=resume, data=digests)
    with closing(run):
        if not is_first:
            deque(run, maxlen=0)  # the first process tells of all
        elif not _show(config, run):
            terminal.note("This run was finished before; nothing is left to train.")
    if is_first:
        terminal.say(f"The model is in {folder.model}")


def _show(config: TrainingConfig, run: Iterator[StepReport | EpochReport]) -> bool:
    """Show how far a run is; return whether there was anything to train."""
    from napari_leukoseg.training.reports import StepReport

    began, n_steps, last = time.monotonic(), 0, "first epoch"
    with progress_bar(config.name) as show:
        for report in run:
            if isinstance(report, StepReport):
                n_steps += 1
                pace = (time.monotonic() - began) / n_steps
                left = terminal.duration(pace * (report.total_steps - report.step))
                status = f"loss {report.loss:.3f} ({last}), {left} left"
                show(report.step, report.total_steps, status)
            else:
                last = _figures(report)
                number = f"epoch {report.epoch}/{config.epochs}"
                seconds = terminal.duration(report.seconds)
                terminal.say(f"{number}: loss {report.loss:.3f}, {last}, {seconds}")
    return n_steps > 0


def _figures(report: EpochReport) -> str:
    """Return the validation figures of an epoch that are known."""
    figures = {
        "validation loss": report.validation_loss,
        "cell Dice": report.cell_dice,
        "nucleus Dice": report.nucleus_dice,
        "class accuracy": report.class_accuracy,
    }
    known = (f"{k} {v:.3f}" for k, v in figures.items() if not math.isnan(v))
    return ", ".join(known)
