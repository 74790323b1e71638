"""Walks generators that tell how far the work is, and return its result."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["retell_steps", "run_steps"]

Step = TypeVar("Step")
Told = TypeVar("Told")
Result = TypeVar("Result")


def run_steps(
    steps: Generator[Step, None, Result], show: Callable[[Step], object]
) -> Result:
    """Run a generator to its end.

    Parameters
    ----------
    steps : generator
        Closed also where the work ends early.
    show : callable
        Takes each step that it yields.

    Returns
    -------
    result
        What the generator returns.
    """
    result: list[Result] = []

    def shown() -> Generator[object, None, None]:
        result.append((yield from retell_steps(steps, show)))

    with closing(shown()) as told:
        for _ in told:
            pass
    return result[0]


def retell_steps(
    steps: Generator[Step, None, Result], tell: Callable[[Step], Told]
) -> Generator[Told, None, Result]:
    """Yield each step of a generator in other words.

    Parameters
    ----------
    steps : generator
        Closed also where the work ends early.
    tell : callable
        Puts a step in other words.

    Yields
    ------
    told
        What `tell` made of a step.

    Returns
    -------
    result
        What the generator returns.
    """
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            yield tell(step)
