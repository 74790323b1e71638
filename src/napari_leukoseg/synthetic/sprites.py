"""Red cells and platelets, drawn once as small stamps and placed many times."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.synthetic.shapes import Canvas, blurred, radial_outline

if TYPE_CHECKING:
    from napari_leukoseg.synthetic.shapes import Plane

__all__ = [
    "PLATELET_RADIUS",
    "RED_CELL_RADIUS",
    "draw_platelets",
    "draw_red_cells",
    "turned",
]

RED_CELL_RADIUS = 7.4 / 13.0
"""Radius of a red cell in neutrophil radii."""

PLATELET_RADIUS = 2.2 / 13.0
"""Mean radius of a platelet in neutrophil radii."""

N_RED_CELLS = 128
N_PLATELETS = 32


def turned(sprite: Plane, turn: int) -> Plane:
    """Return one of the eight ways (0 to 7) in which a square can lie; a view."""
    if turn & 4:
        sprite = sprite.T
    if turn & 2:
        sprite = sprite[::-1]
    return sprite[:, ::-1] if turn & 1 else sprite


def draw_red_cells(
    unit_px: float,
    blur_px: float,
    rng: np.random.Generator,
    *,
    pallor: float,
    has_ghosts: bool,
) -> list[Plane]:
    """Draw the stock of red cells.

    Parameters
    ----------
    unit_px : float
        Neutrophil radius in pixels.
    blur_px : float
        Standard deviation of the optical blur in pixels.
    rng : numpy.random.Generator
        Decides shapes and sizes.
    pallor : float
        Mean depth of the central pallor, 0 to 1.
    has_ghosts : bool
        Draw lysed cells: a thin rim around a faint disc.

    Returns
    -------
    sprites : list of ndarray of float32, shape (side, side)
        Relative optical density: about 1 where a cell is thick.
    """
    return [
        _red_cell(unit_px, blur_px, rng, pallor=pallor, is_ghost=has_ghosts)
        for _ in range(N_RED_CELLS)
    ]


def _red_cell(
    unit_px: float,
    blur_px: float,
    rng: np.random.Generator,
    *,
    pallor: float,
    is_ghost: bool,
) -> Plane:
    """One red cell."""
    radius = RED_CELL_RADIUS * rng.normal(1.0, 0.07)
    canvas = Canvas(radius * unit_px, 1.5, rng)
    edge = radial_outline(canvas, _red_cell_waves(rng))
    # Share of the way from the middle to the edge.
    reach = np.hypot(canvas.v, canvas.u)
    q = reach / np.maximum(reach - edge, 0.3)
    inside = canvas.coverage(edge)
    if is_ghost:
        disc = 0.12 + np.exp(-np.square((q - 0.93) / np.float32(0.055)))
        return blurred(inside * disc, blur_px)
    disc = 0.86 + 0.14 * q + 0.10 * np.exp(-np.square((q - 0.92) / np.float32(0.07)))
    disc *= 1.0 - _pallor(canvas, rng, pallor)
    disc += 0.015 * canvas.noise(0.08)
    if rng.random() < 0.04:
        disc *= 1.0 - _drying_mark(canvas, rng)
    return blurred(inside * np.maximum(disc, 0.0), blur_px)


def _red_cell_waves(rng: np.random.Generator) -> list[float]:
    """Harmonics of the outline: round, oval, pressed, or crenated."""
    kind = rng.random()
    if kind < 0.015:
        return [0.03, 0.02, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.055, 0.03]
    if kind < 0.12:
        return [rng.uniform(0.12, 0.22), 0.03, 0.015]
    if kind < 0.3:
        return [0.07, 0.05, 0.035, 0.02]
    return [rng.uniform(0.01, 0.07), 0.018, 0.01]


def _pallor(canvas: Canvas, rng: np.random.Generator, mean: float) -> Plane:
    """Depth of the pale middle: a soft bowl, or a sharp ring hole."""
    depth = float(np.clip(rng.normal(mean, 0.22), 0.0, 0.85))
    size = rng.uniform(0.36, 0.55)
    v = canvas.v - np.float32(rng.normal(0.0, 0.06))
    u = (canvas.u - np.float32(rng.normal(0.0, 0.06))) * np.float32(
        rng.uniform(0.85, 1.15)
    )
    steep = 8.0 if rng.random() < 0.35 else 2.6
    away = np.hypot(v, u) / np.float32(size)
    bowl: Plane = np.float32(depth) / (1.0 + away ** np.float32(steep))
    return bowl


def _drying_mark(canvas: Canvas, rng: np.random.Generator) -> Plane:
    """Small refractile spot left by slow drying: bright with a dark ring."""
    v = canvas.v - np.float32(rng.uniform(-0.4, 0.4))
    u = canvas.u - np.float32(rng.uniform(-0.4, 0.4))
    away = np.hypot(v, u) / np.float32(rng.uniform(0.08, 0.16))
    ring = np.exp(-np.square((away - 1.5) / np.float32(0.4)))
    spot: Plane = 0.9 * np.exp(-np.square(away)) - 0.5 * ring
    return spot


def draw_platelets(
    unit_px: float, blur_px: float, rng: np.random.Generator
) -> list[Plane]:
    """Draw the stock of platelets, and a few specks of stain.

    Parameters and result are those of `draw_red_cells`.
    """
    return [_platelet(unit_px, blur_px, rng) for _ in range(N_PLATELETS)]


def _platelet(unit_px: float, blur_px: float, rng: np.random.Generator) -> Plane:
    """One platelet: dark granules in a paler, ragged disc."""
    if rng.random() < 0.12:
        canvas = Canvas(0.05 * unit_px + 0.3, 4.0, rng)
        return blurred(canvas.coverage(radial_outline(canvas, [0.1])), blur_px)
    radius = PLATELET_RADIUS * math.exp(rng.normal(-0.1, 0.3))
    canvas = Canvas(max(radius * unit_px, 2.0), 1.7, rng)
    edge = radial_outline(canvas, [0.14, 0.1, 0.08, 0.06, 0.05])
    granules = canvas.dots(
        np.clip(1.1 - np.hypot(canvas.v, canvas.u), 0.0, 1.0), 0.3, 0.16
    )
    disc = canvas.coverage(edge) * (0.28 + 0.62 * granules)
    return blurred(disc, blur_px)
