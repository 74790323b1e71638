from __future__ import annotations

import json

import pytest
from PIL import Image

from napari_leukoseg.case import Case
from napari_leukoseg.cli.export import Target
from napari_leukoseg.correct import MarkReviewed
from napari_leukoseg.export import ExportFormat

FILES = {
    "ome-tiff": "x.ome.tif",
    "geojson": "x.geojson",
    "coco": "x.json",
    "csv": "x.csv",
    "parquet": "x.parquet",
    "ome-zarr": "x.ome.zarr",
}
FOLDERS = ("png", "crops", "training")


@pytest.fixture
def case_path(segment, field_png, tmp_path):
    """Case of the drawn field, with one reviewed cell, in ``out``."""
    assert segment(field_png).status == 0
    path = tmp_path / "out" / "field.leukoseg.zarr"
    with Case.open(path) as case:
        MarkReviewed((1,)).apply(case)
    return path


def test_every_format_has_its_name():
    assert [target.value for target in Target] == [f.value for f in ExportFormat]
    assert {f.value for f in ExportFormat if f.is_folder} == {*FOLDERS, "ome-zarr"}


def test_every_format(leukoseg, case_path, field_png, tmp_path):
    for to, name in FILES.items():
        out = tmp_path / "new" / name
        outcome = leukoseg("export", case_path, "--to", to, "--out", out)
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.out == f"{out}\n"
        assert out.exists()
    with Case.open(case_path) as case:
        n_cells = len(case.table())
    for to, n_pictures in zip(FOLDERS, (3, n_cells, 1), strict=True):
        out = tmp_path / "new" / to
        outcome = leukoseg(
            "export", case_path, "--to", to, "--out", out, "--slide", field_png
        )
        assert (outcome.status, outcome.err) == (0, "")
        assert f"{n_pictures} picture" in outcome.out
        assert len(list(out.rglob("*.png"))) == n_pictures


def test_slide_is_found_beside_the_case(leukoseg, case_path, field_png, tmp_path):
    arguments = ("export", case_path, "--to", "crops", "--out", tmp_path / "crops")
    outcome = leukoseg(*arguments)
    assert outcome.status == 1
    assert "'field.png'" in outcome.err
    assert "--slide FILE" in outcome.err
    (case_path.parent / "field.png").write_bytes(field_png.read_bytes())
    assert leukoseg(*arguments, "--margin", "0").status == 0
    Image.new("RGB", (400, 320)).save(case_path.parent / "field.png")
    outcome = leukoseg(*arguments, "--overwrite")
    assert outcome.status == 1
    assert "was changed since" in outcome.err


@pytest.mark.parametrize("to", ["geojson", "png", "crops", "training", "ome-zarr"])
def test_nothing_is_replaced_unasked(leukoseg, case_path, field_png, tmp_path, to):
    out = tmp_path / FILES.get(to, to)
    arguments = ("export", case_path, "--to", to, "--out", out, "--slide", field_png)
    assert leukoseg(*arguments).status == 0
    outcome = leukoseg(*arguments)
    assert outcome.status == 1
    assert "exists" in outcome.err
    assert "--overwrite" in outcome.err
    assert leukoseg(*arguments, "--overwrite").status == 0


def test_places_that_do_not_fit(leukoseg, case_path, tmp_path):
    outcome = leukoseg("export", case_path, "--to", "csv", "--out", tmp_path)
    assert outcome.status == 1
    assert "is a folder; give the name of a file" in outcome.err
    file = tmp_path / "file"
    file.write_text("")
    outcome = leukoseg("export", case_path, "--to", "png", "--out", file)
    assert outcome.status == 1
    assert "is a file; png needs a folder" in outcome.err


def test_wrong_usage(leukoseg, case_path, tmp_path):
    assert leukoseg("export", case_path, "--to", "svg", "--out", tmp_path).status == 2
    outcome = leukoseg(
        "export", tmp_path / "no.leukoseg.zarr", "--to", "csv", "--out", "x.csv"
    )
    assert outcome.status == 1
    assert "does not exist" in outcome.err


def test_exported_cells_are_those_of_the_case(leukoseg, case_path, tmp_path):
    out = tmp_path / "x.json"
    leukoseg("export", case_path, "--to", "coco", "--out", out)
    with Case.open(case_path) as case:
        ids = case.table()["cell_id"].tolist()
    annotations = json.loads(out.read_text(encoding="utf-8"))["annotations"]
    assert sorted(annotation["id"] for annotation in annotations) == ids
