"""A case as arrays: the same labels as on disk, whatever is cached."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from napari_leukoseg.case import LABEL_NAMES, Case
from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.errors import CaseError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin import case_view
from napari_leukoseg.plugin.case_view import CaseLevel, CaseView
from napari_leukoseg.plugin.label_blocks import LabelBlocks
from napari_leukoseg.plugin.roles import CLASSES, ROLES, Seen
from napari_leukoseg.slide import open_slide

SHAPE = (1301, 1103)
BOX = ("box_row_px", "box_column_px", "box_row_stop_px", "box_column_stop_px")


def make_cell(row: int, column: int, class_index: int = 0) -> SegmentedCell:
    """Return a cell of 12 x 10 pixels whose upper half is nucleus."""
    nucleus = np.zeros((12, 10), bool)
    nucleus[:6] = True
    evidence = np.full(3, 0.1)
    evidence[class_index] = 0.8
    region = Region(row, column, 12, 10)
    return SegmentedCell(region, nucleus, ~nucleus, (1, 2, 3), evidence, 0.9)


def commit(case: Case, *cells: SegmentedCell) -> list[int]:
    """Write cells in a run of one tile."""
    run = case.begin_run({"cells": len(case.provenance)}, 1)
    rows = [dict(zip(BOX, cell.region.bounds, strict=True)) for cell in cells]
    ids = run.commit_tile(0, list(cells), rows)
    run.finish({})
    return ids


@pytest.fixture(params=["plain", "pyramid"])
def case(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    if request.param == "pyramid":
        monkeypatch.setattr(case_view, "PLAIN_PX", 0)
    path = tmp_path / "x.png"
    Pillow.fromarray(np.full((*SHAPE, 3), 230, np.uint8)).save(path)
    with (
        open_slide(path) as slide,
        Case.create(tmp_path / "x.leukoseg.zarr", slide) as case,
    ):
        commit(case, make_cell(100, 200, 0), make_cell(1000, 1085, 2))
        yield case


def level_0(view: CaseView, role: str) -> Any:
    data = view.data(role)
    return data if view.is_plain else data[0]


def test_levels_agree_with_the_case(case: Case) -> None:
    view = CaseView(case)
    assert view.is_plain == (case.shape[0] * case.shape[1] <= case_view.PLAIN_PX)
    for name in LABEL_NAMES:
        levels = [view.data(name)] if view.is_plain else view.data(name)
        assert len(levels) == (1 if view.is_plain else case.n_levels)
        for level, array in enumerate(levels):
            assert array.dtype == np.uint32
            expected = np.asarray(case.label_array(name, level)[:])
            np.testing.assert_array_equal(np.asarray(array), expected)
    classes = np.asarray(level_0(view, CLASSES))
    assert classes.dtype == np.uint8
    np.testing.assert_array_equal(
        classes, case.read_classes(Region.of_shape(case.shape))
    )
    assert set(np.unique(classes)) == {0, 1, 3}


@pytest.mark.parametrize(
    "index",
    [
        (slice(90, 120), slice(190, 215)),
        (slice(None, None, 7), slice(3, None, 50)),
        (105, slice(190, 215)),
        (slice(95, 110), -900),
        (slice(500, 700),),
        (slice(990, 9000), slice(1090, 4300)),
        (..., slice(200, 210)),
        (5, 5),
    ],
)
def test_indexing_is_that_of_an_array(case: Case, index: Any) -> None:
    view = CaseView(case)
    array = level_0(view, "nucleus")
    whole = np.asarray(array)
    np.testing.assert_array_equal(array[index], whole[index])


def test_snapshot_shows_what_was_added(case: Case) -> None:
    view = CaseView(case)
    before = {role: np.asarray(level_0(view, role)).copy() for role in ROLES}
    commit(case, make_cell(500, 600, 1))  # and the two cells are gone
    seen = [Seen(role, 0, Region(0, 0, 900, 900)) for role in ROLES]
    snapshot = view.read(seen, view.snapshot)
    changed = {role: view.changes(snapshot, role) for role in ROLES}
    view.show(snapshot)
    assert snapshot.revision > 0
    assert list(snapshot.table["class_id"]) == [2]
    for role in ROLES:
        expected = np.zeros(case.shape, before[role].dtype)
        value = 2 if role == CLASSES else int(snapshot.table["cell_id"][0])
        cells = {"nucleus": slice(0, 6), "cytoplasm": slice(6, 12)}
        expected[500:512, 600:610][cells.get(role, slice(None))] = value
        shown = level_0(view, role)
        if view.is_plain:  # the caller writes what has changed
            shown.flat[changed[role]] = snapshot.whole[role].flat[changed[role]]
        np.testing.assert_array_equal(np.asarray(shown), expected)


def test_cell_at(case: Case) -> None:
    view = CaseView(case)
    first, second = view.snapshot.table["cell_id"]
    assert view.cell_at(100, 200) == view.cell_at(99.6, 199.5) == first
    assert view.cell_at(1011.4, 1094.4) == second
    assert view.cell_at(99.4, 200) == 0
    assert view.cell_at(-1, 0) == view.cell_at(0, 1e9) == 0


def test_damaged_labels_are_shown_empty(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    view = CaseView(case)
    for chunk in (case.path / "labels").rglob("c/*/*"):
        chunk.write_bytes(b"no chunk")
    if not view.is_plain:  # what was read at the start is kept
        view.show(replace(view.snapshot, blocks=LabelBlocks(0)))
        assert not level_0(view, "nucleus")[95:110, 190:215].any()
        assert "not shown" in caplog.text
    with pytest.raises(CaseError, match="damaged"):
        view.read([Seen("nucleus", 0, Region(90, 190, 30, 30))])


def test_copy_of_a_level_is_the_level(case: Case) -> None:
    level = CaseLevel(CaseView(case), CLASSES, 0)
    assert deepcopy([level])[0] is level
    assert len(level) == case.shape[0]
    assert level.size == case.shape[0] * case.shape[1]
