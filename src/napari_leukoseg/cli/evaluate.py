"""`leukoseg evaluate`: how good a model is on data sets with an expert's labels."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_leukoseg.cli.progress import progress_bar, working
from napari_leukoseg.cli.segment import Device, prepare_stain
from napari_leukoseg.cli.terminal import STOPPED, note, say, say_facts
from napari_leukoseg.errors import ExportError
from napari_leukoseg.steps import run_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_leukoseg.training.bootstrap import Figure
    from napari_leukoseg.training.result import Evaluation
    from napari_leukoseg.training.summary import SetSummary

__all__ = ["Part", "evaluate"]

SHOWN = (
    "cell_dice_per_picture",
    "nucleus_dice_per_picture",
    "cytoplasm_dice_per_picture",
    "recall",
    "precision",
    "balanced_accuracy",
)
"""Figures that are printed; the files have all."""

WORST_CASES = 12
"""Cases of each sort and set on the page."""


class Part(StrEnum):
    """Pictures of a set."""

    TEST = "test"
    VALIDATION = "validation"
    ALL = "all"


def evaluate(
    data: Annotated[
        list[str],
        typer.Option(
            "--data",
            metavar="KIND=FOLDER",
            help="A data set: its layout, such as jtsc or labels, and its folder. "
            "Give more of them after it, or repeat the option.",
            show_default=False,
        ),
    ],
    json_file: Annotated[
        Path,
        typer.Option("--json", metavar="FILE", help="Figures and protocol as JSON."),
    ],
    more: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND=FOLDER", help="More data sets.", show_default=False
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(metavar="NAME|FOLDER", help="A bundled model or a model folder."),
    ] = "default",
    html_file: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="A page with figures and worst cases."
        ),
    ] = None,
    part: Annotated[
        Part,
        typer.Option(
            help="Pictures that training keeps for the final figures, or to choose "
            "settings by, or all of them.",
        ),
    ] = Part.TEST,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Draws the resamples, and what --limit leaves."
        ),
    ] = 0,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Take at most N pictures of each set."),
    ] = None,
    stain: Annotated[
        str,
        typer.Option(
            metavar="METHOD[:REFERENCE]",
            help="Standardize the stain before the network looks, as leukoseg segment "
            "does; none, or model for what the model asks for.",
        ),
    ] = "model",
    no_close_look: Annotated[
        bool,
        typer.Option(
            "--no-close-look",
            help="Look at small pictures like at large ones, as leukoseg segment does "
            "with this option.",
        ),
    ] = False,
    device: Annotated[
        Device, typer.Option(help="auto takes CUDA, then MPS, then the CPU.")
    ] = Device.AUTO,
) -> None:
    """Score a model on data sets with an expert's labels.

    Every picture goes through the whole pipeline without a scale. Each figure is given
    for each set with a 95 % interval; the files also tell exactly how it was found.
    """
    sources = [_parse_source(text) for text in [*data, *(more or [])]]
    _check_place(json_file, "--json")
    if html_file is not None:
        _check_place(html_file, "--html")
    n_worst = 0 if html_file is None else WORST_CASES
    wanted = (part.value, seed, limit, n_worst, stain, no_close_look)
    try:
        found = _evaluate(model, device, sources, wanted)
        _write(found, json_file, html_file)
    except KeyboardInterrupt:
        note("Stopped; nothing unfinished was written.")
        raise typer.Exit(STOPPED) from None
    for name, summary in found.sets.items():
        say(f"{name}: {summary.n_pictures} pictures, {summary.n_cells} labeled cells")
        say_facts(_lines(summary))


def _parse_source(text: str) -> tuple[str, Path]:
    """Read ``KIND=FOLDER``."""
    kind, sign, folder = text.partition("=")
    if not (kind and sign and folder):
        raise typer.BadParameter(
            f"{text!r} is not a data set; give KIND=FOLDER, such as labels=drawn.",
            param_hint="--data",
        )
    return kind, Path(folder)


def _check_place(path: Path, option: str) -> None:
    """Refuse a file that cannot be written, before any time is spent on figures."""
    if path.is_dir():
        raise ExportError(f"{path} is a folder; give the name of a file with {option}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise ExportError(
            f"{path} cannot be written ({reason}); give another file with {option}, or "
            "change the permissions of its folder."
        ) from error


def _evaluate(
    model: str,
    device: Device,
    sources: Sequence[tuple[str, Path]],
    wanted: tuple[str, int, int | None, int, str, bool],
) -> Evaluation:
    """Load the model and run it, showing how far that is."""
    with working("Loading the model"):
        from napari_leukoseg.evaluate import EvaluateSettings, evaluate_model
        from napari_leukoseg.pipeline import SegmentSettings
        from napari_leukoseg.segment import load_segmenter
        from napari_leukoseg.training.selection import DataFolder

        segmenter = load_segmenter(model, device.value)
    part, seed, limit, n_worst, stain, no_close_look = wanted
    segment = SegmentSettings(stain=prepare_stain(stain))
    if no_close_look:
        segment = replace(segment, close_look=None)
    settings = EvaluateSettings(part, seed, limit, n_worst=n_worst, segment=segment)
    data = [DataFolder(kind, folder) for kind, folder in sources]
    with progress_bar(f"Evaluating {segmenter.card.name}") as show:
        steps = evaluate_model(segmenter, data, settings)
        found = run_steps(steps, lambda step: show(*step))
    for notice in segmenter.notices:
        note(f"note: {notice}")
    return found


def _write(found: Evaluation, json_file: Path, html_file: Path | None) -> None:
    """Write the files; each is there as a whole or not at all."""
    from napari_leukoseg.training.result import write_evaluation

    write_evaluation(found, json_file)
    if html_file is not None:
        with working("Writing the page"):
            from napari_leukoseg.training.page import write_page

            write_page(found, html_file)


def _lines(summary: SetSummary) -> dict[str, str]:
    """Return the main figures of a set for people."""
    from napari_leukoseg.training.summary import FIGURE_GROUPS

    titles = {
        name: title for group in FIGURE_GROUPS.values() for name, title in group.items()
    }
    return {
        titles[name]: _words(summary.figures[name])
        for name in SHOWN
        if name in summary.figures
    }


def _words(figure: Figure) -> str:
    """Return a figure with its interval, if it has one."""
    if not figure.has_interval:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
