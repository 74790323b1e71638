import numpy as np
import pytest

from napari_leukoseg.case import painting
from napari_leukoseg.case.painting import LabelStage, PyramidWriter
from napari_leukoseg.geometry import Region

SHAPE = (1700, 1100)


@pytest.fixture
def pyramid(tmp_path):
    return PyramidWriter(tmp_path / "nucleus", SHAPE)


def read_all(pyramid):
    return [
        pyramid.read(Region.of_shape(shape), level)
        for level, shape in enumerate(pyramid.shapes)
    ]


@pytest.mark.parametrize("lag_s", [0.0, 1e9])
@pytest.mark.parametrize("side", [1, 3, 40, 700])
def test_edits_reach_every_level(pyramid, monkeypatch, lag_s, side):
    monkeypatch.setattr(painting, "_COARSE_LAG_S", lag_s)
    rng = np.random.default_rng(side)
    expected = np.zeros(SHAPE, np.uint32)
    for cell_id in range(1, 9):
        row, column = (int(rng.integers(0, length - side + 1)) for length in SHAPE)
        region = Region(row, column, side, side)
        mask = rng.random((side, side)) < 0.7
        stage = LabelStage(pyramid)
        if cell_id % 4 == 0:
            gone = cell_id // 2
            stage.erase(Region.of_shape(SHAPE), gone)
            expected[expected == gone] = 0
        else:
            stage.paint(region, mask, cell_id)
            expected[region.slices][mask] = cell_id
        np.testing.assert_array_equal(stage.read(Region.of_shape(SHAPE)), expected)
        stage.flush()
    pyramid.settle()
    for level, labels in enumerate(read_all(pyramid)):
        np.testing.assert_array_equal(labels, expected[:: 2**level, :: 2**level])


def test_nothing_is_written_before_flush(pyramid):
    stage = LabelStage(pyramid)
    stage.paint(Region(0, 0, 2, 2), np.ones((2, 2), bool), 1)
    assert not pyramid.folder.exists()
    stage.flush()
    assert len(stage) == 0
    assert pyramid.read(Region(0, 0, 2, 2)).all()


def test_chunks_without_a_cell_take_no_file(pyramid):
    region = Region(500, 500, 30, 30)
    stage = LabelStage(pyramid)
    stage.paint(region, np.ones((30, 30), bool), 5)
    stage.flush()
    pyramid.settle()
    n_files = sum(path.is_file() for path in pyramid.folder.rglob("*"))
    assert n_files == 4 + 1 + 1
    stage.erase(region, 5)
    stage.flush()
    pyramid.sync()
    assert not any(path.is_file() for path in pyramid.folder.rglob("*"))


def test_memory_of_coarse_levels_is_bounded(pyramid, monkeypatch):
    monkeypatch.setattr(painting, "_COARSE_LAG_S", 1e9)
    monkeypatch.setattr(painting, "_MAX_COARSE_CHUNKS", 1)
    stage = LabelStage(pyramid)
    stage.erase(Region.of_shape(SHAPE), 1)
    stage.flush()
    assert not pyramid._coarse
