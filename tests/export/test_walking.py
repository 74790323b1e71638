from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.correct import DeleteCells
from napari_leukoseg.export import walk_cells, walking

CELLS = [((40, 50), 20, 1), ((90, 90), 15, 3), ((0, 120), 12, 2), ((200, 260), 30, 4)]


@pytest.mark.parametrize("block", [40, 100, 1024])
def test_every_cell_once_as_the_case_has_it(make_case, monkeypatch, block):
    monkeypatch.setattr(walking, "BLOCK_PX", block)
    case = make_case((300, 320), CELLS).case
    DeleteCells((2,)).apply(case)
    cells = list(walk_cells(case))
    assert sorted(cell.cell_id for cell in cells) == [1, 3, 4]
    for cell in cells:
        expected = case.cell(cell.cell_id)
        assert cell.region == expected.region
        assert cell.row == expected.row
        np.testing.assert_array_equal(cell.nucleus, expected.nucleus)
        np.testing.assert_array_equal(cell.cytoplasm, expected.cytoplasm)


def test_no_cell(make_case):
    assert list(walk_cells(make_case((20, 20)).case)) == []
