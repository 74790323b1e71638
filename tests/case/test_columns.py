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


def test_empty_table():
    frame = CellColumns().to_frame()
    assert frame.columns.tolist() == ["cell_id"]
    assert frame["cell_id"].dtype == np.int64
    assert len(CellColumns().values("anything")) == 0


@pytest.mark.parametrize("value", [[1], {"a": 1}, 1j, np.zeros(2), b"x"])
def test_values_that_are_no_scalars_are_refused(value):
    with pytest.raises(SettingsError, match="'v' is of type"):
        plain_row({"v": value})
