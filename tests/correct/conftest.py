from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from napari_leukoseg.case import Case, case_path
from napari_leukoseg.correct import History

from .drawn_case import DrawnSlide, Snapshot, assert_consistent, make_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """Case with six cells, ids 1 to 6, that nothing may change."""
    return make_case(tmp_path_factory.mktemp("drawn"))


@pytest.fixture
def case(tmp_path, template) -> Iterator[Case]:
    path = shutil.copytree(template, case_path(tmp_path, "smear"))
    with Case.open(path) as case:
        yield case


@pytest.fixture
def history(case) -> History:
    return History(case, DrawnSlide())


@pytest.fixture
def do(case, history) -> Callable:
    """Apply an edit, check that it has an exact inverse, and leave it done."""

    def apply(edit):
        before = Snapshot.of(case)
        inverse = history.apply(edit)
        after = Snapshot.of(case)
        assert_consistent(case)
        assert not inverse.is_empty
        assert history.undo_action == edit.action
        inverse.apply(case)
        Snapshot.of(case).assert_equals(before)
        history.undo()
        Snapshot.of(case).assert_equals(after)
        assert history.undo() == edit.action
        Snapshot.of(case).assert_equals(before)
        assert history.redo() == history.undo_action == edit.action
        return inverse

    return apply
