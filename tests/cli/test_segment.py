from __future__ import annotations

import csv
import shutil
import tempfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_leukoseg.case import Case
from napari_leukoseg.cli import batch
from napari_leukoseg.cli.segment import Device
from napari_leukoseg.geometry import Region
from napari_leukoseg.segment.device import DEVICES
from napari_leukoseg.segment.screening import ScreenSettings
from napari_leukoseg.synthetic import SmearSettings, write_field

if TYPE_CHECKING:
    from pathlib import Path

MANY_TILES = ("--cell-diameter", 7)
"""Makes a run of several tiles of the small field."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return the output folder of `segment`."""
    return tmp_path / "out"


@pytest.fixture
def slides(tmp_path: Path, field_png: Path) -> Path:
    """Return a folder with one slide."""
    folder = tmp_path / "slides"
    folder.mkdir()
    shutil.copy(field_png, folder / "x.png")
    return folder


def draw(path: Path, seed: int) -> Path:
    """Draw another field."""
    for _ in write_field(path, SmearSettings((200, 200), seed=seed)):
        pass
    return path


def names(folder: Path) -> list[str]:
    """Return what a folder holds."""
    return sorted(path.name for path in folder.iterdir())


def content(path: Path):
    """Return labels, table and edited cells of a case."""
    with Case.open(path) as case:
        whole = Region.of_shape(case.shape)
        labels = [case.read_labels(n, whole) for n in ("nucleus", "cytoplasm")]
        return np.stack(labels), case.table(), case.protected_ids


def test_devices_are_those_of_the_segmenter():
    assert tuple(Device) == DEVICES


def test_every_format(segment, slides, out):
    outcome = segment(slides, "--format", "case,tiff,csv,overlay")
    assert (outcome.status, outcome.err) == (0, "")
    results = ("cells.csv", "class.tif", "cytoplasm.tif", "nucleus.tif", "overlay.png")
    assert names(out) == ["x.leukoseg.zarr", *(f"x_{name}" for name in results)]
    assert outcome.out.count("\n") == 1
    labels, table, _ = content(out / "x.leukoseg.zarr")
    assert f"x.png: {len(table)} cells" in outcome.out
    for plane, name in zip(labels, ("nucleus", "cytoplasm"), strict=True):
        written = tifffile.imread(out / f"x_{name}.tif")
        assert written.dtype == np.uint32
        np.testing.assert_array_equal(written, plane)
    classes = tifffile.imread(out / "x_class.tif")
    assert classes.dtype == np.uint8
    np.testing.assert_array_equal(classes > 0, labels.max(axis=0) > 0)
    with (out / "x_cells.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0][0] == "cell_id"
    assert [int(row[0]) for row in rows[1:]] == list(table["cell_id"])


@pytest.mark.parametrize(
    ("options", "is_searched"), [((), True), (("--no-screen",), False)]
)
def test_large_slides_are_searched_unless_told_not_to(
    segment, field_png, out, monkeypatch, options, is_searched
):
    monkeypatch.setattr(ScreenSettings, "applies_to", lambda self, area: True)
    assert segment(field_png, *options).status == 0
    with Case.open(out / "field.leukoseg.zarr") as case:
        settings = case.provenance[-1]["settings"]
    assert (settings["screen"] is not None) == is_searched


@pytest.mark.parametrize(("options", "n_looks"), [((), 4), (("--no-close-look",), 1)])
def test_small_pictures_are_looked_at_closely_unless_told_not_to(
    segment, field_png, out, options, n_looks
):
    assert segment(field_png, *options).status == 0
    with Case.open(out / "field.leukoseg.zarr") as case:
        settings = case.provenance[-1]["settings"]
    assert settings["n_looks"] == n_looks


def test_finds_the_drawn_cells(segment, field_png, drawn_field, out):
    segment(field_png)
    labels, _, _ = content(out / "field.leukoseg.zarr")
    is_nucleus, truth = labels[0] > 0, drawn_field.nucleus > 0
    assert 2 * (is_nucleus & truth).sum() / (is_nucleus.sum() + truth.sum()) > 0.8


def test_results_in_the_folder_are_not_segmented_again(segment, slides, out):
    formats = ("--format", "case,tiff,csv,overlay")
    segment(slides, *formats, "--out", slides)
    first = names(slides)
    outcome = segment(slides, *formats, "--out", slides)
    assert (outcome.status, names(slides)) == (0, first)
    assert segment(slides / "x_overlay.png").status == 1


def test_case_is_temporary_where_none_is_asked_for(
    segment, slides, out, tmp_path, monkeypatch
):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert segment(slides, "--format", "csv").status == 0
    assert names(out) == ["x_cells.csv"]
    assert names(tmp_path / "temporary") == []


def test_files_that_may_be_another_slides_are_kept(segment, slides, out):
    out.mkdir()
    (out / "x_cells.csv").write_text("mine")
    outcome = segment(slides, "--format", "case,csv")
    assert outcome.status == 1
    assert str(out / "x_cells.csv") in outcome.err
    assert names(out) == ["x_cells.csv"]
    assert (out / "x_cells.csv").read_text() == "mine"
    assert segment(slides, "--format", "case,csv", "--overwrite").status == 0
    assert (out / "x_cells.csv").read_text().startswith("cell_id")


def test_files_beside_the_case_of_the_slide_are_written_anew(segment, slides, out):
    segment(slides)
    (out / "x_cells.csv").write_text("old")
    assert segment(slides, "--format", "csv").status == 0
    assert (out / "x_cells.csv").read_text().startswith("cell_id")


def test_same_stem_gets_a_number(segment, slides, out):
    draw(slides / "x.tif", 1)
    assert segment(slides).status == 0
    assert names(out) == ["x.leukoseg.zarr", "x_2.leukoseg.zarr"]
    with Case.open(out / "x_2.leukoseg.zarr") as case:
        assert case.source_name == "x.tif"


def test_case_of_another_slide_is_left_alone(segment, slides, out):
    segment(slides)
    before = content(out / "x.leukoseg.zarr")
    other = draw(slides / "x.png", 1)
    outcome = segment(other)
    assert outcome.status == 1
    assert "x.leukoseg.zarr belongs to the slide 'x.png'" in outcome.err
    np.testing.assert_array_equal(content(out / "x.leukoseg.zarr")[0], before[0])


def test_edited_cells_stay(segment, slides, out):
    segment(slides)
    path = out / "x.leukoseg.zarr"
    labels, table, _ = content(path)
    cell_id = int(table["cell_id"].iloc[0])
    with Case.open(path) as case:
        case.append_edit(
            {"cell_ids": [cell_id], "rows": [{"cell_id": cell_id, "class_id": 5}]}
        )
    assert segment(slides, "--cell-diameter", 50).status == 0
    again, new_table, _ = content(path)
    np.testing.assert_array_equal(again == cell_id, labels == cell_id)
    assert new_table.set_index("cell_id").loc[cell_id, "class_id"] == 5
    assert len(new_table) > 1


def test_overwriting_keeps_a_copy_of_edited_work(segment, slides, out):
    segment(slides)
    path = out / "x.leukoseg.zarr"
    with Case.open(path) as case:
        case.append_edit({"cell_ids": [1]})
    assert segment(slides, "--overwrite").status == 0
    assert names(out) == ["x.bak-1.leukoseg.zarr", "x.leukoseg.zarr"]
    assert content(path)[2] == frozenset()
    assert content(out / "x.bak-1.leukoseg.zarr")[2] == {1}


def test_stopped_run_goes_on_with_the_same_command(segment, slides, out, tmp_path):
    segment(slides, *MANY_TILES, "--out", tmp_path / "undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 3)
        outcome = segment(slides, *MANY_TILES, "--format", "case,csv")
    assert outcome.status == 130
    assert "resumes" in outcome.err
    assert names(out) == ["x.leukoseg.zarr"]
    with Case.open(out / "x.leukoseg.zarr") as case:
        assert case.provenance[-1]["finished"] is None
    assert segment(slides, *MANY_TILES, "--format", "case,csv").status == 0
    labels, table, _ = content(out / "x.leukoseg.zarr")
    wanted, wanted_table, _ = content(tmp_path / "undisturbed" / "x.leukoseg.zarr")
    np.testing.assert_array_equal(labels, wanted)
    assert table.equals(wanted_table)
    with Case.open(out / "x.leukoseg.zarr") as case:
        assert len(case.provenance) == 1


def test_stopped_without_a_case_leaves_nothing(segment, slides, out, monkeypatch):
    stop_after(monkeypatch, 1)
    outcome = segment(slides, "--format", "csv")
    assert outcome.status == 130
    assert "with case in --format" in outcome.err
    assert names(out) == []


def stop_after(monkeypatch: pytest.MonkeyPatch, n_steps: int) -> None:
    """Press Ctrl-C when so many steps of a run are done."""
    original = batch.segment_slide

    def stopped(*arguments):
        steps = original(*arguments)
        try:
            for _ in range(n_steps):
                yield next(steps)
        finally:
            steps.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "segment_slide", stopped)


def test_bad_files_do_not_stop_the_rest(segment, slides, out):
    (slides / "text.svs").write_text("no slide")
    (slides / "empty.tif").touch()
    whole = (slides / "x.png").read_bytes()
    (slides / "cut.png").write_bytes(whole[: len(whole) // 3])
    Image.new("RGB", (1, 1)).save(slides / "dot.png")
    outcome = segment(slides, slides / "missing.png")
    assert outcome.status == 1
    assert "2 of 6 segmented" in outcome.out
    for name in ("text.svs", "empty.tif", "cut.png", "missing.png"):
        assert f"\nerror: {name}" in "\n" + outcome.err
    assert "4 failed: cut.png, empty.tif, text.svs, missing.png" in outcome.err
    assert names(out) == ["dot.leukoseg.zarr", "x.leukoseg.zarr"]


def test_fault_of_ours_does_not_stop_the_rest(
    segment, slides, out, monkeypatch, caplog
):
    draw(slides / "y.png", 1)
    original = batch.segment_slide

    def faulty(slide, *arguments):
        if slide.path.name == "x.png":
            raise ZeroDivisionError
        return original(slide, *arguments)

    monkeypatch.setattr(batch, "segment_slide", faulty)
    outcome = segment(slides)
    assert outcome.status == 1
    assert "error: x.png: unexpected ZeroDivisionError" in outcome.err
    assert "y.png: " in outcome.out
    assert caplog.records[0].exc_info


def test_region_limits_where_cells_are(segment, field_png, out):
    assert segment(field_png, "--region", "0,200,320,400").status == 0
    _, table, _ = content(out / "field.leukoseg.zarr")
    assert len(table) > 0
    assert (table["centroid_column_px"] >= 200).all()


def test_region_outside_is_explained_and_leaves_nothing(segment, field_png, out):
    outcome = segment(field_png, "--region", "0,0,321,400")
    assert outcome.status == 1
    assert "320 rows and 400 columns" in " ".join(outcome.err.split())
    assert names(out) == []


def test_pixel_size_of_the_case_counts_in_later_runs(segment, slides, out):
    segment(slides, "--mpp", 0.3)
    with Case.open(out / "x.leukoseg.zarr") as case:
        assert case.mpp == 0.3
    assert segment(slides).status == 0
    with Case.open(out / "x.leukoseg.zarr") as case:
        assert len(case.provenance) == 1  # the same run, finished before
    outcome = segment(slides, "--mpp", 0.2)
    assert outcome.status == 1
    assert "made with 0.3 µm per pixel" in outcome.err
    assert segment(slides, "--mpp", 0.2, "--overwrite").status == 0


def test_picture_without_cells(segment, tmp_path, out):
    Image.new("RGB", (300, 200), (245, 240, 235)).save(tmp_path / "blank.png")
    outcome = segment(tmp_path / "blank.png", "--format", "case,tiff,csv,overlay")
    assert outcome.status == 0
    assert "blank.png: 0 cells" in outcome.out
    assert "note: blank.png: No white cell was seen" in outcome.err
    assert len(names(out)) == 6


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "jpeg"),
        ("--region", "1,2,3"),
        ("--mpp", "72"),
        ("--cell-diameter", "-3"),
        ("--cell-diameter", "nan"),
        ("--device", "tpu"),
    ],
)
def test_wrong_usage_stops_before_anything_is_made(segment, slides, out, arguments):
    outcome = segment(slides, *arguments)
    assert outcome.status == 2
    assert arguments[0] in outcome.err or "Usage" in outcome.err
    assert not out.exists()


def test_wrong_model_is_one_line(segment, slides, color_model, tmp_path):
    altered = tmp_path / "altered"
    shutil.copytree(color_model, altered)
    with (altered / "weights.safetensors").open("ab") as file:
        file.write(b"x")
    pickle = tmp_path / "model.pth"
    pickle.touch()
    for model in (altered, pickle, tmp_path, "no-such-model"):
        outcome = segment(slides, "--model", model)
        assert outcome.status == 1
        assert outcome.err.startswith("error: ")
        assert outcome.err.count("\n") == 1


def test_output_folder_that_cannot_be_made(segment, slides):
    outcome = segment(slides, "--out", slides / "x.png" / "out")
    assert outcome.status == 1
    assert "cannot be written to" in outcome.err


def test_stain_is_standardized_and_recorded(
    leukoseg, field_png: Path, out: Path, color_model: Path
):
    command = ("segment", field_png, "--out", out, "--model", color_model)
    outcome = leukoseg(*command, "--stain", "reinhard:jtsc")
    assert outcome.status == 0, outcome.err
    with Case.open(out / "field.leukoseg.zarr") as case:
        stain = case.provenance[-1]["settings"]["stain"]
    assert stain["title"] == "Reinhard → jtsc"
    assert leukoseg(*command, "--stain", "none").status == 0
    with Case.open(out / "field.leukoseg.zarr") as case:
        assert case.provenance[-1]["settings"]["stain"] is None


def test_stain_is_estimated_from_another_picture(
    leukoseg, field_png: Path, out: Path, color_model: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (90, 80), (250, 240, 245)).save(tmp_path / "empty.png")
    command = ("segment", tmp_path / "empty.png", "--out", out, "--model", color_model)
    plain = leukoseg(*command, "--stain", "reinhard")
    assert plain.status == 1
    assert "--estimate-from" in plain.err
    lent = ("--estimate-from", field_png)
    assert leukoseg(*command, "--stain", "reinhard", *lent).status == 0
    with Case.open(out / "empty.leukoseg.zarr") as case:
        stain = case.provenance[-1]["settings"]["stain"]
    assert stain["title"].endswith("estimated from field.png")
    refused = leukoseg(*command, *lent)
    assert refused.status == 2
    assert "name the method" in " ".join(refused.err.split())


@pytest.mark.parametrize(
    ("stain", "status", "said"),
    [
        ("bleach", 2, "There is no stain method"),
        ("retinex:jtsc", 2, "takes no reference"),
        ("macenko:nowhere", 1, "no stain reference"),
    ],
)
def test_a_stain_that_is_not_there_is_told(
    leukoseg, field_png: Path, out: Path, stain: str, status: int, said: str
):
    outcome = leukoseg("segment", field_png, "--out", out, "--stain", stain)
    assert outcome.status == status
    assert said in " ".join(outcome.err.replace("│", " ").split())
    assert not out.exists()


def test_a_slide_without_cells_fails_alone(
    leukoseg, slides: Path, out: Path, color_model: Path
):
    Image.new("RGB", (60, 50), "white").save(slides / "white.png")
    outcome = leukoseg(
        "segment", slides, "--out", out, "--model", color_model, "--stain", "macenko"
    )
    assert outcome.status == 1
    assert "white.png" in outcome.err
    assert "1 of 2 segmented" in outcome.out
