import pandas as pd
import pytest
from pytestqt.qtbot import QtBot

from napari_leukoseg.cells import differential
from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass, ClassScheme, Counting
from napari_leukoseg.plugin.widgets.legend import Legend


@pytest.fixture
def legend(qtbot: QtBot) -> Legend:
    legend = Legend()
    qtbot.addWidget(legend)
    return legend


@pytest.mark.parametrize("classes", [[], [1, 1, 2, 5], [6] * 1500])
def test_counts(legend: Legend, classes: list[int]) -> None:
    table = pd.DataFrame({"class_id": classes})
    legend.show_count(differential(table, DEFAULT_SCHEME), DEFAULT_SCHEME)
    assert legend.texts() == {c.id: f"{classes.count(c.id):,}" for c in DEFAULT_SCHEME}
    assert legend._total.text() == f"{len(classes):,}"


def test_other_scheme_replaces_the_rows(legend: Legend) -> None:
    smudge = CellClass(9, "smudge", "s", "#112233", Counting.NONE)
    for scheme in (DEFAULT_SCHEME, ClassScheme((smudge,))):
        table = pd.DataFrame({"class_id": [c.id for c in scheme]})
        legend.show_count(differential(table, scheme), scheme)
    assert legend.texts() == {9: "1"}
    assert legend._rows[9][1].text() == ""  # not counted, so no share
