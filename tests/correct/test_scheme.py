from __future__ import annotations

import pytest

from napari_leukoseg.case import Case
from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass, ClassScheme, Counting
from napari_leukoseg.correct import AssignClass, adopt_classes, change_scheme
from napari_leukoseg.errors import SettingsError

BLAST = CellClass(7, "blast", "7", "#ff00ff")
SMUDGE = CellClass(8, "smudge", "8", "#404040", Counting.NONE)


def test_own_classes_are_kept_in_the_case(case):
    change_scheme(case, case.scheme.added(BLAST).added(SMUDGE))
    AssignClass((1, 2), 7).apply(case)
    with Case.open(case.path) as again:
        assert again.scheme[7] == BLAST
        assert again.class_lut()[:3].tolist() == [0, 7, 7]
        case.close()
        again._consolidate()
    with Case.open(case.path) as again:
        assert again.scheme[8] == SMUDGE


def test_readers_follow(case):
    reader = Case.open(case.path)
    change_scheme(case, case.scheme.added(BLAST))
    assert len(reader.table()) == 6
    assert 7 in reader.scheme


def test_own_class_may_get_another_name_and_color(case):
    change_scheme(case, case.scheme.added(BLAST))
    AssignClass((1,), 7).apply(case)
    change_scheme(
        case, case.scheme.changed(CellClass(7, "lymphoblast", "b", "#ff00aa"))
    )
    assert case.scheme.by_name("lymphoblast").color == "#ff00aa"
    assert case.class_lut()[1] == 7


def test_a_scheme_does_not_come_in_by_the_back_door(case):
    with pytest.raises(SettingsError, match="'scheme' itself"):
        case.append_edit({"cell_ids": [], "scheme": {"classes": []}})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: s.removed(7), "of class 7, which the new scheme lacks"),
        (
            lambda s: s.changed(CellClass(1, "segmented", "1", "#ff0000")),
            "'neutrophil' cannot be renamed",
        ),
        (lambda s: ClassScheme(tuple(s)[1:]), "'neutrophil' is one that all"),
    ],
)
def test_what_cells_and_table_hold_stays(case, make, message):
    change_scheme(case, case.scheme.added(BLAST))
    AssignClass((1,), 7).apply(case)
    before, revision = case.scheme, case.revision
    with pytest.raises(SettingsError, match=message):
        change_scheme(case, make(before))
    assert (case.scheme, case.revision) == (before, revision)


def test_classes_of_a_model_are_adopted_once(case):
    scheme = DEFAULT_SCHEME.added(CellClass(7, "blast", "8", "#ff00ff"))
    change_scheme(case, case.scheme.added(SMUDGE))
    adopt_classes(case, scheme)
    assert case.scheme[7].name == "blast"
    assert case.scheme[7].key == ""  # another class has the model's
    assert case.scheme[8] == SMUDGE
    revision = case.revision
    adopt_classes(case, scheme)
    assert case.revision == revision


def test_a_class_that_means_something_else_is_not_adopted(case):
    change_scheme(case, case.scheme.added(BLAST))
    band = DEFAULT_SCHEME.added(CellClass(7, "band", "b", "#ff00ff"))
    with pytest.raises(SettingsError, match="'band' for the model"):
        adopt_classes(case, band)
    assert case.scheme[7] == BLAST
