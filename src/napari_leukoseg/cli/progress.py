"""Shows how far the work is: a bar in a terminal, nothing elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from napari_leukoseg.cli.terminal import console

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Show", "progress_bar", "working"]


class Show(Protocol):
    """Takes how far the work is; a total of 0 is not known yet."""

    def __call__(self, done: int, total: int, status: str = "", /) -> None:
        """Show a state."""


@contextmanager
def progress_bar(label: str) -> Iterator[Show]:
    """Give a function that moves a bar, which goes away at the end of the block.

    Parameters
    ----------
    label : str
        What is worked on.
    """
    if not console().is_terminal:
        yield _show_nothing
        return
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[status]}"),
    )
    with Progress(*columns, console=console(), transient=True) as bars:
        bar = bars.add_task(escape(label), total=None, status="")

        def show(done: int, total: int, status: str = "") -> None:
            bars.update(bar, total=total or None, completed=done, status=status)

        yield show


def _show_nothing(_done: int, _total: int, _status: str = "") -> None:
    """Take the place of a bar where nobody looks."""


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something without measurable progress is under way."""
    if not console().is_terminal:
        yield
        return
    from rich.markup import escape

    with console().status(escape(what)):
        yield
