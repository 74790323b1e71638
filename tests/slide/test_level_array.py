"""A lazy level indexes as the array that it stands for."""

from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide

INDICES = [
    (slice(None),),
    (3,),
    (-1, -2),
    (np.int64(4), slice(2, 9), 1),
    (slice(5, 60), slice(-40, None)),
    (slice(None, None, 7), slice(100, 3, -5), slice(0, 2)),
    (slice(50, 50), slice(None), 0),
    (slice(190, 999), slice(None)),
    (Ellipsis,),
    (Ellipsis, 2),
    (slice(1, 4), Ellipsis, slice(None, None, -1)),
    ([3, 5, 8],),
    (None, slice(0, 4)),
]


@pytest.fixture
def level(write_stored, image):
    with open_slide(write_stored("tiles.tif", image)) as slide:
        yield slide.level_array(0)


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexing_is_that_of_numpy(level, image, index) -> None:
    np.testing.assert_array_equal(level[index], image[index])


def test_a_single_index_needs_no_tuple(level, image) -> None:
    np.testing.assert_array_equal(level[7], image[7])
    np.testing.assert_array_equal(level[2:5], image[2:5])


@pytest.mark.parametrize("index", [(203,), (0, -152), (0, 0, 3)])
def test_positions_outside_are_an_index_error(level, index) -> None:
    with pytest.raises(IndexError):
        level[index]


def test_it_describes_itself_as_an_array_does(level, image) -> None:
    assert (level.shape, level.ndim, level.dtype) == (image.shape, 3, image.dtype)
    assert (level.size, level.nbytes, len(level)) == (image.size, image.nbytes, 203)
    assert "tiles.tif" in repr(level)
    np.testing.assert_array_equal(np.asarray(level), image)
    assert np.asarray(level, float).dtype == float


def test_only_the_pixels_asked_for_are_read(level) -> None:
    asked = []
    read = level.reader.read_region

    def note(region: Region, index: int) -> np.ndarray:
        asked.append(region)
        return read(region, index)

    level.reader.read_region = note
    level[10:20, 5::2]
    assert asked == [Region(10, 5, 10, 145)]


def test_a_missing_level_is_refused(level) -> None:
    with pytest.raises(SettingsError, match="Level 3"):
        level.reader.level_array(3)
