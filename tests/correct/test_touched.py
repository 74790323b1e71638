"""What a listener is told of edits is exactly what they have changed."""

import numpy as np
import pytest

from napari_leukoseg.case import Case
from napari_leukoseg.correct import (
    AssignClass,
    DeleteCells,
    GrowCells,
    History,
    MergeCells,
    change_scheme,
)
from napari_leukoseg.geometry import Region

from .drawn_case import DrawnSlide, Snapshot, commit_disks, make_case


@pytest.fixture
def case(tmp_path):
    with Case.open(make_case(tmp_path)) as case:
        yield case


def assert_told(case, before, touched):
    """Everything that differs from an earlier state is named."""
    after = Snapshot.of(case)
    nucleus, cytoplasm = (
        case.read_labels(name, Region.of_shape(case.shape))
        for name in ("nucleus", "cytoplasm")
    )
    differs = before.labels[0] != nucleus
    differs |= before.labels[len(before.labels) // 2] != cytoplasm
    covered = np.zeros(case.shape, bool)
    for box in touched.boxes:
        covered[box.slices] = True
    assert not (differs & ~covered).any()
    old, new = (s.table.set_index("cell_id") for s in (before, after))
    changed = set(old.index) ^ set(new.index)
    common = old.index.intersection(new.index)
    for name in old.columns.union(new.columns):
        a, b = (t.reindex(columns=[name]).loc[common, name] for t in (old, new))
        unlike = common[~((a == b) | (a.isna() & b.isna())).to_numpy(bool)]
        changed |= set(unlike)
        assert name in touched.columns or set(unlike) <= touched.drawn_ids
    assert changed <= set(touched.cell_ids)


@pytest.mark.parametrize(
    "edit",
    [
        AssignClass((1, 4), 5),
        DeleteCells((2,)),
        MergeCells((1, 2)),
        GrowCells((3,), 4),
    ],
    ids=lambda edit: edit.action,
)
def test_edit_and_undo_name_what_they_change(case, edit):
    history = History(case, DrawnSlide())
    for act in (lambda: history.apply(edit), history.undo, history.redo):
        before, position = Snapshot.of(case), case.position
        act()
        touched = case.touched_since(position)
        assert touched.position == case.position > position
        assert touched.cell_ids
        assert not touched.is_everything
        assert_told(case, before, touched)


def test_class_change_touches_no_pixel_and_two_columns(case):
    position = case.position
    History(case).apply(AssignClass((4,), 2))
    touched = case.touched_since(position)
    assert touched.cell_ids == (4,)
    assert touched.columns == {"class_id", "reviewed"}
    assert touched.boxes == ()
    assert touched.drawn_ids == frozenset()


def test_runs_and_schemes_change_everything(case):
    position = case.position
    change_scheme(case, case.scheme)
    assert case.touched_since(position).is_everything
    position = case.position
    assert not case.touched_since(position).is_everything
    commit_disks(case, {"model": "b"})
    assert case.touched_since(position).is_everything


def test_sign_off_touches_no_cell(case):
    position = case.position
    case.sign_off("A. Person")
    touched = case.touched_since(position)
    assert touched.position > position
    assert touched.cell_ids == ()


def test_table_of_few_columns_is_a_part_of_the_table(case):
    part = case.table({"class_id", "no such column"})
    assert list(part.columns) == ["cell_id", "class_id"]
    assert part.equals(case.table()[["cell_id", "class_id"]])
