from __future__ import annotations

import pytest

from napari_leukoseg.cli.outputs import Format, Outputs, parse_formats, prepare_folder
from napari_leukoseg.errors import ExportError, SettingsError


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        ("case", {Format.CASE}),
        ("tiff, CSV ,tiff", {Format.TIFF, Format.CSV}),
        ("case,tiff,csv,overlay", set(Format)),
    ],
)
def test_formats_are_read(text, formats):
    assert parse_formats(text) == formats


@pytest.mark.parametrize("text", ["", ",", "png", "case,,jpeg", "case tiff"])
def test_unknown_format_is_named(text):
    with pytest.raises(SettingsError, match="one or more of case,tiff,csv,overlay"):
        parse_formats(text)


def test_files_have_the_names_that_the_manual_gives(tmp_path):
    outputs = Outputs(tmp_path, "x", frozenset(Format))
    assert outputs.case == tmp_path / "x.leukoseg.zarr"
    ends = ["nucleus.tif", "cytoplasm.tif", "class.tif", "cells.csv", "overlay.png"]
    assert [path.name for path in outputs.files] == [f"x_{end}" for end in ends]
    assert Outputs(tmp_path, "x", frozenset({Format.CASE})).files == []


def test_file_in_the_way_is_named(tmp_path):
    outputs = Outputs(tmp_path, "x", frozenset({Format.CSV}))
    outputs.check_free()
    (tmp_path / "x_cells.csv").touch()
    with pytest.raises(ExportError, match=r"x_cells\.csv exists.*--overwrite"):
        outputs.check_free()


def test_folder_is_made_and_left_empty(tmp_path):
    prepare_folder(tmp_path / "new" / "deep")
    assert list((tmp_path / "new" / "deep").iterdir()) == []


def test_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match=r"file.*cannot be written to"):
        prepare_folder(tmp_path / "file" / "deep")
