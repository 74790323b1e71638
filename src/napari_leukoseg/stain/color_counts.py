"""The distinct colors of a picture, each with its number of pixels.

A field has millions of pixels but far fewer colors. Whatever depends on colors
alone is computed once for each of them, and exactly so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain.planes import density_of, relative_light

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from napari_leukoseg.stain.planes import Planes

__all__ = [
    "ColorCounts",
    "check_image",
    "pack_colors",
    "unpack_colors",
    "weighted_quantile",
]

ENOUGH_PX = 1 << 20
"""Pixels of a picture that are counted one by one."""

_KEY = np.dtype("<u4")


def check_image(image: NDArray[Any]) -> None:
    """Refuse what is not a picture of 8-bit RGB.

    Raises
    ------
    SettingsError
        If it is not an array of shape (M, N, 3), dtype uint8, with a pixel.
    """
    found = f"{getattr(image, 'dtype', type(image).__name__)} {np.shape(image)}"
    is_rgb = isinstance(image, np.ndarray) and image.shape[2:] == (3,)
    if not is_rgb or image.dtype != np.uint8:
        raise SettingsError(
            f"A picture of type {found} cannot be standardized; give RGB of shape "
            "(rows, columns, 3) as 8-bit integers, 0 to 255."
        )
    if image.size == 0:
        raise SettingsError(
            f"A picture of shape {image.shape} has no pixel; give one or more."
        )


def pack_colors(colors: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return each color as one number below 2**24.

    Parameters
    ----------
    colors : ndarray of shape (..., 3) and dtype uint8

    Returns
    -------
    keys : ndarray of shape (...) and dtype uint32
    """
    padded = np.zeros((*colors.shape[:-1], 4), np.uint8)
    padded[..., :3] = colors
    keys: NDArray[np.uint32] = padded.view(_KEY)[..., 0]
    return keys


def unpack_colors(keys: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return the colors of keys; bits above the lowest 24 are left out."""
    parts = np.ascontiguousarray(keys, _KEY)[..., None].view(np.uint8)
    return np.ascontiguousarray(parts[..., :3])


@dataclass(frozen=True, eq=False)
class ColorCounts:
    """Distinct colors and how many pixels have each.

    Parameters
    ----------
    colors : ndarray of shape (K, 3)
        RGB, 0 to 255.
    counts : ndarray of shape (K,) and dtype float64
        Numbers of pixels.
    """

    colors: NDArray[np.float64]
    counts: NDArray[np.float64]

    @classmethod
    def of_image(cls, image: NDArray[np.uint8]) -> ColorCounts:
        """Count the colors of a picture.

        Parameters
        ----------
        image : ndarray of shape (M, N, 3) and dtype uint8

        Raises
        ------
        SettingsError
            If it is something else.
        """
        return cls.of_images([image])

    @classmethod
    def of_images(cls, images: Iterable[NDArray[np.uint8]]) -> ColorCounts:
        """Count the colors of several pictures together.

        Of a picture of more than `ENOUGH_PX` pixels, those of an even grid stand for
        all: a million pixels tell quantiles to a small part of a gray level.
        """
        keys, weights = [], []
        for image in images:
            check_image(image)
            step = math.ceil(math.sqrt(image.size / 3 / ENOUGH_PX))
            keys.append(pack_colors(image[::step, ::step]).ravel())
            weights.append(image.size / 3 / keys[-1].size)
        joined = np.concatenate(keys)
        counts: NDArray[np.float64]
        if len(set(weights)) == 1:  # without places it is several times as fast
            distinct, n_pixels = np.unique(joined, return_counts=True)
            counts = n_pixels.astype(np.float64) * weights[0]
        else:
            distinct, place = np.unique(joined, return_inverse=True)
            each = np.repeat(weights, [len(own) for own in keys])
            counts = np.bincount(place, each).astype(np.float64)
        return cls(unpack_colors(distinct).astype(np.float64), counts)

    @property
    def planes(self) -> Planes:
        """Red, green and blue, each of shape (K,)."""
        first, second, third = self.colors.T
        return first, second, third

    def density(self, light: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return optical densities, natural logarithm, against a light.

        Parameters
        ----------
        light : ndarray of shape (3,)
            See `planes.relative_light`.

        Returns
        -------
        density : ndarray of shape (K, 3)
        """
        return np.stack(density_of(relative_light(self.planes, light.tolist())), axis=1)


def weighted_quantile(
    values: NDArray[np.float64], weights: NDArray[np.float64], q: ArrayLike
) -> NDArray[np.float64]:
    """Return quantiles as if each value were repeated `weights` times.

    Parameters
    ----------
    values, weights : ndarray of shape (K,)
        Weights of zero or more; whole numbers give what `numpy.quantile` gives
        for the repeated values.
    q : array_like of shape (Q,) or float
        Probabilities, 0 to 1.

    Returns
    -------
    quantiles : ndarray of shape (Q,) or ()
    """
    order = np.argsort(values, kind="stable")
    ordered, ranks = values[order], np.cumsum(weights[order])
    position = np.asarray(q, float) * max(ranks[-1] - 1, 0)
    below = np.floor(position)
    last = len(ordered) - 1
    low, high = (
        ordered[np.minimum(np.searchsorted(ranks, rank, side="right"), last)]
        for rank in (below, below + 1)
    )
    quantiles: NDArray[np.float64] = low + (position - below) * (high - low)
    return quantiles
