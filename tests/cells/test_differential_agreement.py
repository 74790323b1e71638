from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from napari_leukoseg.cells import compare_with_model, probability_column
from napari_leukoseg.classes import DEFAULT_SCHEME, UNCLASSIFIED, CellClass
from napari_leukoseg.errors import SettingsError

KNOWN = [c for c in DEFAULT_SCHEME if c.id != UNCLASSIFIED]
SCHEME = DEFAULT_SCHEME.added(CellClass(7, "blast", "7", "#ff00ff"))


def table_of(person, model, reviewed=True):
    """Cells by class of person and model; the model's is none where it is 0."""
    table = pd.DataFrame({"class_id": person, "reviewed": reviewed})
    for c in KNOWN:
        table[probability_column(c)] = [
            np.nan if m == 0 else 0.6 if m == c.id else 0.1 for m in model
        ]
    return table


@given(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 5)), min_size=1))
def test_kappa_is_that_of_scikit_learn(pairs):
    person, model = zip(*pairs, strict=True)
    found = compare_with_model(table_of(person, model), SCHEME)
    assert found.n_cells == len(pairs)
    assert found.observed == pytest.approx(np.mean([p == m for p, m in pairs]))
    if len({*person, *model}) > 1:
        assert found.kappa == pytest.approx(cohen_kappa_score(person, model))
    else:
        assert found.kappa is None


def test_table_of_classes():
    found = compare_with_model(table_of([1, 1, 2, 7], [1, 2, 2, 2]), SCHEME)
    assert found.names == tuple(c.name for c in SCHEME)
    expected = np.zeros((7, 7), int)
    expected[0, 0] = expected[0, 1] = expected[1, 1] = expected[6, 1] = 1
    np.testing.assert_array_equal(found.counts, expected)
    data = found.to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data


def test_only_reviewed_cells_that_a_model_judged():
    table = table_of([1, 2, 3, 3], [1, 1, 0, 3], [True, False, True, True])
    found = compare_with_model(table, SCHEME)
    assert (found.n_cells, found.n_unjudged) == (2, 1)
    assert found.observed == 1


@pytest.mark.parametrize(
    "table",
    [
        table_of([], []),
        table_of([1, 2], [1, 2], False),
        pd.DataFrame({"class_id": [1], "reviewed": [True]}),
        pd.DataFrame({"class_id": [1]}),
    ],
)
def test_nothing_to_compare(table):
    found = compare_with_model(table, SCHEME)
    assert found.n_cells == 0
    assert found.observed is None
    assert found.kappa is None


def test_class_outside_the_scheme_is_named():
    with pytest.raises(SettingsError, match="Class id 9"):
        compare_with_model(table_of([9], [1]), SCHEME)
