"""Color and texture of the pixels of one part of a cell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from skimage.feature import graycomatrix, graycoprops

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["measure_color", "measure_texture"]

CHANNELS = ("red", "green", "blue")

VALUES = np.arange(256, dtype=np.float64)

OPTICAL_DENSITY = -np.log10(np.maximum(VALUES, 1) / 255)
"""Decadic optical density of 8-bit values against white; 0 is taken as 1."""

TEXTURE_STEP_OD = 0.1
"""Optical density that makes one gray level of the texture."""

TEXTURE_LEVELS = 16
"""Gray levels of the texture; the last holds all densities above."""

TEXTURE_PROPERTIES = ("contrast", "homogeneity", "energy", "correlation")

ANGLES = (0, math.pi / 4, math.pi / 2, 3 * math.pi / 4)


def measure_color(
    image: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> dict[str, float]:
    """Measure mean, standard deviation and optical density of each channel.

    Parameters
    ----------
    image : ndarray of uint8, shape (M, N, 3)
        RGB picture.
    mask : ndarray of bool, shape (M, N)
        Pixels to measure.

    Returns
    -------
    features : dict
        ``<channel>_mean`` and ``<channel>_sd`` in 8-bit values, ``<channel>_od``
        in decadic optical density; not-a-number for an empty mask.
    """
    pixels = image[mask]  # (n_pixels, 3)
    if not len(pixels):
        names = (f"{c}_{s}" for c in CHANNELS for s in ("mean", "sd", "od"))
        return dict.fromkeys(names, math.nan)
    features = {}
    for index, channel in enumerate(CHANNELS):
        # Sums over a histogram cost a tenth of sums over the pixels.
        weights = np.bincount(pixels[:, index], minlength=256) / len(pixels)
        mean = float(weights @ VALUES)
        features[f"{channel}_mean"] = mean
        features[f"{channel}_sd"] = math.sqrt(float(weights @ (VALUES - mean) ** 2))
        features[f"{channel}_od"] = float(weights @ OPTICAL_DENSITY)
    return features


def measure_texture(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], distance_px: int
) -> dict[str, float]:
    """Measure Haralick features of the green channel's optical density.

    Green is where nuclei and granules of a Romanowsky stain absorb most.

    Parameters
    ----------
    image : ndarray of uint8, shape (M, N, 3)
        RGB picture.
    mask : ndarray of bool, shape (M, N)
        Pixels to measure; only pairs with both pixels inside count.
    distance_px : int
        Distance between the pixels of a pair, 1 or more.

    Returns
    -------
    features : dict
        ``contrast``, ``homogeneity``, ``energy`` and ``correlation`` of the pairs
        in four directions; not-a-number where no pair fits into the mask.

    References
    ----------
    .. [1] R. M. Haralick et al., "Textural features for image classification",
       IEEE Trans. Systems, Man, and Cybernetics 3(6), 1973.
    """
    # Level 0 is outside, so its row and column hold the pairs to leave out.
    levels = np.where(mask, _GRAY_LEVELS[image[..., 1]], 0)
    pairs = graycomatrix(
        levels, [distance_px], ANGLES, TEXTURE_LEVELS + 1, symmetric=True
    )[1:, 1:].sum(axis=3, keepdims=True)  # (level, level, 1, 1)
    if not pairs.any():
        return dict.fromkeys(TEXTURE_PROPERTIES, math.nan)
    return {name: float(graycoprops(pairs, name)[0, 0]) for name in TEXTURE_PROPERTIES}


_GRAY_LEVELS = (
    1 + np.minimum(OPTICAL_DENSITY // TEXTURE_STEP_OD, TEXTURE_LEVELS - 1)
).astype(np.uint8)
