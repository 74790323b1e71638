from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from shapely.geometry import MultiPolygon, Point, Polygon

from napari_leukoseg.export.polygons import trace_polygons


def shapes_of(mask):
    return [Polygon(ring[0], ring[1:]) for ring in trace_polygons(mask)]


def burnt(polygons, shape):
    """Mask of the pixels whose middle lies in a polygon."""
    mask = np.zeros(shape, bool)
    for row, column in np.ndindex(shape):
        mask[row, column] = any(
            p.contains(Point(column + 0.5, row + 0.5)) for p in polygons
        )
    return mask


@given(hnp.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))))
def test_polygons_are_valid_and_give_back_the_mask(mask):
    polygons = shapes_of(mask)
    assert len(polygons) == ndimage.label(mask)[1]
    assert all(p.is_valid and p.exterior.is_ccw for p in polygons)
    assert MultiPolygon(polygons).is_valid
    assert sum(p.area for p in polygons) == mask.sum()
    np.testing.assert_array_equal(burnt(polygons, mask.shape), mask)


@pytest.mark.parametrize(
    ("rows", "polygons"),
    [
        (["#"], [[[(0, 0), (1, 0), (1, 1), (0, 1)]]]),
        (
            ["##", "#."],
            [[[(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]]],
        ),
        (
            ["#.", ".#"],
            [
                [[(0, 0), (1, 0), (1, 1), (0, 1)]],
                [[(1, 1), (2, 1), (2, 2), (1, 2)]],
            ],
        ),
        (
            ["###", "#.#", "###"],
            [
                [
                    [(0, 0), (3, 0), (3, 3), (0, 3)],
                    [(2, 1), (1, 1), (1, 2), (2, 2)],
                ]
            ],
        ),
    ],
)
def test_small_masks(rows, polygons):
    mask = np.array([[pixel == "#" for pixel in row] for row in rows])
    assert len(trace_polygons(mask)) == len(polygons)
    for found, expected in zip(trace_polygons(mask), polygons, strict=True):
        for corners, points in zip(found, expected, strict=True):
            ring = [tuple(corner) for corner in corners.tolist()]
            start = points.index(ring[0])
            assert ring == points[start:] + points[:start]


def test_hole_that_touches_the_outline():
    """The ring around it passes one point twice, which would not be valid."""
    mask = np.array([[1, 1, 1, 0], [1, 0, 1, 1], [1, 1, 0, 1], [0, 1, 1, 1]], bool)
    (polygon,) = shapes_of(mask)
    assert polygon.is_valid
    assert len(polygon.interiors) == 2


def test_corners_only():
    mask = np.ones((40, 30), bool)
    assert [len(ring) for polygon in trace_polygons(mask) for ring in polygon] == [4]


def test_nothing():
    assert trace_polygons(np.zeros((3, 4), bool)) == []
