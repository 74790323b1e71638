"""Shapes of the five types' nuclei, as signed distances in cell radii."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.synthetic.shapes import capsule, carve, ellipse, join

if TYPE_CHECKING:
    from napari_leukoseg.synthetic.shapes import Canvas, Plane

__all__ = [
    "basophil_nucleus",
    "eosinophil_nucleus",
    "lymphocyte_nucleus",
    "monocyte_nucleus",
    "neutrophil_nucleus",
]

Point = tuple[float, float]

LOBE_WEIGHTS = (0.18, 0.40, 0.32, 0.10)
"""Frequency of neutrophils with 2, 3, 4 and 5 lobes in a normal differential."""

BAND_SHARE = 0.06
"""Frequency of neutrophils whose nucleus is an unsegmented band."""


def neutrophil_nucleus(canvas: Canvas) -> Plane:
    """Two to five lobes linked by filaments, or a band."""
    rng = canvas.rng
    if rng.random() < BAND_SHARE:
        return _band(canvas, radius=0.5, half_angle=rng.uniform(1.7, 2.3), width=0.19)
    n_lobes = int(rng.choice([2, 3, 4, 5], p=LOBE_WEIGHTS))
    # More lobes are smaller ones, set closer: nuclear area stays about the same.
    size = {2: 0.40, 3: 0.36, 4: 0.32, 5: 0.285}[n_lobes]
    step = {2: 2.4, 3: 1.75, 4: 1.42, 5: 1.18}[n_lobes]
    return _lobed(canvas, n_lobes, size=size, step=step, filament=0.05)


def eosinophil_nucleus(canvas: Canvas) -> Plane:
    """Two, seldom three, plump lobes joined by a filament."""
    n_lobes = 2 if canvas.rng.random() < 0.85 else 3
    size = 0.41 if n_lobes == 2 else 0.35
    return _lobed(canvas, n_lobes, size=size, step=2.05, filament=0.07)


def basophil_nucleus(canvas: Canvas) -> Plane:
    """Two or three ill-defined lobes that run into one another."""
    n_lobes = int(canvas.rng.integers(2, 4))
    return _lobed(canvas, n_lobes, size=0.44, step=1.35, filament=0.22)


def lymphocyte_nucleus(canvas: Canvas, *, is_large: bool) -> Plane:
    """Round or slightly indented and off the middle."""
    rng = canvas.rng
    long = rng.uniform(0.66, 0.80) if is_large else rng.uniform(0.80, 0.90)
    short = long * rng.uniform(0.86, 0.99)
    turn = rng.uniform(0.0, 2.0 * math.pi)
    shift = min(0.16, 0.96 - long) * rng.uniform(0.5, 1.0)
    center = (shift * math.sin(turn), shift * math.cos(turn))
    v, u = canvas.warped(0.025, 0.45)
    nucleus = ellipse(v, u, center, (long, short), rng.uniform(0.0, math.pi))
    if rng.random() < 0.4:
        # The notch faces the side with more cytoplasm.
        notch = -(short + 0.12) + shift
        at = (notch * math.sin(turn), notch * math.cos(turn))
        nucleus = carve(nucleus, ellipse(v, u, at, (0.28, 0.22), turn), 0.15)
    return nucleus


def monocyte_nucleus(canvas: Canvas) -> Plane:
    """Kidney, horseshoe or folded."""
    rng = canvas.rng
    # Kidneys are more frequent than horseshoes.
    is_kidney = rng.random() < 0.6
    half_angle = rng.uniform(0.4, 0.9) if is_kidney else rng.uniform(1.0, 1.75)
    width = rng.uniform(0.46, 0.54) - 0.10 * half_angle
    nucleus = _band(canvas, radius=0.36, half_angle=half_angle, width=width)
    for _ in range(int(rng.integers(0, 3))):
        # A fold seen from above: a narrow bay in the edge.
        turn = rng.uniform(0.0, 2.0 * math.pi)
        away = rng.uniform(0.62, 0.74)
        at = (away * math.sin(turn), away * math.cos(turn))
        v, u = canvas.v, canvas.u
        bay = ellipse(v, u, at, (rng.uniform(0.18, 0.32), 0.07), turn)
        nucleus = carve(nucleus, bay, 0.06)
    return nucleus


def _lobed(
    canvas: Canvas, n_lobes: int, *, size: float, step: float, filament: float
) -> Plane:
    """Lobes along a bent chain."""
    rng = canvas.rng
    v, u = canvas.warped(0.03, 0.22)
    centers = _chain(rng, n_lobes, reach=0.88 - size, step=step)
    nucleus = np.full_like(u, 9.0)
    for center in centers:
        long = size * rng.uniform(0.92, 1.14)
        axes = (long, long * rng.uniform(0.74, 0.95))
        # Lobes tend to lie along the chain, across the radius.
        angle = math.atan2(center[0], center[1]) + math.pi / 2 + rng.normal(0.0, 0.5)
        nucleus = join(nucleus, ellipse(v, u, center, axes, angle), 0.04)
    for start, stop in pairwise(centers):
        width = filament * rng.uniform(0.7, 1.3)
        nucleus = join(nucleus, capsule(v, u, start, stop, width), 0.05)
    return nucleus


def _chain(
    rng: np.random.Generator, n: int, *, reach: float, step: float
) -> list[Point]:
    """Lobe centers on an arc, alternately nearer to and farther from the middle."""
    angle = rng.uniform(0.0, 2.0 * math.pi)
    turn = rng.choice([-1.0, 1.0])
    tilt = (rng.normal(0.0, 0.08), rng.normal(0.0, 0.08))
    centers = []
    for k in range(n):
        zigzag = -0.1 if k % 2 else 0.0
        radius = reach * rng.uniform(0.86, 1.04) + zigzag
        centers.append(
            (radius * math.sin(angle) + tilt[0], radius * math.cos(angle) + tilt[1])
        )
        angle += turn * step * rng.uniform(0.85, 1.12)
    return centers


def _band(canvas: Canvas, *, radius: float, half_angle: float, width: float) -> Plane:
    """Thick arc of uneven width, moved so that it lies about the middle."""
    rng = canvas.rng
    turn = rng.uniform(0.0, 2.0 * math.pi)
    # The middle of mass of an arc lies toward its back: bring it home.
    back = radius * math.sin(half_angle) / half_angle * rng.uniform(0.6, 0.95)
    origin = (-back * math.sin(turn), -back * math.cos(turn))
    v, u = canvas.warped(0.045, 0.4)
    angles = np.linspace(turn - half_angle, turn + half_angle, 7)
    points = [
        (origin[0] + radius * math.sin(a), origin[1] + radius * math.cos(a))
        for a in angles
    ]
    nucleus = np.full_like(u, 9.0)
    for start, stop in pairwise(points):
        thick = width * rng.uniform(0.88, 1.12)
        nucleus = join(nucleus, capsule(v, u, start, stop, thick), 0.08)
    return nucleus
