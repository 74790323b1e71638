"""New model and base side by side, from a literal result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_leukoseg.plugin.widgets.comparison_view import ComparisonView
from napari_leukoseg.plugin.widgets.confusion_view import ConfusionView
from napari_leukoseg.training.finetuning import (
    Comparison,
    FinetuneResult,
    Interval,
    Side,
    Verdict,
)

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def side(name: str, corrections: float, confusion: tuple[tuple[int, ...], ...]) -> Side:
    figures = {
        "corrections_per_100": Interval(corrections, corrections - 5, corrections + 5),
        "cell_dice": Interval(0.95, None, None),
    }
    return Side(name, "0" * 64, figures, (1, 2), (1, 2, 0), confusion)


@pytest.fixture
def result() -> FinetuneResult:
    base = side("default", 40.0, ((3, 7, 0), (0, 9, 1)))
    new = side("mine", 12.5, ((9, 1, 0), (0, 10, 0)))
    change = {"corrections_per_100": Interval(-27.5, -35.0, -20.0)}
    comparison = Comparison(base, new, change, 20, 2, "By cells.")
    classes = {1: "neutrophil", 2: "lymphocyte"}
    return FinetuneResult(
        Verdict.BETTER, "Fewer.", comparison, Path("model"), classes, 3, 60.0, 900.0
    )


@pytest.fixture
def view(qtbot: QtBot, result: FinetuneResult) -> ComparisonView:
    view = ComparisonView()
    qtbot.addWidget(view)
    view.show_result(result)
    return view


def test_figures_have_intervals_and_signed_changes(view: ComparisonView) -> None:
    assert view.texts() == [
        ["", "base", "new", "change"],
        [
            "Corrections per 100 cells",
            "40.0\n35.0…45.0",
            "12.5\n7.5…17.5",
            "-27.5\n-35.0…-20.0",
        ],
        ["Cell Dice, %", "95.0", "95.0", "–"],
    ]


def test_verdict_is_plain(view: ComparisonView, result: FinetuneResult) -> None:
    assert view.verdict.text() == "mine: better"
    assert view.reason.text() == "Fewer."


def test_second_result_replaces_the_first(
    view: ComparisonView, result: FinetuneResult
) -> None:
    before = view.texts()
    view.show_result(result)
    assert view.texts() == before


@pytest.fixture
def confusion(qtbot: QtBot, result: FinetuneResult) -> ConfusionView:
    view = ConfusionView()
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show_result(result)
    return view


def test_confusion_in_words(confusion: ConfusionView) -> None:
    assert confusion.base.as_text().splitlines() == [
        "3 of 10 neutrophil: called neutrophil",
        "7 of 10 neutrophil: called lymphocyte",
        "9 of 10 lymphocyte: called lymphocyte",
        "1 of 10 lymphocyte: not found",
    ]
    assert confusion.protocol.text() == "By cells."


def test_shade_grows_with_the_share(confusion: ConfusionView) -> None:
    table = confusion.new
    image = table.grab().toImage()

    def shade(row: int, column: int) -> int:
        corner = table._box(row, column).topLeft().toPoint()
        color = image.pixelColor(corner.x() + 3, corner.y() + 3)
        return color.green() - color.red()

    assert shade(0, 0) > shade(0, 2)  # right, and nothing
    assert shade(0, 1) < shade(0, 2)  # wrong


def test_tables_stand_side_by_side_where_there_is_room(
    confusion: ConfusionView,
) -> None:
    tables = confusion.base.parentWidget()
    tables.resize(2 * confusion.base.easy_width + 40, 300)
    assert confusion.base.y() == confusion.new.y()
    assert confusion.base.geometry().right() < confusion.new.x()
    tables.resize(confusion.base.easy_width + 40, 300)
    assert confusion.base.x() == confusion.new.x()
    assert confusion.base.geometry().bottom() < confusion.new.y()
    assert tables.height() > confusion.new.geometry().bottom()
    for table in (confusion.base, confusion.new):
        assert table.width() <= tables.width()
