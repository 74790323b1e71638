"""Every cell that meets the filters is shown once, in the order that was asked."""

import numpy as np
import pandas as pd
import pytest

from napari_leukoseg.classes import DEFAULT_SCHEME
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.plugin.review.arranging import (
    Filters,
    Order,
    arrange,
    reviewed_mask,
    size_column,
)

N_CELLS = 40


@pytest.fixture
def table():
    rng = np.random.default_rng(1)
    confidence = rng.random(N_CELLS).round(2)
    confidence[::7] = np.nan
    return pd.DataFrame(
        {
            "cell_id": np.arange(1, N_CELLS + 1),
            "class_id": rng.integers(1, 5, N_CELLS),
            "confidence": confidence,
            "reviewed": rng.random(N_CELLS) < 0.5,
            "touches_border": rng.random(N_CELLS) < 0.3,
            "cell_diameter_px": rng.uniform(40, 90, N_CELLS),
            "centroid_row_px": rng.uniform(0, 500, N_CELLS),
            "centroid_column_px": rng.uniform(0, 500, N_CELLS),
        }
    )


def shown(groups):
    return [int(i) for group in groups for i in group.cell_ids]


@pytest.mark.parametrize("order", Order)
def test_each_cell_is_in_the_group_of_its_class(table, order):
    groups = arrange(table, DEFAULT_SCHEME, Filters(), order)
    assert [group.class_id for group in groups] == [c.id for c in DEFAULT_SCHEME]
    assert sorted(shown(groups)) == table["cell_id"].tolist()
    classes = table.set_index("cell_id")["class_id"]
    for group in groups:
        assert (classes[group.cell_ids] == group.class_id).all()
        assert group.n_all == len(group.cell_ids)


@pytest.mark.parametrize(
    ("order", "column", "sign"),
    [
        (Order.LEAST_CERTAIN, "confidence", 1),
        (Order.MOST_CERTAIN, "confidence", -1),
        (Order.LARGEST, "cell_diameter_px", -1),
        (Order.SMALLEST, "cell_diameter_px", 1),
        (Order.BY_PLACE, "centroid_row_px", 1),
    ],
)
def test_groups_are_sorted(table, order, column, sign):
    values = table.set_index("cell_id")[column].fillna(-1)
    for group in arrange(table, DEFAULT_SCHEME, Filters(), order):
        assert (np.diff(sign * values[group.cell_ids]) >= 0).all()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(hidden_classes=frozenset({1, 3})), lambda t: ~t.class_id.isin([1, 3])),
        (Filters(reviewed=False), lambda t: ~t.reviewed),
        (Filters(reviewed=True), lambda t: t.reviewed),
        (Filters(touches_border=True), lambda t: t.touches_border),
        (Filters(diameter=(50, 60)), lambda t: t.cell_diameter_px.between(50, 60)),
        (Filters(confidence=(0.2, 0.6)), lambda t: t.confidence.between(0.2, 0.6)),
        (
            Filters(confidence=(0, 0.6)),
            lambda t: t.confidence.isna() | (t.confidence <= 0.6),
        ),
        (
            Filters(reviewed=False, confidence=(0.3, 1)),
            lambda t: ~t.reviewed & (t.confidence >= 0.3),
        ),
    ],
)
def test_filters_show_what_they_say(table, filters, expected):
    wanted = table["cell_id"][expected(table)].tolist()
    assert 0 < len(wanted) < N_CELLS
    groups = arrange(table, DEFAULT_SCHEME, filters)
    assert sorted(shown(groups)) == wanted
    assert not {group.class_id for group in groups} & filters.hidden_classes


def test_table_without_measurements_is_shown():
    table = pd.DataFrame({"cell_id": [3, 4], "class_id": [2, 2]})
    assert shown(arrange(table, DEFAULT_SCHEME, Filters())) == [3, 4]
    assert not reviewed_mask(table).any()
    assert shown(arrange(table[:0], DEFAULT_SCHEME, Filters())) == []


def test_size_is_in_um_where_it_is_known(table):
    assert size_column(table) == "cell_diameter_px"
    assert size_column(table.assign(cell_diameter_um=np.nan)) == "cell_diameter_px"
    assert size_column(table.assign(cell_diameter_um=9.0)) == "cell_diameter_um"


@pytest.mark.parametrize("limits", [{"confidence": (0.9, 0.1)}, {"diameter": (9, 8)}])
def test_limits_in_the_wrong_order_are_refused(limits):
    with pytest.raises(SettingsError, match="least value first"):
        Filters(**limits)
