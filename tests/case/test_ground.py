import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_leukoseg.case.ground import (
    PersonalGround,
    decode_patch,
    encode_patch,
    joined,
)
from napari_leukoseg.geometry import Region


def patch(row, column, height, width):
    return encode_patch(
        Region(row, column, height, width), np.ones((height, width)) > 0
    )


def forbids(ground, row, column, height=20, width=20):
    center = (row + (height - 1) / 2, column + (width - 1) / 2)
    mask = np.ones((height, width), bool)
    return ground.forbids(Region(row, column, height, width), mask, center)


@given(st.integers(0, 2**12 - 1), st.integers(-9, 9))
def test_patches_round_trip(bits, row):
    mask = np.array([bits >> i & 1 for i in range(12)], bool).reshape(3, 4)
    if not mask.any():
        return
    region, found = decode_patch(encode_patch(Region(row, 5, 3, 4), mask))
    whole = np.zeros((30, 30), bool)
    whole[region.shifted(10, 10).slices] = found
    expected = np.zeros((30, 30), bool)
    expected[10 + row : 13 + row, 15:19] = mask
    np.testing.assert_array_equal(whole, expected)


def test_union_of_patches():
    region, mask = joined(
        (Region(0, 0, 2, 2), np.ones((2, 2), bool)),
        (Region(3, 1, 1, 3), np.array([[True, False, True]])),
    )
    assert region == Region(0, 0, 4, 4)
    np.testing.assert_array_equal(
        mask, [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 1]]
    )


@pytest.mark.parametrize(
    ("shift", "is_forbidden"), [(0, True), (9, True), (10, False), (30, False)]
)
def test_more_than_half_of_the_smaller_is_the_same_cell(shift, is_forbidden):
    ground = PersonalGround([patch(100, 100, 20, 20)], ())
    assert forbids(ground, 100, 100 + shift) == is_forbidden
    assert forbids(ground, 100 - shift, 100) == is_forbidden


@pytest.mark.parametrize(
    ("height", "is_forbidden"), [(4, True), (20, True), (100, True), (101, False)]
)
def test_much_larger_cells_are_others(height, is_forbidden):
    ground = PersonalGround([patch(100, 100, 20, 20)], ())
    assert forbids(ground, 100, 100, height, 20) == is_forbidden


def test_each_patch_counts_by_itself():
    corners = [patch(100, 100, 12, 12), patch(108, 108, 12, 12)]
    half_out = [patch(94, 100, 12, 20), patch(114, 100, 12, 20)]
    assert forbids(PersonalGround(corners, ()), 100, 100)
    assert not forbids(PersonalGround(half_out, ()), 100, 100)


def test_complete_areas():
    ground = PersonalGround((), [Region(0, 0, 50, 50), Region(90, 90, 5, 5)])
    assert forbids(ground, 20, 20)
    assert forbids(ground, 39, 30)  # its middle is at 48.5
    assert not forbids(ground, 41, 30)
    assert not forbids(PersonalGround((), ()), 20, 20)
