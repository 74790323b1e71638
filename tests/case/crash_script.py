"""Runs a scenario on copies of a case, each killed at another point of its writes.

``python -m case.crash_script TEMPLATE FOLDER STEP [MODULE]`` in the folder of the
tests: for every STEP-th point it copies TEMPLATE to ``FOLDER/<point>``, and a forked
child works on the copy until that point, by the function ``scenario`` of this module
or of another one. Stops at the first child that gets through.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from napari_leukoseg.case import Case
from napari_leukoseg.case.journal import Journal

from .drawn_tiles import N_TILES, commit_missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_leukoseg.case import Run

KILLED = 9
SETTINGS = {"model": "b"}


def scenario(case: Case) -> Run:
    """Replace the machine's cells of a case that a person edited by a new run."""
    run = case.begin_run(SETTINGS, N_TILES)
    commit_missing(run, seed=1)
    run.finish({})
    return run


class Killer:
    """Ends the process, as a kill would, at one point of all that it writes."""

    def __init__(self, point: int) -> None:
        self._left = point

    def tick(self) -> None:
        self._left -= 1
        if self._left == 0:
            os._exit(KILLED)

    def around(self, owner: object, name: str) -> None:
        """Count the points before and after a call."""
        call = getattr(owner, name)

        def wrapped(*arguments, **keywords):
            self.tick()
            result = call(*arguments, **keywords)
            self.tick()
            return result

        setattr(owner, name, wrapped)

    def tear_lines(self) -> None:
        """Count a point at which half of a journal line is written."""
        append = Journal.append

        def torn(journal, record):
            if self._left == 1:
                start = journal._file.tell()
                append(journal, record)
                os.truncate(journal._path, (start + journal._file.tell()) // 2)
            self.tick()
            return append(journal, record)

        Journal.append = torn


def work(path: Path, point: int, play: Callable[[Case], object]) -> None:
    """Play a scenario in this process, to the point."""
    killer = Killer(point)
    killer.tear_lines()
    killer.around(Path, "replace")
    killer.around(Path, "unlink")
    killer.around(os, "fsync")
    with Case.open(path) as case:
        play(case)


def survives(
    template: Path, path: Path, point: int, play: Callable[[Case], object]
) -> bool:
    """Whether a child that would be killed at a point got through before."""
    shutil.copytree(template, path)
    child = os.fork()
    if child == 0:
        try:
            work(path, point, play)
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, KILLED):
        raise SystemExit(f"point {point} failed with {code}")
    return code == 0


def main() -> None:
    template, folder = (Path(argument) for argument in sys.argv[1:3])
    point, step = 1, int(sys.argv[3])
    play = import_module(sys.argv[4]).scenario if len(sys.argv) > 4 else scenario
    while not survives(template, folder / f"{point}.leukoseg.zarr", point, play):
        point += step


if __name__ == "__main__":
    main()
