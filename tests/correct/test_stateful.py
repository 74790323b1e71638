"""Random edits, undos, redos and reopenings: everything agrees after each step."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from napari_leukoseg.case import Case, case_path
from napari_leukoseg.correct import (
    AddCell,
    AssignClass,
    DeleteCells,
    ErasePixels,
    FillHoles,
    GrowCells,
    MarkAreaReviewed,
    MarkReviewed,
    MergeCells,
    PaintPixels,
    ReplaceMasks,
    SmoothCells,
    SplitByWatershed,
    SplitCell,
)
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

from .drawn_case import SHAPE, Snapshot, assert_consistent

if TYPE_CHECKING:
    from napari_leukoseg.correct import Edit

NUMBERS = st.integers(0, 2**16)
SIDES = st.integers(1, 70)
PARTS = st.sampled_from(["nucleus", "cytoplasm"])
POINTS = st.tuples(st.integers(-5, 75), st.integers(-5, 75))


@st.composite
def brushes(draw):
    """Region near a border or a cell, and a mask in it."""
    height, width = draw(SIDES), draw(SIDES)
    row, column = draw(st.integers(-20, SHAPE[0])), draw(st.integers(-20, SHAPE[1]))
    rng = np.random.default_rng(draw(NUMBERS))
    mask = rng.random((height, width)) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    return Region(row, column, height, width), mask


class Editing(RuleBasedStateMachine):
    """Person at work on one case; the snapshots are what undo must give back."""

    template: Path

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        path = shutil.copytree(self.template, case_path(self.folder, "smear"))
        self.case = Case.open(path)
        self.past = [Snapshot.of(self.case)]
        self.now = 0

    def pick(self, number: int) -> int:
        """One of the cells, or a number that is none."""
        ids = self.case.table()["cell_id"].tolist()
        return ids[number % len(ids)] if ids else 1 + number

    def do(self, edit: Edit) -> None:
        revision = self.case.revision
        try:
            inverse = edit.apply(self.case)
        except SettingsError:
            assert self.case.revision == revision
            self.past[self.now].assert_equals(Snapshot.of(self.case))
            return
        assert self.case.revision == revision + (not inverse.is_empty)
        if not inverse.is_empty:
            self.now += 1
            self.past[self.now :] = [Snapshot.of(self.case)]

    @rule(numbers=st.lists(NUMBERS, max_size=3), class_id=st.integers(1, 7))
    def assign(self, numbers, class_id):
        self.do(AssignClass(tuple(self.pick(n) for n in numbers), class_id))

    @rule(number=NUMBERS, reviewed=st.booleans())
    def review(self, number, reviewed):
        self.do(MarkReviewed((self.pick(number),), reviewed))

    @rule(brush=brushes(), complete=st.booleans())
    def mark_area(self, brush, complete):
        self.do(MarkAreaReviewed(brush[0], complete))

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=2))
    def delete(self, numbers):
        self.do(DeleteCells(tuple(self.pick(n) for n in numbers)))

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=3))
    def merge(self, numbers):
        self.do(MergeCells(tuple(self.pick(n) for n in numbers)))

    @rule(number=NUMBERS, part=PARTS, brush=brushes(), overwrite=st.booleans())
    def paint(self, number, part, brush, overwrite):
        self.do(PaintPixels(self.pick(number), part, *brush, overwrite=overwrite))

    @rule(number=NUMBERS, part=PARTS, shift=POINTS, overwrite=st.booleans())
    def paint_on_a_cell(self, number, part, shift, overwrite):
        cell_id = self.pick(number)
        region = Region(*self.corner(cell_id, shift), 12, 25)
        mask = np.ones((12, 25), bool)
        self.do(PaintPixels(cell_id, part, region, mask, overwrite=overwrite))

    @rule(part=st.sampled_from(["nucleus", "cytoplasm", "cell"]), brush=brushes())
    def erase(self, part, brush):
        self.do(ErasePixels(part, *brush))

    @rule(number=NUMBERS, distance=st.floats(-12, 12), nucleus=st.booleans())
    def grow(self, number, distance, nucleus):
        part = "nucleus" if nucleus else "cell"
        numbers = (number, number + 1)
        ids = tuple(self.pick(n) for n in numbers)
        if abs(distance) > 0.1:
            self.do(GrowCells(ids, distance, part))

    @rule(number=NUMBERS, radius=st.floats(0.5, 6))
    def smooth(self, number, radius):
        self.do(SmoothCells((self.pick(number), self.pick(number + 1)), radius))

    @rule(number=NUMBERS, nucleus=st.booleans())
    def fill(self, number, nucleus):
        self.do(FillHoles((self.pick(number),), "nucleus" if nucleus else "cell"))

    @rule(brush=brushes(), class_id=st.integers(1, 6), overwrite=st.booleans())
    def add(self, brush, class_id, overwrite):
        region, mask = brush
        self.do(AddCell(region, mask, ~mask, class_id, overwrite))

    @rule(number=NUMBERS, brush=brushes(), overwrite=st.booleans())
    def replace(self, number, brush, overwrite):
        region, mask = brush
        self.do(ReplaceMasks(self.pick(number), region, mask, ~mask, overwrite))

    @rule(number=NUMBERS, points=st.lists(POINTS, min_size=2, max_size=4))
    def split(self, number, points):
        cell_id = self.pick(number)
        line = tuple(self.corner(cell_id, point) for point in points)
        self.do(SplitCell(cell_id, line))

    @rule(number=NUMBERS, n_parts=st.integers(2, 3))
    def watershed(self, number, n_parts):
        self.do(SplitByWatershed(self.pick(number), n_parts))

    @rule()
    def undo(self):
        assert (self.case.undo() is None) == (self.now == 0)
        self.now = max(0, self.now - 1)
        self.past[self.now].assert_equals(Snapshot.of(self.case))

    @rule()
    def redo(self):
        is_last = self.now == len(self.past) - 1
        assert (self.case.redo() is None) == is_last
        self.now += not is_last
        self.past[self.now].assert_equals(Snapshot.of(self.case))

    @rule(recounts=st.booleans())
    def reopen(self, recounts):
        if recounts:
            self.case._consolidate()
        self.case.close()
        self.case = Case.open(self.case.path)

    @precondition(lambda self: hasattr(self, "case"))
    @invariant()
    def agrees(self):
        assert_consistent(self.case)
        self.past[self.now].assert_equals(Snapshot.of(self.case))

    def corner(self, cell_id, shift):
        """A point near the upper left corner of a cell."""
        try:
            region = self.case.cell(cell_id).region
        except SettingsError:
            return shift
        return region.row + shift[0], region.column + shift[1]

    def teardown(self) -> None:
        if not hasattr(self, "case"):
            return
        while self.now < len(self.past) - 1:
            self.redo()
        while self.now:
            self.undo()
        while self.now < len(self.past) - 1:
            self.redo()
        self.case.close()
        shutil.rmtree(self.folder)


@pytest.mark.parametrize(
    ("n_sequences", "n_steps"),
    [(5, 12), pytest.param(40, 60, marks=pytest.mark.slow)],
    ids=["some", "thousands"],
)
def test_any_sequence_of_edits(template, n_sequences, n_steps):
    class OnTemplate(Editing):
        pass

    OnTemplate.template = template
    run_state_machine_as_test(
        OnTemplate,
        settings=settings(
            max_examples=n_sequences,
            stateful_step_count=n_steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
