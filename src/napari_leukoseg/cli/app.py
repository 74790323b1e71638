"""Puts the subcommands together, and turns errors into one line and a status."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from napari_leukoseg import __version__
from napari_leukoseg.cli import terminal
from napari_leukoseg.cli.differential import differential
from napari_leukoseg.cli.evaluate import evaluate
from napari_leukoseg.cli.export import export
from napari_leukoseg.cli.finetune import finetune
from napari_leukoseg.cli.info import info
from napari_leukoseg.cli.models import models
from napari_leukoseg.cli.report import report
from napari_leukoseg.cli.sample import sample
from napari_leukoseg.cli.segment import segment
from napari_leukoseg.cli.stain import stain
from napari_leukoseg.cli.train import train
from napari_leukoseg.errors import LeukosegError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "main"]

FAILURE = 1
"""Exit status where something the user asked for was not done."""

app = typer.Typer(
    name="leukoseg",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(no_args_is_help=True)(info)
app.command(no_args_is_help=True)(segment)
app.command(no_args_is_help=True)(stain)
app.command(no_args_is_help=True)(differential)
app.command(no_args_is_help=True)(export)
app.command(no_args_is_help=True)(report)
app.command(no_args_is_help=True)(train)
app.command(no_args_is_help=True)(finetune)
app.command(no_args_is_help=True)(evaluate)
app.add_typer(models)
app.add_typer(sample)


def _show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        terminal.say(f"leukoseg {__version__}")
        raise typer.Exit


@app.callback()
def _describe(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version),
    ] = False,
) -> None:
    """Segment, measure and count the white blood cells of stained smears.

    For research use; not a medical device.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Instead of those of the process.

    Notes
    -----
    0: done. 1: failed, in part or whole, with a line on standard error that says
    why. 2: wrong usage. 130: stopped with Ctrl-C.
    """
    terminal.prepare()
    try:
        app(arguments)
    except (LeukosegError, OSError) as error:
        terminal.complain(str(error))
        sys.exit(FAILURE)
