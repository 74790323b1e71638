from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from napari_leukoseg.cells import differential
from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass, ClassScheme, Counting
from napari_leukoseg.errors import SettingsError

SCHEME = ClassScheme(
    (
        *DEFAULT_SCHEME,
        CellClass(7, "erythroblast", "7", "#800000", Counting.PER_100_WHITE_CELLS),
        CellClass(8, "smudge", "8", "#404040", Counting.NONE),
    )
)


def table_of(counts: dict[int, int]) -> pd.DataFrame:
    return pd.DataFrame({"class_id": [i for i, n in counts.items() for _ in range(n)]})


def by_id(result):
    return {c.class_id: c for c in result.classes}


def test_counts_by_the_rule_of_each_class():
    result = differential(table_of({1: 60, 2: 40, 7: 5, 8: 9}), SCHEME)
    classes = by_id(result)
    assert result.total == 100
    assert result.n_cells == 114
    assert classes[1].fraction == 0.6
    assert classes[1].per_100 == 60
    assert classes[3].count == classes[3].per_100 == 0
    assert classes[7].per_100 == 5
    assert classes[7].fraction is None
    assert classes[8].count == 9
    assert classes[8].per_100 is None


def test_intervals():
    classes = by_id(differential(table_of({1: 60, 2: 40, 7: 5}), SCHEME))
    interval = binomtest(60, 100).proportion_ci(0.95, "wilson")
    assert classes[1].per_100_low == pytest.approx(100 * interval.low)
    assert classes[1].per_100_high == pytest.approx(100 * interval.high)
    odds = binomtest(5, 105).proportion_ci(0.95, "wilson")
    assert classes[7].per_100_high == pytest.approx(100 * odds.high / (1 - odds.high))
    assert classes[8].per_100_low is None


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.integers(1, 8), st.integers(0, 40)))
def test_invariants(counts):
    result = differential(table_of(counts), SCHEME)
    fractions = [c.fraction for c in result.classes if c.fraction is not None]
    assert result.n_cells == sum(counts.values())
    assert len(result.classes) == len(SCHEME)
    assert sum(fractions) == pytest.approx(1 if result.total else 0)
    for c in result.classes:
        if c.per_100 is not None:
            assert 0 <= c.per_100_low <= c.per_100 + 1e-9
            assert c.per_100 <= c.per_100_high + 1e-9


@pytest.mark.parametrize("table", [pd.DataFrame(), table_of({}), table_of({8: 3})])
def test_no_white_cell_gives_no_fraction(table):
    result = differential(table, SCHEME)
    assert result.total == 0
    assert all(c.per_100 is None for c in result.classes)


def test_order_of_rows_does_not_matter():
    table = table_of({1: 3, 5: 2, 2: 7})
    assert differential(table, SCHEME) == differential(table[::-1], SCHEME)


def test_plain_data():
    data = differential(table_of({1: 1, 7: 1}), SCHEME).to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["classes"][0]["fraction"] == 1
    assert data["classes"][0]["counting"] == "differential"


def test_class_outside_the_scheme_is_named():
    with pytest.raises(SettingsError, match="class 9"):
        differential(table_of({9: 1}), SCHEME)
