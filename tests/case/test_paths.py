from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_leukoseg.case import case_path, is_case, slide_stem, unique_stems
from napari_leukoseg.case.paths import backup_path


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("x.png", "x"),
        ("x.ome.tif", "x"),
        ("x.OME.TIFF", "x"),
        ("x.ome.zarr", "x"),
        ("x.leukoseg.zarr", "x"),
        ("folder.svs/x.zarr/", "x"),
        ("a.b.svs", "a.b"),
        ("series", "series"),
        (".hidden.png", ".hidden"),
        ("ome.tif", "ome"),
    ],
)
def test_slide_stem(name, stem):
    assert slide_stem(name) == stem
    assert slide_stem(Path(name)) == stem


def test_second_input_of_a_stem_is_numbered():
    paths = ["a/x.png", "b/x.ome.tif", "y.svs", "c/X.svs", "x_2.png"]
    assert unique_stems(paths) == ["x", "x_2", "y", "X_3", "x_2_2"]


@given(st.lists(st.sampled_from(["x.png", "X.tif", "x_2.png", "x_2_2.svs", "y.png"])))
def test_stems_are_unique_and_deterministic(paths):
    stems = unique_stems(paths)
    assert len({stem.casefold() for stem in stems}) == len(paths)
    assert stems == unique_stems(paths)
    assert unique_stems(paths[:3]) == stems[:3]


def test_case_path_and_backups(tmp_path):
    path = case_path(tmp_path, "x.y")
    assert path == tmp_path / "x.y.leukoseg.zarr"
    assert not is_case(path)
    first = backup_path(path)
    first.mkdir()
    assert first.name == "x.y.bak-1.leukoseg.zarr"
    assert backup_path(path).name == "x.y.bak-2.leukoseg.zarr"
