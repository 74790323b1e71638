from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_leukoseg.cells import CountSettings, Order, differential
from napari_leukoseg.cells.differential_cells import choose_cells, scan_order
from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass, ClassScheme, Counting
from napari_leukoseg.errors import SettingsError

SCHEME = ClassScheme(
    (
        *DEFAULT_SCHEME,
        CellClass(7, "erythroblast", "7", "#800000", Counting.PER_100_WHITE_CELLS),
        CellClass(8, "smudge", "8", "#404040", Counting.NONE),
    )
)
COUNTED = range(1, 7)


def table_at(places, classes=None):
    rows, columns = np.array(places, float).reshape(-1, 2).T
    return pd.DataFrame(
        {
            "cell_id": np.arange(1, len(rows) + 1),
            "class_id": 1 if classes is None else classes,
            "centroid_row_px": rows,
            "centroid_column_px": columns,
            "cell_diameter_px": 50.0,
            "reviewed": False,
        }
    )


def random_table(seed, n_cells):
    rng = np.random.default_rng(seed)
    classes = rng.integers(1, 9, n_cells)
    return table_at(rng.uniform(0, 9000, (n_cells, 2)), classes)


def chosen_ids(table, **asked):
    settings = CountSettings(**asked)
    return choose_cells(table, COUNTED, settings)["cell_id"].tolist()


def test_meander_turns_at_each_strip():
    # Strips are 900 px high: 18 diameters of 50.
    places = [(10, 800), (890, 20), (910, 30), (1790, 900), (1810, 5), (20, 400)]
    assert (1 + scan_order(table_at(places))).tolist() == [2, 6, 1, 4, 3, 5]


def test_strips_follow_the_pixel_size():
    places = [(300, 10), (500, 20), (500, 400)]
    assert scan_order(table_at(places), mpp=0.1).tolist() == [0, 1, 2]  # 2200 px
    assert scan_order(table_at(places), mpp=0.5).tolist() == [0, 2, 1]  # 440 px


@given(st.integers(0, 99), st.integers(0, 60), st.integers(1, 70))
def test_as_many_white_cells_as_asked_for(seed, n_cells, count):
    table = random_table(seed, n_cells)
    for order in ("scan", "random"):
        found = differential(table, SCHEME, CountSettings(count, order))
        n_white = int(table["class_id"].isin(COUNTED).sum())
        assert found.n_available == n_white
        assert found.total == min(count, n_white)
        assert len(found.reminders) == (
            (n_white < count) + (found.n_unreviewed > 0) + (found.n_unclassified > 0)
        )


@pytest.mark.parametrize("order", ["scan", "random"])
def test_more_cells_begin_with_the_same_ones(order):
    table = random_table(1, 300)
    few, many = (chosen_ids(table, count=n, order=order) for n in (50, 200))
    assert many[: len(few)] == few
    assert (
        chosen_ids(table.sample(frac=1, random_state=0), count=50, order=order) == few
    )


def test_counting_ends_with_a_white_cell():
    table = table_at([(0, i) for i in range(6)], [7, 1, 8, 7, 2, 7])
    assert chosen_ids(table, count=2) == [1, 2, 3, 4, 5]
    found = differential(table, SCHEME, CountSettings(2))
    assert {c.class_id: c.count for c in found.classes if c.count} == {
        1: 1,
        2: 1,
        7: 2,
        8: 1,
    }


def test_seed_decides_the_draw():
    table = random_table(2, 400)
    draws = [chosen_ids(table, count=100, order="random", seed=s) for s in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_random_draw_does_not_favor_certain_cells():
    table = random_table(3, 2000)
    drawn = chosen_ids(table, count=500, order="random")
    assert 800 < np.mean(drawn) < 1200  # 3 standard errors are 80


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"count": 0}, "count of 0"),
        ({"order": "certain"}, "'certain' is unknown; give scan or random"),
        ({"seed": -1}, "Seed -1"),
        ({"total_wbc": 0.0}, "total of 0.0"),
        ({"total_wbc": float("nan")}, "total of nan"),
    ],
)
def test_settings_out_of_range(asked, message):
    with pytest.raises(SettingsError, match=message):
        CountSettings(**asked)


def test_no_cell_at_all():
    empty = table_at([])
    assert chosen_ids(empty, count=100) == []
    assert scan_order(empty).tolist() == []
    assert differential(empty, SCHEME, CountSettings(100)).reminders == (
        "Too few white cells were found: 0 of 100.",
    )


def test_settings_of_a_sign_off():
    settings = CountSettings(200, Order.RANDOM, 3, 6.4)
    signed = {"name": "A. Person", "count": {"settings": settings.to_dict()}}
    assert CountSettings.of_sign_off(signed) == settings
    for nothing in (None, {"count": None}, {"count": {"total": 3}}):
        assert CountSettings.of_sign_off(nothing) == CountSettings()
    with pytest.raises(SettingsError, match="give count, order, seed and total_wbc"):
        CountSettings.from_dict({"number": 3})
