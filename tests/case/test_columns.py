import math

import numpy as np
import pandas as pd
import pytest

from napari_leukoseg.case.columns import CellColumns, plain_row
from napari_leukoseg.errors import SettingsError


def columns_of(rows):
    cells = CellColumns()
    for index, row in enumerate(rows, start=1):
        cells.append(index, plain_row(row))
    return cells


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([True, False], "bool", [True, False]),
        ([1, 2], "int64", [1, 2]),
        ([1, 2.5], "float64", [1.0, 2.5]),
        ([True, 3], "int64", [1, 3]),
        ([1, None], "float64", [1.0, math.nan]),
        ([math.inf, 1.0], "float64", [math.nan, 1.0]),
        ([None, None], "float64", [math.nan, math.nan]),
        ([True, None], "boolean", [True, None]),
    ],
)
def test_dtype_follows_the_values(values, dtype, expected):
    series = columns_of([{"v": value} for value in values]).to_frame()["v"]
    pd.testing.assert_series_equal(series, pd.Series(expected, dtype=dtype, name="v"))


def test_text_column():
    cells = columns_of([{"v": "a"}, {}, {"v": "b"}])
    series = cells.to_frame()["v"]
    assert series.tolist()[::2] == ["a", "b"]
    assert series.isna().tolist() == [False, True, False]


def test_numbers_that_meet_text_become_text():
    cells = columns_of([{"v": 1}, {"v": "b"}, {}, {"v": 2.5}])
    assert list(cells.values("v")) == ["1", "b", None, "2.5"]


def test_columns_keep_their_order_and_private_ones_are_hidden():
    cells = columns_of([{"b": 1, "_x": 2, "a": 3}, {"c": 1, "a": 2}])
    assert cells.to_frame().columns.tolist() == ["cell_id", "b", "a", "c"]
    assert cells.values("_x")[0] == 2


def test_update_and_remove():
    cells = columns_of([{"v": index, "t": str(index)} for index in range(5)])
    cells.update(2, {"v": 20, "t": "twenty", "new": True})
    cells.remove([1, 4, 99])
    frame = cells.to_frame()
    assert frame["cell_id"].tolist() == [2, 3, 5]
    assert frame["v"].tolist() == [20, 2, 4]
    assert frame["t"].tolist() == ["twenty", "2", "4"]
    assert frame["new"][0]
    assert frame["new"].isna().tolist() == [False, True, True]
    assert 3 in cells
    assert 1 not in cells
    cells.append(7, {"v": 70})
    assert cells.ids.tolist() == [2, 3, 5, 7]


def test_rows_come_back_as_they_were_put():
    rows = [
        {"i": 1, "f": 0.1 + 0.2, "b": True, "t": "ä", "gap": None},
        {"i": None, "f": 2.0, "b": False, "t": None, "gap": 3},
    ]
    cells = columns_of(rows)
    assert [cells.row(1), cells.row(2)] == rows
    assert [type(value) for value in cells.row(1).values()][:4] == [
        int,
        float,
        bool,
        str,
    ]
    assert cells.value(1, "f") == 0.1 + 0.2
    assert cells.value(1, "unknown") is None


def test_empty_columns_are_dropped():
    cells = columns_of([{"a": 1, "b": None, "t": "x"}, {"a": None, "b": None}])
    cells.update(1, {"a": None, "t": None})
    cells.drop_empty(["b", "t", "unknown"])
    assert cells.to_frame().columns.tolist() == ["cell_id", "a"]


@pytest.mark.parametrize("n_removed", [0, 1, 8, 9, 20])
def test_removing_few_or_many_gives_the_same(n_removed):
    rows = [{"v": index, "t": str(index), "f": index / 3} for index in range(20)]
    cells = columns_of(rows)
    gone = np.random.default_rng(0).permutation(20)[:n_removed] + 1
    cells.remove(gone)
    kept = [i for i in range(1, 21) if i not in gone]
    assert cells.ids.tolist() == kept
    for cell_id in kept:
        assert cells.row(cell_id) == rows[cell_id - 1]


def test_empty_table():
    frame = CellColumns().to_frame()
    assert frame.columns.tolist() == ["cell_id"]
    assert frame["cell_id"].dtype == np.int64
    assert len(CellColumns().values("anything")) == 0


@pytest.mark.parametrize("value", [[1], {"a": 1}, 1j, np.zeros(2), b"x"])
def test_values_that_are_no_scalars_are_refused(value):
    with pytest.raises(SettingsError, match="'v' is of type"):
        plain_row({"v": value})
