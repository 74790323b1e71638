from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from napari_leukoseg.cells import CountSettings, differential
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


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        # From Ruemke's tables, which laboratories know.
        (0, 100, 0.0, 3.6),
        (7, 100, 2.9, 13.9),
        (50, 100, 39.8, 60.2),
        (14, 200, 3.9, 11.5),
        (35, 500, 4.9, 9.6),
        (100, 100, 96.4, 100.0),
    ],
)
def test_intervals_are_those_of_the_tables(count, total, low, high):
    found = by_id(differential(table_of({3: count, 1: total - count}), SCHEME))[3]
    assert round(found.per_100_low, 1) == low
    assert round(found.per_100_high, 1) == high


def test_intervals_by_their_definition():
    """Beyond an end, what was counted has a chance of less than 2.5 %."""
    found = by_id(differential(table_of({1: 60, 2: 40, 7: 5}), SCHEME))
    low, high = found[1].per_100_low / 100, found[1].per_100_high / 100
    assert binom.sf(59, 100, low) == pytest.approx(0.025)
    assert binom.cdf(60, 100, high) == pytest.approx(0.025)
    odds = found[7].per_100_high / 100
    assert binom.cdf(5, 105, odds / (1 + odds)) == pytest.approx(0.025)
    assert found[8].per_100_low is None


def test_absolute_counts():
    settings = CountSettings(total_wbc=8.0)
    found = by_id(differential(table_of({1: 60, 2: 40, 7: 5, 8: 2}), SCHEME, settings))
    assert found[1].absolute == pytest.approx(4.8)
    assert found[1].absolute_low == pytest.approx(0.08 * found[1].per_100_low)
    assert found[7].absolute == pytest.approx(0.4)
    assert found[8].absolute is None
    assert by_id(differential(table_of({1: 6}), SCHEME))[1].absolute is None


def test_reminders():
    table = table_of({1: 3, 6: 2, 8: 1})
    table["reviewed"] = [True, True, False, True, False, True]
    found = differential(table, SCHEME)
    assert (found.n_unreviewed, found.n_unclassified) == (2, 2)
    assert found.reminders == (
        "2 of 6 cells are not reviewed.",
        "2 of 5 white cells have no class.",
    )
    done = table.assign(reviewed=True, class_id=[1, 1, 1, 2, 2, 8])
    assert differential(done, SCHEME).reminders == ()


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
