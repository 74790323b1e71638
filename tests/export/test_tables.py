from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from napari_leukoseg.cells import COLUMNS
from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass, ClassScheme
from napari_leukoseg.errors import ExportError
from napari_leukoseg.export import write_cell_csv, write_cell_parquet

CELLS = [((40, 50), 20, 1), ((90, 90), 15, 3), ((0, 120), 12, 2)]


@pytest.mark.parametrize("mpp", [None, 0.1])
def test_csv_holds_the_table(make_case, tmp_path, mpp):
    case = make_case((130, 150), CELLS, mpp=mpp).case
    path = tmp_path / "out" / "x_cells.csv"
    write_cell_csv(case, path)
    found = pd.read_csv(path)
    assert list(found) == [*COLUMNS[:2], "class_name", *COLUMNS[2:]]
    assert list(found["class_name"]) == ["neutrophil", "monocyte", "lymphocyte"]
    table = case.table()
    assert list(found["cell_id"]) == list(table["cell_id"])
    for name in COLUMNS:
        np.testing.assert_allclose(
            found[name].to_numpy(float), table[name].to_numpy(float), rtol=1e-7
        )
    assert found["cell_area_um2"].isna().all() == (mpp is None)


@pytest.mark.parametrize("cells", [CELLS, []])
def test_parquet_holds_the_table(make_case, tmp_path, cells):
    case = make_case((130, 150), cells, mpp=0.1).case
    path = tmp_path / "out" / "x.parquet"
    write_cell_parquet(case, path)
    found = pyarrow.parquet.read_table(path)
    table = case.table()
    assert found.column_names[:3] == ["cell_id", "class_id", "class_name"]
    assert found.num_rows == len(table)
    for name in table:
        np.testing.assert_array_equal(found[name].to_numpy(), table[name], name)
    write_cell_csv(case, tmp_path / "x.csv")
    assert found.column_names == list(pd.read_csv(tmp_path / "x.csv"))


def test_parquet_without_its_library(make_case, tmp_path, monkeypatch):
    case = make_case((20, 20)).case
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExportError, match=r'pip install "napari-leukoseg\[parquet\]"'):
        write_cell_parquet(case, tmp_path / "x.parquet")
    assert not list(tmp_path.glob("*.parquet*"))


def test_no_cell_gives_the_header(make_case, tmp_path):
    path = tmp_path / "x_cells.csv"
    write_cell_csv(make_case((20, 20)).case, path)
    (header,) = path.read_text(encoding="utf-8").splitlines()
    names = header.split(",")
    assert names[:3] == ["cell_id", "class_id", "class_name"]
    assert "nucleus_lobes" in names


def test_own_class_names_are_utf8(make_case, tmp_path):
    scheme = ClassScheme(
        (CellClass(1, "нейтрофил, β", "1", "#ff0000"), *tuple(DEFAULT_SCHEME)[1:])
    )
    path = tmp_path / "x_cells.csv"
    write_cell_csv(make_case((130, 150), CELLS[:1], scheme=scheme).case, path)
    found = pd.read_csv(path, encoding="utf-8")
    assert found["class_name"][0] == "нейтрофил, β"
    assert found["probability_нейтрофил, β"][0] == 0.8
    assert b"\r" not in path.read_bytes()


def test_folder_that_cannot_be_made_is_named(make_case, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ExportError, match=r"x\.csv .*out"):
        write_cell_csv(make_case((9, 9)).case, tmp_path / "out" / "x.csv")
