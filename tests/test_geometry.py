"""Regions obey the laws of sets; pixel sizes are those of microscopes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import MAX_MPP, MIN_MPP, PixelSize, Region, Size

regions = st.builds(
    Region,
    st.integers(-20, 20),
    st.integers(-20, 20),
    st.integers(0, 20),
    st.integers(0, 20),
)


def pixels(region: Region) -> set[tuple[int, int]]:
    """Reference: the region as the set of its pixels."""
    rows = range(region.row, region.row_stop)
    columns = range(region.column, region.column_stop)
    return {(row, column) for row in rows for column in columns}


@given(regions, regions)
def test_intersection_is_that_of_the_pixels(one, other) -> None:
    assert pixels(one.intersection(other)) == pixels(one) & pixels(other)


@given(regions, regions)
def test_union_is_the_smallest_rectangle_around_both(one, other) -> None:
    union = one.union(other)
    for part in (one, other):
        assert union.intersection(part) == part
    assert union.row in (one.row, other.row)
    assert union.column_stop in (one.column_stop, other.column_stop)


@given(regions)
def test_size_counts_the_pixels(region) -> None:
    assert region.size.area == len(pixels(region))
    assert region.is_empty == (not pixels(region))
    for row, column in pixels(region):
        assert region.contains(row, column)
    assert not region.contains(region.row_stop, region.column)


@given(regions)
def test_bounds_build_the_region_again(region) -> None:
    assert Region.from_bounds(*region.bounds) == region


@given(regions, st.integers(-9, 9), st.integers(-9, 9))
def test_shifting_there_and_back(region, rows, columns) -> None:
    moved = region.shifted(rows, columns)
    assert moved.size == region.size
    assert moved.shifted(-rows, -columns) == region


@given(regions, st.integers(0, 9))
def test_padding_grows_every_side(region, margin) -> None:
    padded = region.padded(margin)
    assert padded.height == region.height + 2 * margin
    assert padded.padded(-margin) == region


@given(regions, st.floats(0.05, 8))
def test_a_scaled_region_covers_its_corners(region, factor) -> None:
    scaled = region.scaled(factor)
    assert scaled.row <= region.row * factor
    assert scaled.column_stop >= region.column_stop * factor
    assert scaled.height <= region.height * factor + 2


def test_slices_cut_an_array() -> None:
    array = np.arange(30).reshape(5, 6)
    region = Region(1, 2, 3, 4)
    assert array[region.slices].shape == (3, 4)
    assert array[region.slices][0, 0] == array[1, 2]
    assert Region.of_shape((5, 6, 3)).slices == (slice(0, 5), slice(0, 6))


@pytest.mark.parametrize("build", [Size, lambda *size: Region(0, 0, *size)])
@pytest.mark.parametrize("size", [(-1, 3), (3, -1)])
def test_negative_sizes_are_refused(build, size) -> None:
    with pytest.raises(SettingsError, match="negative"):
        build(*size)


@pytest.mark.parametrize("um", [MIN_MPP, 0.25, 1.0, MAX_MPP])
def test_pixel_sizes_of_microscopes(um) -> None:
    assert PixelSize(um).um == um
    assert PixelSize.believable(um, um) == PixelSize(um)


@pytest.mark.parametrize("um", [0, -1, 0.019, 5.01, 352.8, math.nan, math.inf])
def test_other_pixel_sizes_are_refused_or_none(um) -> None:
    with pytest.raises(SettingsError, match="µm per pixel"):
        PixelSize(um)
    assert PixelSize.believable(um, um) is None


@pytest.mark.parametrize("dpi", [72, 96, 300, 600])
def test_print_resolutions_are_not_believed(dpi) -> None:
    assert PixelSize.believable(25_400 / dpi, 25_400 / dpi) is None


@pytest.mark.parametrize(("row", "column"), [(0.25, 0.5), (0.2, 0.23)])
def test_oblong_pixels_are_not_believed(row, column) -> None:
    assert PixelSize.believable(row, column) is None
    nearly = PixelSize.believable(row, row * 1.05)
    assert nearly is not None
    assert nearly.um == pytest.approx(row * 1.025)
