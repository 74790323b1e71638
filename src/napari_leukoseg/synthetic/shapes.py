"""Outlines, signed distances and textures from which cells are built.

A `Canvas` measures in units of the cell's radius with the origin at its
center, so a shape is written once for every magnification. Signed distances
are negative inside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Canvas",
    "Plane",
    "blurred",
    "capsule",
    "carve",
    "ellipse",
    "join",
    "radial_outline",
]

Plane = NDArray[np.floating[Any]]

OUTLINE_ANGLES = 512


def blurred(plane: Plane, sigma_px: float) -> Plane:
    """Return a plane blurred by a Gaussian."""
    soft: Plane = gaussian_filter(plane, sigma_px, truncate=3.0)
    return soft


class Canvas:
    """Square pixel grid around one cell.

    Parameters
    ----------
    radius_px : float
        Radius of the cell, the unit of length, in pixels.
    extent : float
        Half side of the square in radii.
    rng : numpy.random.Generator
        Source of the textures.

    Attributes
    ----------
    v, u : ndarray of float32, shape (side, side)
        Row and column coordinate in radii.
    half_px : int
        Row and column of the center pixel.
    """

    def __init__(
        self, radius_px: float, extent: float, rng: np.random.Generator
    ) -> None:
        self.radius_px = radius_px
        self.rng = rng
        self.half_px = math.ceil(radius_px * extent)
        axis = np.arange(-self.half_px, self.half_px + 1, dtype=np.float32)
        axis /= np.float32(radius_px)
        self.v, self.u = np.meshgrid(axis, axis, indexing="ij")

    def noise(self, scale: float) -> Plane:
        """Return smooth noise of unit variance with features of size `scale`."""
        sigma = max(scale * self.radius_px, 0.3)
        white = self.rng.standard_normal(self.u.shape, dtype=np.float32)
        # Unit variance where the kernel is well sampled, near enough elsewhere.
        scale_up = np.float32(2.0 * math.sqrt(math.pi) * sigma)
        noise: Plane = blurred(white, sigma) * scale_up
        return noise

    def warped(self, amount: float, scale: float) -> tuple[Plane, Plane]:
        """Return coordinates (v, u) shaken by smooth waves, for irregular edges."""
        v, u = self.v, self.u
        for _ in range(3):
            angle, phase_v, phase_u = self.rng.uniform(0.0, 2.0 * math.pi, 3)
            k = self.rng.uniform(0.6, 1.4) / scale
            wave = np.float32(k) * (
                v * np.float32(math.sin(angle)) + u * np.float32(math.cos(angle))
            )
            v = v + np.float32(amount) * np.sin(wave + np.float32(phase_v))
            u = u + np.float32(amount) * np.sin(wave + np.float32(phase_u))
        return v, u

    def coverage(self, distance: Plane) -> Plane:
        """Return the share of each pixel that lies inside, from 0 to 1."""
        share: Plane = 0.5 - distance * np.float32(self.radius_px)
        return share.clip(0.0, 1.0)

    def dots(
        self, inside: Plane, spacing: float, radius: float, *, spread: float = 0.3
    ) -> Plane:
        """Return round granules, 0 to 1, scattered where `inside` allows.

        Parameters
        ----------
        inside : ndarray of float32, shape (side, side)
            Probability that a site bears a granule.
        spacing, radius : float
            Mean distance between sites and radius of a granule, in radii.
        spread : float, optional
            Relative spread of the granules' strength.
        """
        step = max(spacing * self.radius_px, 1.0)
        side = self.u.shape[0]
        sites = np.arange(0.0, side, step)
        rows, columns = np.meshgrid(sites, sites, indexing="ij")
        columns = columns + (np.arange(len(sites)) % 2)[:, None] * step / 2
        shake = self.rng.uniform(-0.4, 0.4, (2, *rows.shape)) * step
        strength = 1.0 + spread * self.rng.standard_normal(rows.shape)
        rows = np.clip(np.rint(rows + shake[0]), 0, side - 1).astype(np.intp)
        columns = np.clip(np.rint(columns + shake[1]), 0, side - 1).astype(np.intp)
        keep = self.rng.random(rows.shape) < inside[rows, columns]
        points = np.zeros_like(self.u)
        np.add.at(points, (rows[keep], columns[keep]), strength[keep])
        sigma = max(radius * self.radius_px * 0.6, 0.45)
        # The last factor makes a lone granule flat-topped rather than a Gaussian.
        blobs: Plane = blurred(points, sigma) * np.float32(
            2.0 * math.pi * sigma**2 * 1.5
        )
        return blobs.clip(0.0, 1.3)


def radial_outline(
    canvas: Canvas,
    harmonics: Sequence[float],
    *,
    dents: Sequence[tuple[float, float, float]] = (),
) -> Plane:
    """Return the distance to a wobbly circle of unit radius.

    Parameters
    ----------
    canvas : Canvas
        Grid to draw on.
    harmonics : sequence of float
        Amplitude of the waves with 2, 3, 4, ... periods around the edge.
    dents : sequence of (angle, width, depth), optional
        Hollows that neighbors press into the edge; radians and radii.
    """
    angles = np.linspace(-math.pi, math.pi, OUTLINE_ANGLES + 1)
    radius = np.ones_like(angles)
    for k, amplitude in enumerate(harmonics, start=2):
        phase = canvas.rng.uniform(0.0, 2.0 * math.pi)
        size = amplitude * canvas.rng.normal(1.0, 0.3)
        radius += size * np.cos(k * angles + phase)
    for angle, width, depth in dents:
        away = np.abs((angles - angle + math.pi) % (2.0 * math.pi) - math.pi)
        radius -= depth * np.exp(-0.5 * (away / width) ** 2)
    turn = np.arctan2(canvas.v, canvas.u)
    index = ((turn + math.pi) * (OUTLINE_ANGLES / (2.0 * math.pi))).astype(np.intp)
    edge = radius.astype(np.float32)[index]
    distance: Plane = np.hypot(canvas.v, canvas.u) - edge
    return distance


def ellipse(
    v: Plane,
    u: Plane,
    center: tuple[float, float],
    axes: tuple[float, float],
    angle: float,
) -> Plane:
    """Return the approximate distance to a turned ellipse."""
    sine, cosine = np.float32(math.sin(angle)), np.float32(math.cos(angle))
    dv, du = v - np.float32(center[0]), u - np.float32(center[1])
    along = (du * cosine + dv * sine) / np.float32(axes[0])
    across = (dv * cosine - du * sine) / np.float32(axes[1])
    distance: Plane = (np.hypot(along, across) - 1.0) * np.float32(min(axes))
    return distance


def capsule(
    v: Plane,
    u: Plane,
    start: tuple[float, float],
    stop: tuple[float, float],
    width: float,
) -> Plane:
    """Return the distance to a thick line from `start` to `stop`."""
    sv, su = stop[0] - start[0], stop[1] - start[1]
    dv, du = v - np.float32(start[0]), u - np.float32(start[1])
    share = (dv * np.float32(sv) + du * np.float32(su)) / np.float32(
        max(sv**2 + su**2, 1e-9)
    )
    share = np.clip(share, 0.0, 1.0)
    distance: Plane = np.hypot(dv - share * np.float32(sv), du - share * np.float32(su))
    return distance - np.float32(width)


def join(a: Plane, b: Plane, softness: float) -> Plane:
    """Return the union of two shapes with a fillet of about `softness`."""
    h = np.clip(0.5 + (b - a) / np.float32(2.0 * softness), 0.0, 1.0)
    union: Plane = b + (a - b) * h - np.float32(softness) * h * (1.0 - h)
    return union


def carve(a: Plane, b: Plane, softness: float) -> Plane:
    """Return shape `a` without shape `b`, the edge rounded."""
    return -join(-a, b, softness)
