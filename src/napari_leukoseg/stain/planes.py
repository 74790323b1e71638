"""Arithmetic of colors, the same for NumPy arrays and torch tensors.

A picture is three planes of any shape. Sums are written out rather than left to
matrix products, whose rounding depends on where in an array a pixel lies.

References
----------
IEC 61966-2-1 (sRGB); CIE 15 (CIELAB, D65, 2 degrees).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "Planes",
    "byte_levels",
    "density_of",
    "lab_of",
    "light_of",
    "lightness",
    "luminance_tables",
    "mixed",
    "piecewise_linear",
    "relative_light",
    "rgb_of",
    "unit_levels",
]

Planes = tuple[Any, Any, Any]
"""Red, green and blue, or L*, a* and b*: arrays or tensors of one shape."""

RGB_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
XYZ_TO_RGB = np.linalg.inv(RGB_TO_XYZ)

WHITE = (0.95047, 1.0, 1.08883)
"""Tristimulus values of D65."""

_CUBE_FROM = 0.008856
_SLOPE, _OFFSET = 7.787, 16.0 / 116.0


def _namespace(array: Any) -> Any:
    """Return the library that an array belongs to."""
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def mixed(matrix: NDArray[np.float64] | Sequence[Any], planes: Planes) -> Planes:
    """Multiply the vector of each pixel by a matrix of shape (3, 3)."""
    x, y, z = planes
    rows = [[float(value) for value in row] for row in matrix]
    first, second, third = (a * x + b * y + c * z for a, b, c in rows)
    return first, second, third


def unit_levels(rgb: Planes) -> Planes:
    """Take gray levels from 0 to 255 to 0 to 1."""
    return rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0


def byte_levels(rgb: Planes) -> Planes:
    """Take gray levels from 0 to 1 to 0 to 255, not rounded."""
    return rgb[0] * 255.0, rgb[1] * 255.0, rgb[2] * 255.0


def relative_light(rgb: Planes, light: Sequence[float]) -> Planes:
    """Return gray levels, 0 to 255, as shares of a light.

    Parameters
    ----------
    rgb : planes
        Gray levels; one is added, so that black has an optical density.
    light : sequence of 3 floats
        Gray levels where nothing absorbs, plus one where white shall give 1.
    """
    first, second, third = (
        (plane + 1.0) / level for plane, level in zip(rgb, light, strict=True)
    )
    return first, second, third


def density_of(share: Planes) -> Planes:
    """Return the optical density, by natural logarithm, of a share of light."""
    log = _namespace(share[0]).log
    return -log(share[0]), -log(share[1]), -log(share[2])


def light_of(density: Planes) -> Planes:
    """Return the share of light that passes an optical density."""
    exp = _namespace(density[0]).exp
    return exp(-density[0]), exp(-density[1]), exp(-density[2])


def lab_of(rgb: Planes) -> Planes:
    """Convert sRGB to CIELAB.

    Parameters
    ----------
    rgb : planes
        0 to 1; brighter is allowed.

    Returns
    -------
    lab : planes
        L* 0 to 100 for 0 to 1 of gray; a*, b*.
    """
    xyz = mixed(RGB_TO_XYZ, (_linear(rgb[0]), _linear(rgb[1]), _linear(rgb[2])))
    x, y, z = (
        _cube_root(value / white) for value, white in zip(xyz, WHITE, strict=True)
    )
    return 116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)


def luminance_tables(light: Sequence[float]) -> NDArray[np.float64]:
    """Return what each gray level of red, green and blue adds to luminance.

    Parameters
    ----------
    light : sequence of 3 floats
        See `relative_light`.

    Returns
    -------
    tables : ndarray of shape (3, 256)
        Their sum over the channels of a pixel is 1 for the light itself.
    """
    levels = np.arange(256.0)
    shares = relative_light((levels, levels, levels), light)
    weights = RGB_TO_XYZ[1].tolist()
    return np.stack([w * _linear(s) for w, s in zip(weights, shares, strict=True)])


def lightness(luminance: Any) -> Any:
    """Return L* of a luminance, 1 being white."""
    return 116.0 * _cube_root(luminance) - 16.0


def rgb_of(lab: Planes) -> Planes:
    """Convert CIELAB to sRGB.

    Colors outside sRGB give values below 0, cut off there, or above 1.
    """
    y = (lab[0] + 16.0) / 116.0
    x, z = y + lab[1] / 500.0, y - lab[2] / 200.0
    xyz = (_cube(x) * WHITE[0], _cube(y) * WHITE[1], _cube(z) * WHITE[2])
    red, green, blue = mixed(XYZ_TO_RGB, xyz)
    return _encoded(red), _encoded(green), _encoded(blue)


def _linear(value: Any) -> Any:
    """Undo the transfer curve of sRGB."""
    xp = _namespace(value)
    curve = ((xp.clip(value, 0.0, None) + 0.055) / 1.055) ** 2.4
    return xp.where(value > 0.04045, curve, value / 12.92)


def _encoded(value: Any) -> Any:
    """Apply the transfer curve of sRGB; negative light is none."""
    xp = _namespace(value)
    value = xp.clip(value, 0.0, None)
    return xp.where(
        value > 0.0031308, 1.055 * value ** (1 / 2.4) - 0.055, 12.92 * value
    )


def _cube_root(value: Any) -> Any:
    """Compress a tristimulus value as CIELAB does."""
    xp = _namespace(value)
    root = xp.clip(value, _CUBE_FROM, None) ** (1 / 3)
    return xp.where(value > _CUBE_FROM, root, _SLOPE * value + _OFFSET)


def _cube(value: Any) -> Any:
    """Undo `_cube_root`."""
    xp = _namespace(value)
    cube = value * value * value
    return xp.where(cube > _CUBE_FROM, cube, (value - _OFFSET) / _SLOPE)


def piecewise_linear(plane: Any, x: NDArray[np.float64], y: NDArray[np.float64]) -> Any:
    """Interpolate between points, and go on with slope 1 beyond the outer ones.

    Parameters
    ----------
    plane : array or tensor
        Where to interpolate.
    x, y : ndarray of shape (P,)
        Points; `x` strictly increasing.
    """
    xp = _namespace(plane)
    inside = xp.clip(plane, float(x[0]), float(x[-1]))
    if xp is np:
        return np.interp(inside, x, y) + (plane - inside)
    if len(x) == 1:
        return plane + float(y[0] - x[0])
    knots, values = (
        xp.as_tensor(points, dtype=plane.dtype, device=plane.device)
        for points in (x, y)
    )
    right = xp.searchsorted(knots, inside.contiguous()).clip(1, len(x) - 1)
    share = (inside - knots[right - 1]) / (knots[right] - knots[right - 1])
    low, high = values[right - 1], values[right]
    return low + share * (high - low) + (plane - inside)
