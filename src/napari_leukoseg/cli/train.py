"""`leukoseg train`: a configuration to a model folder."""

from __future__ import annotations

import logging
import math
import os
import time
from collections import deque
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_leukoseg.cli import terminal
from napari_leukoseg.cli.device import Device
from napari_leukoseg.cli.outputs import prepare_folder
from napari_leukoseg.cli.progress import progress_bar, working

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_leukoseg.training.colorizing import ColorizingReport
    from napari_leukoseg.training.colorizing_config import ColorizingConfig
    from napari_leukoseg.training.config import TrainingConfig
    from napari_leukoseg.training.reports import EpochReport, StepReport

    AnyConfig = TrainingConfig | ColorizingConfig
    AnyReport = EpochReport | ColorizingReport

__all__ = ["train"]

DATA_VARIABLE = "LEUKOSEG_DATA"
"""Environment variable that names the data root."""


FIGURES = {
    "validation_loss": "validation loss",
    "cell_dice": "cell Dice",
    "nucleus_dice": "nucleus Dice",
    "class_accuracy": "class accuracy",
    "color_error": "color error",
}
"""Validation figures of an epoch, those that its report has."""


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
            from napari_leukoseg.training.colorizing_config import load_any_config

            settings = load_any_config(config)
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
    config: AnyConfig,
    out: Path,
    root: Path,
    device: Device,
    *,
    resume: bool,
    is_first: bool,
) -> None:
    """Read the data, and train to the end."""
    from napari_leukoseg.segment.device import resolve_device
    from napari_leukoseg.training.colorizing_config import ColorizingConfig
    from napari_leukoseg.training.colorizing_run import train_colorizer
    from napari_leukoseg.training.loop import train as train_network
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
    more: dict[str, Any] = {"device": place, "resume": resume, "data": digests}
    run: Iterator[StepReport | AnyReport]
    if isinstance(config, ColorizingConfig):
        run = train_colorizer(config, split, out, **more)
    else:
        run = train_network(config, split, out, **more)
    with closing(run):
        if not is_first:
            deque(run, maxlen=0)  # the first process tells of all
        elif not _show(config, run):
            terminal.note("This run was finished before; nothing is left to train.")
    if is_first:
        terminal.say(f"The model is in {folder.model}")


def _show(config: AnyConfig, run: Iterator[StepReport | AnyReport]) -> bool:
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


def _figures(report: AnyReport) -> str:
    """Return the validation figures of an epoch that are known."""
    figures = {
        title: getattr(report, name, math.nan) for name, title in FIGURES.items()
    }
    known = (f"{k} {v:.3f}" for k, v in figures.items() if not math.isnan(v))
    return ", ".join(known)
