"""How far an export is, told to who asks for it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["expect_steps", "take_step", "telling_progress"]


@dataclass
class _Course:
    """Steps of the export in progress."""

    tell: Callable[[float], None]
    n_steps: int = 0
    n_taken: int = 0


_course: ContextVar[_Course | None] = ContextVar("course", default=None)


@contextmanager
def telling_progress(tell: Callable[[float], None]) -> Iterator[None]:
    """Tell of the exports in a block how far they are.

    Parameters
    ----------
    tell : callable
        Gets the share that is done, from 0 to 1, after each step. What it raises
        ends the export, and leaves no file half-written.
    """
    token = _course.set(_Course(tell))
    try:
        yield
    finally:
        _course.reset(token)


def expect_steps(n_steps: int) -> None:
    """Say that an export will take some more steps; nothing where nobody asks."""
    course = _course.get()
    if course is not None:
        course.n_steps += n_steps


def take_step() -> None:
    """Say that one step is done."""
    course = _course.get()
    if course is not None:
        course.n_taken += 1
        course.tell(min(1.0, course.n_taken / max(1, course.n_steps)))
