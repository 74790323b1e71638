"""What people see: lines, errors, notes, and numbers in words."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from functools import cache
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

__all__ = ["complain", "console", "duration", "note", "prepare", "say", "say_facts"]


STOPPED = 130
"""Exit status after Ctrl-C, as shells give it."""


def prepare() -> None:
    """Make output of any text possible, and keep libraries quiet.

    Image libraries log and warn about odd files; what matters of that is in our
    own error messages.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    ours = logging.getLogger("napari_leukoseg")
    ours.handlers = [handler]
    ours.setLevel(logging.ERROR)


def say(text: str = "") -> None:
    """Print a line of the result."""
    typer.echo(text)


def say_facts(facts: Mapping[str, str]) -> None:
    """Print names and values below each other, in two columns."""
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        typer.echo(f"  {name:{width}}  {value}")


def note(text: str) -> None:
    """Print a line about the work on standard error."""
    typer.echo(text, err=True)


def complain(text: str) -> None:
    """Print an error as one line on standard error."""
    typer.echo(f"error: {' '.join(text.split())}", err=True)


@cache
def console() -> Console:
    """Return the console that progress is drawn on."""
    from rich.console import Console

    return Console(stderr=True)


def duration(seconds: float) -> str:
    """Return a duration for people, such as ``4.2 s`` or ``3 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
