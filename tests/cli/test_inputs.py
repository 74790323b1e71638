from __future__ import annotations

import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_leukoseg.cli.inputs import collect_slides, is_result, refuse_result
from napari_leukoseg.errors import SlideError
from napari_leukoseg.export.files import SOFTWARE


def draw(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)


def names(paths):
    return [path.name for path in paths]


def test_folder_gives_its_slides_by_name(tmp_path):
    draw(tmp_path / "b.png", tmp_path / "A.JPG", tmp_path / "sub" / "c.png")
    draw(tmp_path / ".hidden.png", tmp_path / "z.tif")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "cells.csv").write_text("cell_id")
    assert names(collect_slides([tmp_path])) == ["A.JPG", "b.png", "z.tif"]


def test_each_slide_comes_once_in_the_order_given(tmp_path):
    draw(tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png")
    given = [
        tmp_path / "c.png",
        tmp_path,
        tmp_path / "a.png",
        tmp_path / "sub" / ".." / "b.png",
    ]
    assert names(collect_slides(given)) == ["c.png", "a.png", "b.png"]


def test_files_are_taken_as_they_are(tmp_path):
    given = [tmp_path / "missing.svs", tmp_path / "notes.txt"]
    assert collect_slides(given) == given


def test_folder_without_slides_stays_to_be_explained(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    assert collect_slides([tmp_path]) == [tmp_path]


def test_zarr_is_a_slide_and_a_case_is_not(tmp_path):
    for name in ("s.ome.zarr", "old.zarr", "s.leukoseg.zarr", "empty.zarr"):
        (tmp_path / name).mkdir()
    (tmp_path / "s.ome.zarr" / "zarr.json").write_text("{}")
    (tmp_path / "old.zarr" / ".zattrs").write_text("{}")
    (tmp_path / "s.leukoseg.zarr" / "zarr.json").write_text("{}")
    assert names(collect_slides([tmp_path])) == ["old.zarr", "s.ome.zarr"]
    slide = tmp_path / "s.ome.zarr"
    assert collect_slides([slide]) == [slide]


def test_folder_of_dicom_files_is_one_slide(tmp_path):
    for name in ("1.dcm", "2.dcm"):
        (tmp_path / name).touch()
    assert collect_slides([tmp_path]) == [tmp_path]


def test_pictures_that_belong_to_a_parted_slide_are_left_out(tmp_path):
    draw(tmp_path / "s_macro.jpg", tmp_path / "s(1,0).jpg", tmp_path / "other.jpg")
    (tmp_path / "s.vms").touch()
    assert names(collect_slides([tmp_path])) == ["other.jpg", "s.vms"]


@pytest.mark.parametrize("source", ["x.svs", "x.ome.tif", "x.leukoseg.zarr"])
@pytest.mark.parametrize(
    "end", ["nucleus.tif", "cytoplasm.tif", "class.tif", "overlay.png"]
)
def test_result_is_known_by_what_lies_beside(tmp_path, source, end):
    result = tmp_path / f"x_{end}"
    draw(result)
    assert not is_result(result)
    (tmp_path / source).mkdir()
    assert is_result(result)


def test_result_is_known_by_its_software_tag(tmp_path):
    result, slide = tmp_path / "x_class.tif", tmp_path / "x.tif"
    tifffile.imwrite(result, np.zeros((8, 8), np.uint8), software=SOFTWARE)
    shutil.copy(result, slide)  # drawn slides carry the tag too
    assert is_result(result)
    assert not is_result(slide)
    with pytest.raises(SlideError, match=r"x_class\.tif was written"):
        refuse_result(result)
    refuse_result(slide)


def test_missing_file_is_no_result(tmp_path):
    assert not is_result(tmp_path / "x_class.tif")
