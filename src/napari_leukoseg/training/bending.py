"""Bends crops as lenses and soft tissue do: fields that displace coordinates.

A field is drawn once and read for picture and targets alike, so they stay
registered whatever is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ConfigDict, with_config
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BendSettings",
    "bend",
    "deformation_field",
    "distortion_field",
    "look_through_lenses",
]

REFERENCE_SIDE_PX = 512
"""Side of the pictures for which lengths are given; they grow with the crop's."""

LENS_CENTERS = ((0.3, 0.3), (0.3, 0.7), (0.5, 0.5), (0.7, 0.3), (0.7, 0.7))
"""Row and column of each lens, in sides; the first ones are used."""

LENS_RADIUS = 0.3
"""Radius of a lens, in sides."""

DISTORTION_SIGMA_PX = 40.0
"""Smoothing of the noise of a distortion, on `REFERENCE_SIDE_PX`."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class BendSettings:
    """How often and how far a crop is bent; the published recipe is the default.

    Parameters
    ----------
    lens, deformation, distortion : float, optional
        Probability of barrels or pincushions, of an elastic deformation and of
        a smooth distortion; zero turns one off and draws nothing.
    lens_amount : float, optional
        Exponent of the lens; barrel and pincushion are equally likely.
    deformation_strength : float, optional
        Factor of the smoothed noise (alpha).
    deformation_sigma_px : tuple of float, optional
        Smoothing of the noise, drawn between these, on a side of 512 pixels.
    distortion_share : tuple of float, optional
        Largest displacement in sides of the crop, drawn between these.
    """

    lens: float = 0.0
    deformation: float = 0.0
    distortion: float = 0.0
    lens_amount: float = 0.3
    deformation_strength: float = 1300.0
    deformation_sigma_px: tuple[float, float] = (8.0, 10.0)
    distortion_share: tuple[float, float] = (0.02, 0.03)


def look_through_lenses(
    points: NDArray[np.float32], side: int, amount: float, n_lenses: int
) -> NDArray[np.float32]:
    """Where each point comes from when seen through lenses laid on in turn.

    Parameters
    ----------
    points : ndarray of shape (2, M, N)
        Rows and columns in pixels from the middle of the crop.
    side : int
        Side of the crop in pixels.
    amount : float
        Exponent: positive for barrels, negative for pincushions.
    n_lenses : int
        How many of `LENS_CENTERS`, one after the other.

    Returns
    -------
    source : ndarray of shape (2, M, N) and dtype float32
        Inside radius R of a center, at distance r, center + (p - center) *
        sin(pi r / 2R) ** amount; outside, the point itself.
    """
    source = np.asarray(points, np.float64)
    # The lens laid on last is the first that a ray meets.
    for center in reversed(LENS_CENTERS[:n_lenses]):
        middle = (np.asarray(center) - 0.5)[:, None, None] * side
        offset = source - middle
        share = np.clip(np.hypot(*offset) / (LENS_RADIUS * side), 1e-9, 1)
        source = middle + offset * np.sin(np.pi / 2 * share) ** amount
    return source.astype(np.float32)


def deformation_field(
    side: int, strength: float, sigma_px: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Elastic displacement: uniform noise, smoothed and multiplied.

    In the recipe the noise is drawn for three color channels and smoothed
    across them too, which weakens it by sqrt(3) / (sigma sqrt(2 pi)).

    Parameters
    ----------
    side : int
        Side of the crop.
    strength, sigma_px : float
        Alpha and sigma for a side of `REFERENCE_SIDE_PX`.
    rng : Generator
        Source of randomness.

    Returns
    -------
    field : ndarray of shape (2, side, side) and dtype float32
        Displacement in pixels.

    References
    ----------
    .. [1] P. Simard, D. Steinkraus, J. Platt, "Best practices for
       convolutional neural networks applied to visual document analysis",
       ICDAR 2003.
    """
    zoom = side / REFERENCE_SIDE_PX
    noise = rng.uniform(-1, 1, (2, side, side)).astype(np.float32)
    smooth = ndimage.gaussian_filter(
        noise, (0, sigma_px * zoom, sigma_px * zoom), mode="constant"
    )
    across_channels = np.sqrt(3) / (sigma_px * np.sqrt(2 * np.pi))
    # Smoothing over `zoom` times the pixels weakens noise by as much again.
    return np.asarray(smooth * strength * across_channels * zoom**2, np.float32)


def distortion_field(
    side: int, share: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Smooth displacement: the slopes of smoothed noise.

    Parameters
    ----------
    side : int
        Side of the crop.
    share : float
        Largest displacement along each axis, in sides.
    rng : Generator
        Source of randomness.

    Returns
    -------
    field : ndarray of shape (2, side, side) and dtype float32
        Displacement in pixels.
    """
    noise = rng.standard_normal((side, side))
    sigma = DISTORTION_SIGMA_PX * side / REFERENCE_SIDE_PX
    slopes = np.stack(
        [
            ndimage.gaussian_filter(noise, sigma, order=order)
            for order in ((1, 0), (0, 1))
        ]
    )
    steepest = np.abs(slopes).max(axis=(1, 2), keepdims=True)
    return np.asarray(slopes / steepest * share * side, np.float32)


def bend(
    points: NDArray[np.float32], settings: BendSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Displace the points of a crop at random.

    Parameters
    ----------
    points : ndarray of shape (2, S, S) and dtype float32
        Rows and columns in pixels from the middle.
    settings : BendSettings
        What is drawn, and how often.
    rng : Generator
        Source of randomness; nothing is drawn where all is off.

    Returns
    -------
    bent : ndarray of shape (2, S, S) and dtype float32
        Where each pixel comes from.
    """
    side = points.shape[1]
    if settings.distortion and rng.random() < settings.distortion:
        share = rng.uniform(*settings.distortion_share)
        points = points + distortion_field(side, share, rng)
    if settings.deformation and rng.random() < settings.deformation:
        sigma = rng.uniform(*settings.deformation_sigma_px)
        strength = settings.deformation_strength
        points = points + deformation_field(side, strength, sigma, rng)
    if settings.lens and rng.random() < settings.lens:
        amount = settings.lens_amount * rng.choice([-1, 1])
        n_lenses = int(rng.integers(1, len(LENS_CENTERS) + 1))
        points = look_through_lenses(points, side, amount, n_lenses)
    return points
