from __future__ import annotations

import pytest

from napari_leukoseg.cells import (
    COLUMN_GUIDE,
    COLUMNS,
    column_guide,
    probability_column,
)
from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass, ClassScheme

SUFFIXES = {"_px": "px", "_um": "µm", "_um2": "µm²"}


def test_cell_id_is_first_and_names_are_unique():
    assert COLUMNS[0] == "cell_id"
    assert len(set(COLUMNS)) == len(COLUMNS)


@pytest.mark.parametrize("column", COLUMN_GUIDE, ids=lambda c: c.name)
def test_name_ends_in_the_unit_and_meaning_is_a_sentence(column):
    suffix = next((s for s in SUFFIXES if column.name.endswith(s)), None)
    if suffix or column.unit in SUFFIXES.values():
        assert column.unit == SUFFIXES[suffix]
    assert column.meaning.endswith(".")
    assert column.meaning[0].isupper() or column.meaning[0].isdigit()


def test_each_class_of_a_scheme_has_a_probability():
    scheme = ClassScheme((*DEFAULT_SCHEME, CellClass(7, "blast", "7", "#ff00ff")))
    names = [column.name for column in column_guide(scheme)]
    assert [n for n in names if n.startswith("probability_")] == [
        probability_column(c) for c in scheme
    ]
    assert set(COLUMNS) < set(names)
