"""What networks are trained toward: instances apart, gaps, distances, nuclei."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_CELL,
    IS_NUCLEUS,
    NOT_NUCLEUS,
    UNKNOWN_INSTANCE,
    Sample,
)
from napari_leukoseg.training.targets import (
    find_gaps,
    normalized_distance,
    outline_nuclei,
    relabel_connected,
    resolve_overlaps,
)

EIGHT = np.ones((3, 3))
"""Neighbors at corners count too."""

instance_maps = arrays.arrays(
    np.int32,
    arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=st.integers(-1, 4),
)


def test_the_smaller_of_two_that_overlap_stays_whole() -> None:
    large, small = np.zeros((2, 12, 12), bool)
    large[1:9, 1:9], small[6:11, 6:11] = True, True
    for order in ([large, small], [small, large]):
        pixels = [np.nonzero(mask) for mask in order]
        instances = resolve_overlaps(pixels, (12, 12))
        number = [mask is small for mask in order].index(True) + 1
        np.testing.assert_array_equal(instances == number, small)
        np.testing.assert_array_equal(instances > 0, large | small)
    assert not resolve_overlaps([], (3, 4)).any()


def test_pieces_of_one_instance_get_numbers_of_their_own() -> None:
    instances = np.zeros((10, 12), np.int32)
    instances[:5, :5], instances[:5, 8:], instances[9, 0] = 7, 7, 7
    instances[5, 5] = 7  # touches the first at a corner
    instances[8, 8] = UNKNOWN_INSTANCE
    relabeled = relabel_connected(instances, min_px=2)
    assert relabeled[0, 0] == relabeled[5, 5] != relabeled[0, 9]
    assert relabeled[9, 0] == relabeled[8, 8] == UNKNOWN_INSTANCE
    assert np.unique(relabeled).tolist() == [UNKNOWN_INSTANCE, 0, 1, 2]


@given(instance_maps)
def test_relabeled_pieces_are_connected_and_complete(instances: np.ndarray) -> None:
    relabeled = relabel_connected(instances)
    np.testing.assert_array_equal(relabeled > 0, instances > 0)
    n_pieces = sum(ndimage.label(instances == i, EIGHT)[1] for i in range(1, 5))
    assert set(np.unique(relabeled[relabeled > 0])) == set(range(1, n_pieces + 1))


@given(instance_maps)
def test_gaps_part_whatever_touches_and_take_nothing_else(
    instances: np.ndarray,
) -> None:
    gap = find_gaps(instances)
    kept = np.where(gap, 0, np.maximum(instances, 0))
    pieces, n_pieces = ndimage.label(kept, EIGHT)
    for piece in range(1, n_pieces + 1):
        assert np.unique(kept[pieces == piece]).size == 1
    for row, column in np.argwhere(gap):
        near = instances[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        assert ((near > 0) & (near != instances[row, column])).any()


def test_a_gap_is_one_pixel_wide() -> None:
    instances = np.zeros((6, 10), np.int32)
    instances[:, :5], instances[:, 5:] = 1, 2
    expected = np.zeros((6, 10), bool)
    expected[:, 5] = True
    np.testing.assert_array_equal(find_gaps(instances), expected)


def test_distance_is_one_in_the_middle_and_small_at_borders() -> None:
    instances = np.zeros((40, 60), np.int32)
    instances[5:35, 5:30] = 1
    instances[5:35, 30:55] = 2
    distance = normalized_distance(instances)
    assert distance.max() == pytest.approx(1)
    assert distance[20, 17] > 0.9
    assert distance[20, 29:31].max() < 0.2  # where the two touch
    assert not distance[instances == 0].any()


def test_edge_of_the_picture_is_no_border() -> None:
    instances = np.ones((20, 20), np.int32)
    instances[:, 10:] = 0
    distance = normalized_distance(instances)
    np.testing.assert_allclose(distance[:, 0], distance[10, 0])


def test_outlined_nuclei_are_all_that_is_known(samples: list[Sample]) -> None:
    sample = samples[0]
    nucleus = sample.allowed == IS_NUCLEUS
    outlined = outline_nuclei(sample)
    np.testing.assert_array_equal(outlined.allowed == IS_NUCLEUS, nucleus)
    assert (outlined.allowed[~nucleus] == NOT_NUCLEUS).all()
    np.testing.assert_array_equal(
        outlined.instances, np.where(nucleus, sample.instances, 0)
    )


def test_whole_cells_may_hold_a_nucleus_anywhere(samples: list[Sample]) -> None:
    cell = samples[0].allowed & IS_CELL > 0
    allowed = np.where(cell, np.uint8(IS_CELL), samples[0].allowed)
    outlined = outline_nuclei(replace(samples[0], allowed=allowed))
    assert (outlined.allowed[cell] == ANYTHING).all()
    assert (outlined.instances[cell] == UNKNOWN_INSTANCE).all()
    assert (outlined.allowed[~cell] == NOT_NUCLEUS).all()


def test_outlines_of_nuclei_count_as_such(samples: list[Sample]) -> None:
    tissue = replace(samples[0], has_distance=False)
    assert outline_nuclei(tissue).has_distance
    place = replace(tissue, has_outline=False)
    assert outline_nuclei(place) is place
