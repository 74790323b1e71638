import numpy as np
import pytest

from napari_leukoseg.case import Case, case_path
from napari_leukoseg.errors import CaseError, SettingsError
from napari_leukoseg.geometry import Region

from .drawn_tiles import (
    N_TILES,
    all_labels,
    assert_consistent,
    assert_same_case,
    commit_missing,
    disk,
    row_of,
    tile_of,
    whole,
)


def commit(run, tile, cells, **row):
    return run.commit_tile(tile, cells, [row] * len(cells))


def ids(case):
    return case.table()["cell_id"].tolist()


def pixels_of(case, cell_id):
    nucleus, cytoplasm = (
        case.read_labels(name, whole(case)) for name in ("nucleus", "cytoplasm")
    )
    return nucleus == cell_id, cytoplasm == cell_id


def test_finished_run_is_consistent(segmented):
    assert_consistent(segmented)
    table = segmented.table()
    assert len(table) > 20
    assert table["cell_id"].is_monotonic_increasing
    assert table.columns[0] == "cell_id"
    assert not table["reviewed"].any()
    assert {n: str(table[n].dtype) for n in ("class_id", "lobes", "area_px")} == {
        "class_id": "int64",
        "lobes": "int64",
        "area_px": "float64",
    }
    assert table["touches_border"].dtype == bool
    assert table["reviewed"].dtype == bool


def test_pixels_and_ids_are_those_of_the_cells(case):
    cells = [disk(3, 5, 61, 2), disk(470, 480, 90, 4), disk(1200, 1000, 100, 5)]
    run = case.begin_run({}, 1)
    assert commit(run, 0, cells) == [1, 2, 3]
    for cell_id, cell in enumerate(cells, start=1):
        for drawn, mask in zip(
            pixels_of(case, cell_id), (cell.nucleus, cell.cytoplasm), strict=True
        ):
            np.testing.assert_array_equal(drawn[cell.region.slices], mask)
            assert drawn.sum() == mask.sum()
    assert case.class_lut().tolist() == [0, 2, 4, 5]


@pytest.mark.parametrize("level", [0, 1, 2])
def test_classes_follow_the_table(segmented, level):
    region = whole(segmented, level)
    nucleus, cytoplasm = (
        segmented.read_labels(name, region, level) for name in ("nucleus", "cytoplasm")
    )
    table = segmented.table()
    classes = dict(zip(table["cell_id"], table["class_id"], strict=True))
    classes[0] = 0
    expected = np.vectorize(classes.get)(nucleus + cytoplasm)
    result = segmented.read_classes(region, level)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)


def test_class_column_comes_from_the_cell_where_the_row_has_none(case):
    run = case.begin_run({}, 1)
    run.commit_tile(0, [disk(0, 0, 30, 4)], [{}])
    assert case.table()["class_id"].tolist() == [4]


def test_dropped_cell_gets_no_id_and_no_row(case):
    run = case.begin_run({}, 2)
    assert commit(run, 0, [disk(10, 10, 60), disk(12, 12, 60), disk(300, 10, 60)]) == [
        1,
        0,
        2,
    ]
    assert commit(run, 1, [disk(301, 11, 60), disk(600, 10, 60)]) == [0, 3]
    assert ids(case) == [1, 2, 3]
    case.close()
    assert_consistent(case)


def test_fitted_cells_are_what_is_drawn(case):
    run = case.begin_run({}, 2)
    commit(run, 0, [disk(100, 100, 80)])
    cells = [disk(100, 150, 80), disk(101, 101, 80), disk(100, 200, 80)]
    before = all_labels(case)
    fitted = run.fit_cells(cells)
    for labels, untouched in zip(all_labels(case), before, strict=True):
        np.testing.assert_array_equal(labels, untouched)
    assert [cell is None for cell in fitted] == [False, True, False]
    cell_ids = commit(run, 1, cells)
    for cell_id, cell in zip(cell_ids, fitted, strict=True):
        if cell is not None:
            nucleus, cytoplasm = pixels_of(case, cell_id)
            assert nucleus.sum() == cell.nucleus.sum()
            assert cytoplasm.sum() == cell.cytoplasm.sum()


def test_equal_settings_resume_and_finish_once(case, segmented):
    settings = {"model": "a", "region": None, "scale": (1, 2.5)}
    run = case.begin_run(settings, N_TILES)
    for tile in (0, 1):
        run.commit_tile(tile, *tile_of(tile))
    with pytest.raises(CaseError, match="4 of 6 tiles"):
        run.finish({})
    case.close()
    again = Case.open(case.path).begin_run(settings, N_TILES)
    assert again.finished_tiles == {0, 1}
    assert again.number == run.number
    assert not again.is_finished
    commit_missing(again)
    again.finish({"seconds": 2.0})
    again.finish({"seconds": 3.0})
    assert_same_case(case, segmented)
    (record,) = case.provenance
    assert record["summary"] == {"seconds": 2.0}
    assert record["settings"] == {"model": "a", "region": None, "scale": [1, 2.5]}
    assert record["versions"].keys() >= {"napari-leukoseg", "torch"}
    again._case.close()
    revision = case.revision
    assert case.begin_run(settings, N_TILES).is_finished
    assert case.revision == revision


@pytest.mark.parametrize(
    "change", [{"settings": {"model": "b"}}, {"n_tiles": 7}, {"keep_tiles": False}]
)
def test_other_runs_start_anew_with_new_ids(segmented, change):
    old = ids(segmented)
    arguments = {"settings": {"model": "a"}, "n_tiles": N_TILES, **change}
    run = segmented.begin_run(**arguments)
    assert run.finished_tiles == frozenset()
    assert not run.is_finished
    assert ids(segmented) == []
    assert not any(labels.any() for labels in all_labels(segmented))
    assert segmented.provenance[1]["n_removed"] == len(old)
    assert run.commit_tile(0, *tile_of(0))[0] == max(old) + 1
    segmented.close()
    assert_consistent(segmented)


@pytest.mark.parametrize("edit", [{}, {"rows": [{"cell_id": 3, "class_id": 1}]}])
def test_cells_that_a_person_touched_stay(segmented, edit):
    segmented.append_edit({"cell_ids": [3], "action": "review", **edit})
    before = pixels_of(segmented, 3)
    row = segmented.table().set_index("cell_id").loc[[3]]
    run = segmented.begin_run({"model": "b"}, N_TILES)
    assert ids(segmented) == [3]
    assert segmented.protected_ids == {3}
    commit_missing(run, seed=1)
    run.finish({})
    for drawn, earlier in zip(pixels_of(segmented, 3), before, strict=True):
        np.testing.assert_array_equal(drawn, earlier)
    after = segmented.table().set_index("cell_id").loc[[3]]
    assert after[row.columns].equals(row)
    assert_consistent(segmented)


def test_new_cell_over_a_protected_one_is_dropped(case):
    run = case.begin_run({"v": 1}, 1)
    commit(run, 0, [disk(100, 100, 60), disk(400, 400, 60)])
    case.append_edit({"cell_ids": [1]})
    run = case.begin_run({"v": 2}, 1)
    assert commit(run, 0, [disk(102, 98, 60), disk(402, 398, 60)]) == [0, 3]
    assert ids(case) == [1, 3]


def test_region_run_replaces_cells_whose_centroid_lies_inside(case):
    run = case.begin_run({"v": 1}, 1)
    commit(run, 0, [disk(10, 10, 50), disk(80, 80, 50), disk(90, 20, 50)])
    bounds = [0, 0, 100, 100]  # centroids at 34.5; 104.5; 114.5 and 44.5
    case.begin_run({"v": 1, "region": bounds}, 1)
    assert ids(case) == [2, 3]
    case.begin_run({"v": 2, "region": bounds}, 1)
    assert ids(case) == [2, 3]
    case.begin_run({"v": 2, "region": [0, 0, 105, 105]}, 1)
    assert ids(case) == [3]
    assert_consistent(case)


@pytest.mark.parametrize("region", ["all", [1, 2, 3], [[1], 2, 3, 4], [5, 0, 1, 9]])
def test_region_that_is_no_rectangle_is_refused(case, region):
    with pytest.raises(SettingsError):
        case.begin_run({"region": region}, 1)
    assert case.provenance == []


def test_settings_that_are_not_plain_are_refused(case):
    with pytest.raises(SettingsError, match="not plain data"):
        case.begin_run({"region": None, "x": object()}, 1)


def test_arguments_that_do_not_fit_are_refused(case):
    run = case.begin_run({}, 2)
    cells = [disk(0, 0, 10)]
    with pytest.raises(SettingsError, match="give 0 to 1"):
        run.commit_tile(2, cells, [{}])
    with pytest.raises(SettingsError, match="1 cells came with 2 rows"):
        run.commit_tile(0, cells, [{}, {}])
    with pytest.raises(SettingsError, match="leaves the slide"):
        run.commit_tile(0, [disk(0, 0, 10), disk(1295, 0, 10)], [{}, {}])
    with pytest.raises(SettingsError, match="'x' is of type"):
        run.commit_tile(0, cells, [{"x": []}])
    assert run.finished_tiles == frozenset()
    assert ids(case) == []
    run.commit_tile(0, cells, [row_of(cells[0], 0)])
    with pytest.raises(SettingsError, match="committed already"):
        run.commit_tile(0, cells, [{}])
    case.close()
    assert_consistent(case)


def test_replaced_run_cannot_go_on(case):
    first = case.begin_run({"v": 1}, 1)
    second = case.begin_run({"v": 2}, 1)
    with pytest.raises(CaseError, match="replaced by a newer run"):
        first.commit_tile(0, [], [])
    second.commit_tile(0, [], [])
    assert first.finished_tiles == frozenset()
    assert second.finished_tiles == {0}


def test_empty_tiles_and_a_picture_without_a_cell(case):
    run = case.begin_run({}, 1)
    assert run.commit_tile(0, [], []) == []
    run.finish({})
    with Case.open(case.path) as again:
        assert len(again.table()) == 0
        assert again.class_lut().tolist() == [0]
        assert not again.read_classes(Region(0, 0, 9, 9)).any()


@pytest.mark.parametrize("shape", [(1, 1), (3, 700)])
def test_tiny_slides(tmp_path, slide, shape):
    slide.shape = shape
    with Case.create(case_path(tmp_path, "tiny"), slide) as case:
        run = case.begin_run({}, 1)
        assert commit(run, 0, [disk(0, 0, 1)]) == [1]
        run.finish({})
        assert_consistent(case)
