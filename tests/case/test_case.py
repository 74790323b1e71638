import threading

import numpy as np
import pytest
import zarr
from PIL import Image

from napari_leukoseg.case import Case, case_path
from napari_leukoseg.errors import CaseError, SettingsError
from napari_leukoseg.slide import open_slide

from .drawn_tiles import (
    N_TILES,
    DrawnSlide,
    assert_consistent,
    assert_same_case,
    tile_of,
    whole,
)


def test_case_of_a_real_picture(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "field.png"
    Image.fromarray(rng.integers(0, 255, (90, 70, 3), np.uint8)).save(path)
    with open_slide(path) as slide:
        target = case_path(tmp_path / "new" / "out", "field")
        with Case.create(target, slide) as case:
            case.check_slide(slide)
            assert case.shape == (90, 70)
            assert case.fingerprint == slide.fingerprint
            assert case.mpp is None
            assert case.source_name == "field.png"
    assert list(target.parent.iterdir()) == [target]
    assert str(tmp_path) not in (target / "leukoseg" / "zarr.json").read_text()


def test_case_of_another_slide_is_refused(case, slide):
    case.check_slide(slide)
    other = DrawnSlide(fingerprint="0" * 64)
    with pytest.raises(CaseError, match="of 1300x1100 pixels, not"):
        case.check_slide(other)
    with pytest.raises(CaseError, match="not to"):
        case.check_slide(DrawnSlide(shape=(1300, 1101)))


def test_label_array_is_read_only_and_lazy(segmented):
    array = segmented.label_array("nucleus", 1)
    assert isinstance(array, zarr.Array)
    assert array.dtype == np.uint32
    assert array.shape == (650, 550)
    with pytest.raises(ValueError, match="read-only"):
        array[:] = 0


def test_summary_is_plain(segmented):
    segmented.set_specimen("S-17")
    summary = segmented.summary()
    assert summary["n_cells"] == len(segmented.table())
    assert summary["source_name"] == "smear.png"
    assert summary["shape"] == [1300, 1100]
    assert summary["mpp"] == 0.25
    assert summary["specimen"] == "S-17"
    assert [run["summary"] for run in summary["runs"]] == [{"seconds": 1.5}]


def test_specimen_is_durable_and_can_be_removed(case):
    case.set_specimen("S-17")
    assert Case.open(case.path).specimen == "S-17"
    case.set_specimen(None)
    assert Case.open(case.path).specimen is None


def test_edits_change_rows_and_protect(segmented):
    revision = segmented.revision
    rows = [{"cell_id": 4, "class_id": 5, "reviewed": True, "note": "band?"}]
    segmented.append_edit({"action": "assign", "cell_ids": [4], "rows": rows})
    assert segmented.revision == revision + 1
    with Case.open(segmented.path) as again:
        table = again.table().set_index("cell_id")
        assert table.loc[4, "class_id"] == 5
        assert table.loc[4, "reviewed"]
        assert table["reviewed"].sum() == 1
        assert table.loc[4, "note"] == "band?"
        assert again.class_lut()[4] == 5
        assert again.protected_ids == {4}


def test_cells_of_edited_rows_are_protected_too(segmented):
    segmented.append_edit({"cell_ids": [2], "rows": [{"cell_id": 4, "class_id": 5}]})
    assert segmented.protected_ids == {2, 4}


def test_case_that_is_gone_gives_an_error(segmented):
    segmented.path.rename(segmented.path.with_name("elsewhere"))
    for read in (lambda: segmented.revision, segmented.table):
        with pytest.raises(CaseError, match="cannot be read"):
            read()


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"cell_ids": [999]}, "names cell 999"),
        ({"cell_ids": [1], "rows": [{"class_id": 1}]}, "names cell None"),
        ({"cell_ids": [1], "kind": "run"}, "'kind' itself"),
        ({"cell_ids": [1], "x": {1, 2}}, "not plain"),
    ],
)
def test_bad_edits_are_refused(segmented, record, message):
    revision = segmented.revision
    with pytest.raises(SettingsError, match=message):
        segmented.append_edit(record)
    assert Case.open(segmented.path).revision == revision


def test_readers_follow_a_writer(case, segmented):
    reader = Case.open(case.path)
    assert reader.revision == 0
    run = case.begin_run({"model": "a"}, N_TILES)
    revisions = [reader.revision]
    for tile in range(N_TILES):
        run.commit_tile(tile, *tile_of(tile))
        revisions.append(reader.revision)
        assert len(reader.table()) == len(case.table())
    assert revisions == list(range(1, N_TILES + 2))
    run.finish({"seconds": 1.5})
    assert_same_case(reader, segmented)


def test_one_writer_at_a_time(case):
    other = Case.open(case.path)
    case.begin_run({}, 1)
    with pytest.raises(CaseError, match=r"is being written by process \d+"):
        other.append_edit({"cell_ids": []})
    with pytest.raises(CaseError, match="is being written by"):
        other.begin_run({"v": 2}, 1)
    case.close()
    other.append_edit({"cell_ids": []})
    with pytest.raises(CaseError, match="is being written by"):
        case.append_edit({"cell_ids": []})
    other.close()
    case.append_edit({"cell_ids": []})
    assert case.revision == 3


def test_writer_keeps_what_another_one_wrote_before(case):
    other = Case.open(case.path)
    other.set_specimen("S-17")
    other.close()
    case.begin_run({}, 0).finish({})
    assert case.specimen == "S-17"
    assert Case.open(case.path).specimen == "S-17"


def test_threads_may_read_while_one_writes(case):
    run = case.begin_run({"model": "a"}, N_TILES)
    stop = threading.Event()
    lengths = []

    def poll():
        while not stop.is_set():
            lengths.append(len(case.table()))
            case.read_classes(whole(case))

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        for tile in range(N_TILES):
            run.commit_tile(tile, *tile_of(tile))
    finally:
        stop.set()
        thread.join()
    run.finish({})
    assert lengths == sorted(lengths)
    assert_consistent(case)


def test_existing_case_is_not_replaced_unasked(segmented, slide):
    n_cells = len(segmented.table())
    with pytest.raises(CaseError, match="exists; open it"):
        Case.create(segmented.path, slide)
    assert len(Case.open(segmented.path).table()) == n_cells


def test_overwriting_starts_empty_and_leaves_nothing_behind(segmented, slide):
    segmented.close()
    with Case.create(segmented.path, slide, overwrite=True) as case:
        assert len(case.table()) == 0
        assert case.begin_run({}, 1).number == 1
    assert list(case.path.parent.iterdir()) == [case.path]


def test_overwriting_keeps_a_copy_of_human_work(segmented, slide):
    segmented.append_edit({"cell_ids": [2]})
    segmented.close()
    table = segmented.table()
    Case.create(segmented.path, slide, overwrite=True)
    backup = segmented.path.with_name("segmented.bak-1.leukoseg.zarr")
    with Case.open(backup) as kept:
        assert kept.protected_ids == {2}
        assert kept.table().equals(table)


def test_overwriting_keeps_what_cannot_be_read(segmented, slide):
    segmented.close()
    (segmented.path / "leukoseg" / "zarr.json").write_text("{")
    Case.create(segmented.path, slide, overwrite=True)
    names = {path.name for path in segmented.path.parent.iterdir()}
    assert names == {"segmented.leukoseg.zarr", "segmented.bak-1.leukoseg.zarr"}


def test_case_in_use_is_not_overwritten(segmented, slide):
    segmented.append_edit({"cell_ids": []})
    with pytest.raises(CaseError, match="is being written by"):
        Case.create(segmented.path, slide, overwrite=True)


def test_what_is_no_case_is_never_overwritten(tmp_path, slide):
    folder = tmp_path / "x.leukoseg.zarr"
    folder.mkdir()
    (folder / "precious.txt").write_text("kept")
    with pytest.raises(CaseError, match="is not a case, so it is left alone"):
        Case.create(folder, slide, overwrite=True)
    assert (folder / "precious.txt").read_text() == "kept"


def test_failed_creation_leaves_nothing(tmp_path, slide, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_leukoseg.case.making.write_layout", full)
    with pytest.raises(CaseError, match="the disk is full"):
        Case.create(case_path(tmp_path, "x"), slide)
    assert list(tmp_path.iterdir()) == []


def test_output_folder_that_is_a_file(tmp_path, slide):
    (tmp_path / "out").write_text("")
    with pytest.raises(CaseError, match="cannot be written"):
        Case.create(case_path(tmp_path / "out", "x"), slide)


def test_journal_of_a_newer_program_is_refused(segmented):
    segmented.close()
    journal = segmented.path / "leukoseg" / "journal" / "journal.jsonl"
    with journal.open("a") as file:
        file.write('{"kind":"telepathy"}\n')
    with pytest.raises(CaseError, match=r"Record 9 .*'telepathy'.*update"):
        Case.open(segmented.path)
