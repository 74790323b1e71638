from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage.draw import disk, ellipse
from skimage.measure import regionprops

from napari_leukoseg.cells.shape import (
    bounding_region,
    equivalent_diameter,
    measure_shape,
)
from napari_leukoseg.geometry import Region

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))


def draw_ellipse(rows: float, columns: float):
    mask = np.zeros((320, 320), bool)
    mask[ellipse(160, 160, rows, columns)] = True
    return mask


@pytest.mark.parametrize("radius", [4, 10, 65, 150])
def test_disk_is_round(radius):
    mask = np.zeros((320, 320), bool)
    mask[disk((160, 160), radius)] = True
    shape = measure_shape(mask)
    assert shape.eccentricity == pytest.approx(0, abs=1e-6)
    assert shape.circularity == pytest.approx(1, abs=0.06)
    assert 0.85 < shape.solidity <= 1
    assert equivalent_diameter(mask.sum()) == pytest.approx(2 * radius, rel=0.06)


@pytest.mark.parametrize("scale", [10, 30, 70])
def test_ellipse_matches_its_axes(scale):
    shape = measure_shape(draw_ellipse(scale, 2 * scale))
    assert shape.eccentricity == pytest.approx(math.sqrt(3) / 2, rel=0.02)
    # Circumference of an ellipse with axes 1 and 2: 9.688.
    assert shape.circularity == pytest.approx(
        4 * math.pi * 2 * math.pi / 9.688**2, rel=0.06
    )


def test_agrees_with_scikit_image():
    mask = draw_ellipse(40, 90)
    mask[120:160, 100:200] = False
    properties = regionprops(mask.astype(np.uint8))[0]
    shape = measure_shape(mask)
    assert shape.eccentricity == pytest.approx(properties.eccentricity, rel=1e-3)
    assert shape.solidity == pytest.approx(properties.solidity, rel=0.01)


def test_empty_mask_has_no_shape():
    assert all(math.isnan(v) for v in astuple(measure_shape(np.zeros((3, 4), bool))))


@settings(deadline=None, max_examples=150)
@given(masks)
def test_any_mask_gives_bounded_shape(mask):
    if mask.any():
        assert all(0 <= v <= 1 for v in astuple(measure_shape(mask)))


@settings(deadline=None, max_examples=60)
@given(masks, st.integers(0, 3), st.integers(0, 5))
def test_turns_and_padding_change_nothing(mask, turns, padding):
    if mask.any():
        moved = np.pad(np.rot90(mask, turns), padding)
        assert astuple(measure_shape(moved)) == pytest.approx(
            astuple(measure_shape(mask)), abs=1e-9
        )


@settings(deadline=None)
@given(masks)
def test_bounding_region_holds_all_pixels_tightly(mask):
    box = bounding_region(mask)
    inside = mask[box.slices]
    assert inside.sum() == mask.sum()
    if box.is_empty:
        assert box == Region(0, 0, 0, 0)
    else:
        assert inside[[0, -1]].any(axis=1).all()
        assert inside[:, [0, -1]].any(axis=0).all()
