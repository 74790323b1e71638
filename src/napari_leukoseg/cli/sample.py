"""`leukoseg sample`: drawn pictures with exactly known cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from napari_leukoseg.cli.arguments import parse_size
from napari_leukoseg.cli.progress import progress_bar
from napari_leukoseg.cli.terminal import say
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Size
from napari_leukoseg.steps import run_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_leukoseg.synthetic import DrawProgress, SmearSettings

__all__ = ["sample"]

Result = TypeVar("Result")

sample = typer.Typer(
    name="sample",
    help="Draw stained smears, with red cells, platelets and the five types of "
    "white cell, to try things on.",
    no_args_is_help=True,
)

FIELD_SIZE = Size(768, 1024)
SLIDE_SIZE = Size(6144, 6144)

Seed = Annotated[
    int, typer.Option(metavar="N", min=0, help="Equal seeds give equal pictures.")
]


def _size_option(default: Size) -> Any:
    """Return the option for rows and columns."""
    return typer.Option(
        metavar="ROWSxCOLS",
        parser=parse_size,
        help="In pixels.",
        show_default=f"{default.height}x{default.width}",
    )


@sample.command()
def field(
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="PNG, JPEG, BMP or TIFF."),
    ],
    seed: Seed = 0,
    size: Annotated[Size | None, _size_option(FIELD_SIZE)] = None,
    labels: Annotated[
        bool,
        typer.Option(
            "--labels",
            help="Also write the exact labels: <stem>_nucleus.tif, _cytoplasm.tif "
            "and _class.tif.",
        ),
    ] = False,
) -> None:
    """Draw a microscope field."""
    from napari_leukoseg.synthetic import SmearSettings, write_field

    settings = _settings(SmearSettings.for_field, size or FIELD_SIZE, seed)
    for path in _draw(out, write_field(out, settings, with_labels=labels)):
        say(str(path))


@sample.command()
def slide(
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FILE", help="TIFF, or OME-TIFF if named .ome.tif."
        ),
    ],
    seed: Seed = 0,
    size: Annotated[Size | None, _size_option(SLIDE_SIZE)] = None,
) -> None:
    """Draw a scanned slide with a pyramid, of any size."""
    from napari_leukoseg.synthetic import SmearSettings, write_slide

    settings = _settings(SmearSettings.for_slide, size or SLIDE_SIZE, seed)
    say(str(_draw(out, write_slide(out, settings))))


def _settings(
    make: Callable[[tuple[int, int], int], SmearSettings], size: Size, seed: int
) -> SmearSettings:
    """Return what to draw; what cannot be drawn is wrong usage."""
    try:
        return make((size.height, size.width), seed)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error


def _draw(out: Path, steps: Generator[DrawProgress, None, Result]) -> Result:
    """Draw to the end, and return what was written."""
    with progress_bar(out.name) as show:
        return run_steps(steps, lambda step: show(step.done, step.total))
