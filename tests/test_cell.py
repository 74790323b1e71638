from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.geometry import Region


@pytest.fixture
def cell():
    nucleus = np.array([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]], bool)
    cytoplasm = np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]], bool)
    return SegmentedCell(
        Region(100, 200, 3, 4), nucleus, cytoplasm, (5, 2), np.array([0.3, 0.7]), 0.8
    )


def test_mask_is_both_parts(cell):
    assert cell.mask.sum() == cell.nucleus.sum() + cell.cytoplasm.sum()
    assert not (cell.nucleus & cell.cytoplasm).any()
    assert (cell.mask >= cell.nucleus).all()


def test_class_is_the_most_probable_one(cell):
    assert cell.class_id == 2
    assert cell.confidence == 0.7
    assert type(cell.confidence) is float


def test_centroid_lies_in_the_slide(cell):
    assert cell.centroid == (101.0, 202.0)
    assert cell.region.contains(*cell.centroid)


def test_cells_compare_by_identity(cell):
    same = SegmentedCell(**vars(cell))
    assert cell != same
    assert len({cell, same}) == 2
