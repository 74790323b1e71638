"""Generators are walked to their end, retold, and closed where the work ends early."""

from collections.abc import Generator

import pytest

from napari_leukoseg.steps import retell_steps, run_steps


class Work:
    """Counts to three, returns the sum, and knows whether it was closed."""

    def __init__(self) -> None:
        self.is_closed = False

    def steps(self) -> Generator[int, None, int]:
        try:
            yield from (1, 2, 3)
        finally:
            self.is_closed = True
        return 6


def test_a_run_shows_each_step_and_gives_the_result() -> None:
    shown: list[int] = []
    assert run_steps(Work().steps(), shown.append) == 6
    assert shown == [1, 2, 3]


def test_retold_steps_keep_their_result() -> None:
    told: list[str] = []
    assert run_steps(retell_steps(Work().steps(), str), told.append) == 6
    assert told == ["1", "2", "3"]


def test_work_left_early_is_closed() -> None:
    work = Work()
    retold = retell_steps(work.steps(), str)
    next(retold)
    retold.close()
    assert work.is_closed


def test_an_error_while_showing_closes_the_work() -> None:
    work = Work()

    def fail(_step: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_steps(work.steps(), fail)
    assert work.is_closed
