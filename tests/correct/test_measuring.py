from __future__ import annotations

import numpy as np
import pandas as pd

from napari_leukoseg.case import CellChanges
from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.cells import COLUMNS, measure_cell
from napari_leukoseg.correct import GrowCells, History

from .drawn_case import MPP, SHAPE, DrawnSlide, rows

MODEL = ["class_id", "confidence", "score", "reviewed"]
APPEARANCE = [
    n for n in COLUMNS if "_texture_" in n or n.endswith(("_mean", "_sd", "_od"))
]


def test_row_is_that_of_the_pipeline(case, history):
    history.apply(GrowCells((3,), 4))
    cell = case.cell(3)
    evidence = np.full(5, 0.05)
    evidence[2] = 0.8
    whole = SegmentedCell(
        cell.region, cell.nucleus, cell.cytoplasm, (1, 2, 3, 4, 5), evidence, 0.9
    )
    picture = DrawnSlide().read_region(cell.region)
    expected = measure_cell(picture, whole, mpp=MPP, slide_shape=SHAPE)
    row = rows(case).loc[3]
    for name in COLUMNS[1:]:
        np.testing.assert_equal(row[name], expected[name], name)


def test_without_the_slide_what_it_shows_is_missing(case):
    before = rows(case)
    History(case).apply(GrowCells((3,), 4))
    now = rows(case)
    assert len(APPEARANCE) == 2 * (9 + 4)
    assert now.loc[3, APPEARANCE].isna().all()
    assert now.loc[3, "cell_area_px"] > before.loc[3, "cell_area_px"]
    model = [*MODEL, *(n for n in now if n.startswith("probability_"))]
    pd.testing.assert_series_equal(now.loc[3, model], before.loc[3, model])
    others = now.drop(index=3)
    pd.testing.assert_frame_equal(others, before.drop(index=3), check_dtype=False)


def test_new_columns_go_with_undo(case):
    case.append_edit({"cell_ids": [], "rows": [{"cell_id": 1, "note": "odd"}]})
    before = case.table()
    note = CellChanges(rows=[{"cell_id": 2, "stage": "late"}])
    inverse = case.change("Note", lambda: note)
    assert case.table()["stage"].dropna().tolist() == ["late"]
    case.restore("Note", inverse)
    pd.testing.assert_frame_equal(case.table(), before)
    case.undo()
    case.undo()
    pd.testing.assert_frame_equal(case.table(), before)
