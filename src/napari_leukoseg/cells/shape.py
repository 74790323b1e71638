"""Shape of a mask: diameter, eccentricity, solidity and circularity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import ConvexHull
from skimage.measure import perimeter_crofton

from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Shape", "bounding_region", "equivalent_diameter", "measure_shape"]


@dataclass(frozen=True)
class Shape:
    """Dimensionless shape of a mask; not-a-number for an empty one.

    Parameters
    ----------
    eccentricity : float
        Of the ellipse with the same second moments, 0 (circle) to below 1.
    solidity : float
        Area over the area of the convex hull of the pixels' squares, 0 to 1.
    circularity : float
        4π times area over squared perimeter, 0 to 1. The perimeter is Crofton's
        estimate from four directions, the least biased of scikit-image's on
        disks; small disks that would exceed 1 give 1.
    """

    eccentricity: float
    solidity: float
    circularity: float


def bounding_region(mask: NDArray[np.bool_]) -> Region:
    """Return the smallest rectangle that holds a mask, empty for an empty one."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return Region(0, 0, 0, 0)
    return Region.from_bounds(
        int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    )


def equivalent_diameter(area: float) -> float:
    """Return the diameter of the circle of the given area."""
    return math.sqrt(4 * area / math.pi)


def measure_shape(mask: NDArray[np.bool_]) -> Shape:
    """Measure the shape of a mask, all its pieces taken together.

    Parameters
    ----------
    mask : ndarray of bool, shape (M, N)
        True inside; may touch the border of the array, and may be empty.

    Returns
    -------
    shape : Shape
        Independent of the size of the mask up to what its pixels resolve.
    """
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        return Shape(math.nan, math.nan, math.nan)
    perimeter = float(perimeter_crofton(mask, directions=4))
    return Shape(
        _eccentricity(rows, columns),
        min(1.0, rows.size / _hull_area(mask)),
        min(1.0, 4 * math.pi * rows.size / perimeter**2),
    )


def _eccentricity(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> float:
    """Return the eccentricity of pixels seen as unit squares."""
    # A unit square has a variance of 1/12 along each axis.
    moments = np.cov(rows, columns, bias=True) + np.eye(2) / 12
    minor, major = np.linalg.eigvalsh(moments)
    return math.sqrt(max(0.0, 1 - minor / major))


def _hull_area(mask: NDArray[np.bool_]) -> float:
    """Return the area of the convex hull of the pixels' squares."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    stop = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    corners = [(r, c) for r in (rows, rows + 1) for c in (first, stop)]
    points = np.concatenate([np.column_stack(corner) for corner in corners])
    # Of a plane figure, scipy calls the area volume.
    return float(ConvexHull(points).volume)
