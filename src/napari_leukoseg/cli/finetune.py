"""`leukoseg finetune`: corrected cases to a model that knows the laboratory."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_leukoseg.cli import terminal
from napari_leukoseg.cli.device import Device
from napari_leukoseg.cli.outputs import prepare_folder
from napari_leukoseg.cli.progress import progress_bar, working
from napari_leukoseg.steps import run_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_leukoseg.cli.progress import Show
    from napari_leukoseg.training.finetuning import (
        FinetuneProgress,
        FinetuneResult,
        Survey,
    )

__all__ = ["PresetName", "finetune"]


class PresetName(StrEnum):
    """What `--preset` may name; `training.finetuning.Preset`, quick to import."""

    QUICK = "quick"
    THOROUGH = "thorough"


def finetune(
    cases: Annotated[
        list[Path],
        typer.Argument(
            metavar="CASE...",
            help="Cases with reviewed cells, folders of them, and folders of pictures "
            "with masks.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="New folder of the run and its model."
        ),
    ],
    base: Annotated[
        str,
        typer.Option(
            metavar="NAME|FOLDER", help="Model to start from, by name or as a folder."
        ),
    ] = "default",
    preset: Annotated[
        PresetName,
        typer.Option(help="quick takes minutes on a CPU, thorough ten times as long."),
    ] = PresetName.QUICK,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the new model.")
    ] = "",
    slides: Annotated[
        list[Path] | None,
        typer.Option(
            "--slides",
            metavar="PATH",
            help="Slide, or folder of slides, of cases that do not lie beside theirs; "
            "may be given more than once.",
        ),
    ] = None,
    kept_aside: Annotated[
        float,
        typer.Option(
            metavar="SHARE", help="Share of the fields that only judge the model."
        ),
    ] = 0.25,
    seed: Annotated[int, typer.Option(help="Draws fields and crops.")] = 0,
    device: Annotated[
        Device, typer.Option(help="auto takes CUDA, then MPS, then the CPU.")
    ] = Device.AUTO,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the comparison as JSON."),
    ] = None,
) -> None:
    """Tune a model on cells that a person has reviewed.

    Only reviewed cells and areas count as truth. Some fields are kept aside, by which
    the new model is compared with its base. FOLDER/model is for --model of leukoseg
    segment, and for leukoseg models import.
    """
    from napari_leukoseg.training.finetuning import (
        FinetuneSettings,
        Preset,
        survey_sources,
    )

    settings = FinetuneSettings(
        base,
        Preset(preset.value),
        name=name,
        kept_aside=kept_aside,
        seed=seed,
        device=device.value,
    )
    with working("Looking at the corrections"):
        survey = survey_sources(
            cases, slides=slides or (), kept_aside=kept_aside, seed=seed
        )
    _tell(survey)
    try:
        result = _tune(survey, settings.to_dict(), out)
    except KeyboardInterrupt:
        kept = out / "model"
        if kept.is_dir():
            terminal.note(f"Stopped. {kept} has the best epoch so far.")
        else:
            terminal.note("Stopped before the first epoch was over; nothing is kept.")
        raise typer.Exit(terminal.STOPPED) from None
    _report(result)
    if as_json:
        text = json.dumps(result.to_dict(), indent=2, ensure_ascii=False)
        as_json.write_text(text + "\n", encoding="utf-8")


def _tune(survey: Survey, settings: Mapping[str, object], out: Path) -> FinetuneResult:
    """Train to the end, or to an error."""
    from napari_leukoseg.errors import DataError
    from napari_leukoseg.training.finetuning import FinetuneSettings

    if survey.refusal:
        raise DataError(survey.refusal)
    prepare_folder(out)
    with working("Loading PyTorch"):
        from napari_leukoseg.training.finetuning.run import finetune as steps

    with progress_bar("Fine-tuning") as show:
        run = steps(survey, FinetuneSettings.from_dict(settings), out)
        return run_steps(run, lambda progress: _show(progress, show))


def _tell(survey: Survey) -> None:
    """Say what there is to learn from."""
    for problem in survey.problems:
        terminal.complain(problem)
    if not survey.sources:
        return
    cells = ", ".join(
        f"{number} {survey.scheme[class_id].name}"
        for class_id, number in survey.cells.items()
    )
    terminal.say(f"Reviewed cells: {survey.n_reviewed} ({cells or 'none'})")
    aside = sum(sum(field.cells.values()) for field in survey.kept_aside)
    terminal.say(
        f"Kept aside: {aside} cells in {len(survey.kept_aside)} of "
        f"{len(survey.fields)} fields"
    )
    for notice in survey.notices:
        terminal.note(notice)


def _show(progress: FinetuneProgress, show: Show) -> None:
    """Move the bar, and print a line for each epoch."""
    left = progress.seconds_left
    status = progress.message
    if left is not None:
        status += f", {terminal.duration(left)} left"
    show(progress.step, progress.n_steps, status)
    if progress.figures:
        known = (
            f"{name.replace('_', ' ')} {value:.3f}"
            for name, value in progress.figures.items()
            if value is not None
        )
        what = f"epoch {progress.epoch}/{progress.n_epochs}"
        terminal.say(f"{what if progress.epoch else 'base'}: {', '.join(known)}")


def _report(result: FinetuneResult) -> None:
    """Print the figures of both models, and the verdict."""
    from napari_leukoseg.training.finetuning import COMPARED

    comparison = result.comparison
    for name, title in COMPARED.items():
        if name in comparison.differences:
            digits = 1 if name == "corrections_per_100" else 3
            before, now = (
                side.figures[name].value or 0.0
                for side in (comparison.base, comparison.new)
            )
            between = comparison.differences[name]
            spread = ""
            if between.low is not None and between.high is not None:
                low, high = between.low, between.high
                spread = f" (difference {low:+.{digits}f} to {high:+.{digits}f})"
            terminal.say(f"  {title}: {before:.{digits}f} → {now:.{digits}f}{spread}")
    terminal.say(f"Verdict: {result.verdict}. {result.reason}")
    terminal.say(f"The model is in {result.model}")
