import math

import pandas as pd
import pytest

from napari_leukoseg.classes import DEFAULT_SCHEME
from napari_leukoseg.plugin.cell_text import describe_cell

TABLE = pd.DataFrame(
    {
        "cell_id": [3, 9],
        "class_id": [2, 1],
        "confidence": [0.934, 0.5],
        "cell_area_um2": [math.nan, 120.4],
        "nucleus_to_cytoplasm_ratio": [2.345, math.nan],
    }
)


@pytest.mark.parametrize(
    ("cell_id", "text"),
    [
        (3, "Cell 3: lymphocyte, confidence 93%, N:C 2.3"),
        (9, "Cell 9: neutrophil, confidence 50%, 120 µm²"),
        (0, ""),
        (4, ""),
    ],
)
def test_describe(cell_id: int, text: str) -> None:
    assert describe_cell(TABLE, DEFAULT_SCHEME, cell_id) == text


def test_table_without_measures() -> None:
    table = TABLE[["cell_id", "class_id"]]
    assert describe_cell(table, DEFAULT_SCHEME, 3) == "Cell 3: lymphocyte"
    assert describe_cell(table.iloc[:0], DEFAULT_SCHEME, 3) == ""
