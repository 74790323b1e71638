"""Does the same with one slide after another; one that fails stops no other."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari_leukoseg.cli import terminal
from napari_leukoseg.errors import LeukosegError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["for_each_slide"]

logger = logging.getLogger(__name__)


def for_each_slide(
    slides: Sequence[Path], work: Callable[[Path, str, str], None], done: str
) -> int:
    """Work on slides, and tell which of them failed and why.

    Parameters
    ----------
    slides : sequence of Path
        Inputs.
    work : callable
        Takes a slide, the stem of its outputs, which no other slide has, and
        what to call it beside a progress bar.
    done : str
        What was done with a slide, for the summary.

    Returns
    -------
    n_failed : int
        How many failed.
    """
    from napari_leukoseg.case import unique_stems

    failed: list[Path] = []
    for number, (path, stem) in enumerate(
        zip(slides, unique_stems(slides), strict=True), start=1
    ):
        position = f"{number}/{len(slides)} " if len(slides) > 1 else ""
        reason = _attempt(work, path, stem, position + path.name)
        if reason is not None:
            failed.append(path)
            named = path.name in reason
            terminal.complain(reason if named else f"{path.name}: {reason}")
    _sum_up(len(slides), failed, done)
    return len(failed)


def _attempt(
    work: Callable[[Path, str, str], None], path: Path, stem: str, label: str
) -> str | None:
    """Work on one slide; return why that failed, or none."""
    try:
        work(path, stem, label)
    except LeukosegError as error:
        return str(error)
    except Exception as error:
        # A fault of ours must not cost the rest of a night's work.
        logger.exception("Unexpected error in %s", path)
        return f"unexpected {type(error).__name__}, shown above; please report it."
    return None


def _sum_up(n_slides: int, failed: Sequence[Path], done: str) -> None:
    """Print a summary where there was more than one slide."""
    if n_slides > 1:
        terminal.say(f"{n_slides - len(failed)} of {n_slides} {done}")
        if failed:
            names = ", ".join(path.name for path in failed)
            terminal.note(f"{len(failed)} failed: {names}")
