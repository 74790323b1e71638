import json
import math

import numpy as np
import pandas as pd
import pytest
import zarr

from napari_leukoseg.case import Case, CellChanges
from napari_leukoseg.case.columns import plain_row
from napari_leukoseg.case.ground import encode_patch
from napari_leukoseg.case.snapshot import read_snapshot, write_snapshot
from napari_leukoseg.case.state import CaseState
from napari_leukoseg.classes import DEFAULT_SCHEME
from napari_leukoseg.geometry import Region

from .drawn_tiles import assert_same_case


def snapshot_of(case):
    return case.path / "leukoseg" / case._info.snapshot


def forget(case):
    """Open the case as if it had no snapshot."""
    path = case.path / "leukoseg" / "zarr.json"
    node = json.loads(path.read_text())
    node["attributes"]["leukoseg"]["snapshot"] = None
    path.write_text(json.dumps(node))
    return Case.open(case.path)


@pytest.mark.parametrize("n_cells", [0, 1, 5])
def test_state_round_trips(tmp_path, n_cells):
    state = CaseState()
    for index in range(n_cells):
        row = {
            "i": index,
            "f": 0.1 * index,
            "b": index > 2,
            "t": "äöü"[index % 3],
            "sparse": "s" if index == 3 else None,
            "gap": True if index == 1 else None,
            "none": math.nan,
        }
        state.cells.append(index + 1, plain_row(row))
    state.edited = {1}
    state.cleared = {7: encode_patch(Region(3, 4, 2, 2), np.eye(2) > 0)}
    state.areas = [Region(0, 0, 9, 9)]
    state.done, state.undone = [4, 700], [900]
    state.signed_off = {"name": "A", "time": "now", "count": None}
    state.scheme = DEFAULT_SCHEME
    state.next_id = 9
    write_snapshot(tmp_path / "cells", state, 123, "ab")
    read, offset, tail = read_snapshot(tmp_path / "cells")
    assert (offset, tail) == (123, "ab")
    assert read.to_dict() == state.to_dict()
    pd.testing.assert_frame_equal(read.cells.to_frame(), state.cells.to_frame())


def test_snapshot_and_journal_say_the_same(segmented):
    assert snapshot_of(segmented).is_dir()
    with Case.open(segmented.path) as quick, forget(segmented) as thorough:
        assert quick._ledger.offset == thorough._ledger.offset
        assert_same_case(quick, thorough)
        assert quick.provenance == thorough.provenance
        assert quick.revision == thorough.revision


def test_later_records_add_to_the_snapshot(segmented):
    segmented.append_edit({"cell_ids": [2], "rows": [{"cell_id": 2, "reviewed": True}]})
    with Case.open(segmented.path) as quick, forget(segmented) as thorough:
        assert quick.protected_ids == {2}
        assert_same_case(quick, thorough)


def test_only_the_last_snapshot_is_kept(segmented):
    first = snapshot_of(segmented)
    segmented.begin_run({"model": "b"}, 0).finish({})
    assert snapshot_of(segmented) != first
    assert not first.exists()
    assert len(list((segmented.path / "leukoseg").glob("cells-*"))) == 1


def test_case_of_the_first_format_opens_and_is_edited(segmented):
    path = segmented.path / "leukoseg" / "zarr.json"
    node = json.loads(path.read_text())
    node["attributes"]["leukoseg"]["format"] = 1
    path.write_text(json.dumps(node))
    array = zarr.open_array(snapshot_of(segmented), mode="r+")
    known = ("revision", "next_id", "runs", "tiles", "edited")
    array.attrs["state"] = {key: array.attrs["state"][key] for key in known}
    with Case.open(segmented.path) as case:
        assert_same_case(case, segmented)
        before = case.table()
        removed = CellChanges(removed=[2, 3])
        case.change("Delete", lambda: removed)
        assert len(case.table()) == len(before) - 2
        assert case.undo() == "Delete"
        pd.testing.assert_frame_equal(case.table(), before)


def damage_values(folder):
    zarr.open_array(folder, mode="r+")[0, 0] += 1


def drop_chunk(folder):
    (folder / "c" / "0" / "0").unlink()


def tear_metadata(folder):
    path = folder / "zarr.json"
    path.write_bytes(path.read_bytes()[:100])


def shift_offset(folder):
    array = zarr.open_array(folder, mode="r+")
    array.attrs["offset"] = array.attrs["offset"] - 1


def tear_chunk(folder):
    path = folder / "c" / "0" / "0"
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    "damage", [damage_values, drop_chunk, tear_metadata, shift_offset, tear_chunk]
)
def test_damaged_snapshot_is_passed_over(segmented, damage):
    damage(snapshot_of(segmented))
    with Case.open(segmented.path) as case:
        assert_same_case(case, segmented)


def test_numbers_can_be_read_without_this_package(segmented):
    array = zarr.open_array(snapshot_of(segmented), mode="r")
    names = [column["name"] for column in array.attrs["columns"]]
    areas = array[:, names.index("area_px")]
    np.testing.assert_array_equal(areas, segmented.table()["area_px"])
