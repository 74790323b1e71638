"""Draws one white cell of each of the five types, whole, with its exact masks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.synthetic import nuclei
from napari_leukoseg.synthetic.shapes import Canvas, blurred, radial_outline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.synthetic.shapes import Plane

__all__ = [
    "BASOPHIL",
    "EOSINOPHIL",
    "EXTENT",
    "LYMPHOCYTE",
    "MONOCYTE",
    "NEUTROPHIL",
    "CellPatch",
    "draw_radius",
    "draw_white_cell",
]

NEUTROPHIL, LYMPHOCYTE, MONOCYTE, EOSINOPHIL, BASOPHIL = 1, 2, 3, 4, 5

EXTENT = 1.4
"""Half side of a cell's square in cell radii; no outline reaches beyond."""

LARGE_LYMPHOCYTE = 0.80
"""Radius, in neutrophil radii, from which a lymphocyte is of the large kind."""


@dataclass(frozen=True, eq=False)
class CellPatch:
    """One drawn white cell on its own square.

    Parameters
    ----------
    dyes : ndarray of float32, shape (3, side, side)
        Optical density due to thiazine, eosin and azure, times `opacity`.
    opacity : ndarray of float32, shape (side, side)
        How much the cell hides what lies below, 0 to 1.
    nucleus, cytoplasm : ndarray of bool, shape (side, side)
        Exact, disjoint masks.
    """

    dyes: NDArray[np.float32]
    opacity: NDArray[np.float32]
    nucleus: NDArray[np.bool_]
    cytoplasm: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Anatomy:
    """Outline and dyes of a cell before optics."""

    cell: Plane
    nucleus: Plane
    cytoplasm_dyes: tuple[Plane, Plane, Plane]
    nucleus_dyes: tuple[Plane, Plane, Plane]
    cover: tuple[Plane, Plane] | None = None
    """Granules above all else: their opacity and their thiazine."""


def draw_radius(class_id: int, rng: np.random.Generator) -> float:
    """Return the radius of a cell of that class, in neutrophil radii."""
    if class_id == LYMPHOCYTE:
        is_small = rng.random() < 0.7
        return float(rng.uniform(0.62, 0.78) if is_small else rng.uniform(0.82, 1.08))
    low, high = {
        NEUTROPHIL: (0.92, 1.08),
        MONOCYTE: (1.12, 1.38),
        EOSINOPHIL: (1.0, 1.14),
        BASOPHIL: (0.84, 1.02),
    }[class_id]
    return float(rng.uniform(low, high))


def draw_white_cell(
    class_id: int,
    radius_px: float,
    blur_px: float,
    rng: np.random.Generator,
    *,
    unit_px: float,
) -> CellPatch:
    """Draw one cell.

    Parameters
    ----------
    class_id : int
        1 neutrophil, 2 lymphocyte, 3 monocyte, 4 eosinophil, 5 basophil.
    radius_px : float
        Radius in pixels.
    blur_px : float
        Standard deviation of the optical blur in pixels.
    rng : numpy.random.Generator
        Decides everything else about the cell.
    unit_px : float
        Radius of a neutrophil in pixels, by which lymphocytes are large or
        small.
    """
    canvas = Canvas(radius_px, EXTENT, rng)
    if class_id == LYMPHOCYTE:
        is_large = radius_px > LARGE_LYMPHOCYTE * unit_px
        anatomy = _lymphocyte(canvas, is_large=is_large)
    else:
        anatomy = _DRAWERS[class_id](canvas)
    return _develop(canvas, anatomy, blur_px)


def _develop(canvas: Canvas, anatomy: _Anatomy, blur_px: float) -> CellPatch:
    """Put nucleus over cytoplasm, granules over both, and blur."""
    # A nucleus never touches the membrane it lies in, not by a pixel.
    margin = max(0.025, 1.5 / canvas.radius_px)
    nucleus = np.maximum(anatomy.nucleus, anatomy.cell + np.float32(margin))
    inside = canvas.coverage(nucleus)
    layers = [
        below + (above - below) * inside
        for below, above in zip(
            anatomy.cytoplasm_dyes, anatomy.nucleus_dyes, strict=True
        )
    ]
    if anatomy.cover is not None:
        opacity, thiazine = anatomy.cover
        layers = [layer * (1.0 - opacity) for layer in layers]
        layers[0] += opacity * thiazine
        # Their stain is metachromatic: redder than the thiazine of chromatin.
        layers[1] += opacity * thiazine * np.float32(0.25)
    cover = canvas.coverage(anatomy.cell)
    dyes = np.stack([blurred(np.maximum(a, 0.0) * cover, blur_px) for a in layers])
    is_cell, is_nucleus = anatomy.cell < 0, nucleus < 0
    return CellPatch(
        dyes.astype(np.float32, copy=False),
        blurred(cover, blur_px).astype(np.float32, copy=False),
        is_cell & is_nucleus,
        is_cell & ~is_nucleus,
    )


def _outline(canvas: Canvas, wobble: float, *, n_dents: int, depth: float) -> Plane:
    """Cell edge: a few waves, and hollows pressed in by neighbors."""
    rng = canvas.rng
    waves = wobble * np.array([1.0, 0.6, 0.4, 0.25, 0.2, 0.12, 0.1])
    dents = [
        (
            rng.uniform(-math.pi, math.pi),
            rng.uniform(0.25, 0.45),
            depth * rng.uniform(0.4, 1.0),
        )
        for _ in range(n_dents)
    ]
    return radial_outline(canvas, waves.tolist(), dents=dents)


def _chromatin(
    canvas: Canvas, nucleus: Plane, density: float, *, clump: float, size: float
) -> tuple[Plane, Plane, Plane]:
    """Dyes of a nucleus: clumps of chromatin, denser at the nuclear membrane."""
    clumps = np.tanh(1.2 * canvas.noise(size) + 0.5 * canvas.noise(size * 0.5))
    # Parachromatin lies between clumps as narrow pale seams.
    seams = np.exp(-np.square((clumps + 0.5) / np.float32(0.3)))
    rim = np.exp(-np.square(nucleus / np.float32(0.05)))
    texture = clumps - 0.8 * seams
    thiazine = np.float32(density * canvas.rng.uniform(0.9, 1.1)) * (
        1.0 + np.float32(clump) * texture + np.float32(0.12) * rim
    )
    eosin = np.float32(0.10 * density) * (1.0 - 0.5 * texture)
    return thiazine, eosin, _flat(canvas, 0.04 * density)


def _flat(canvas: Canvas, value: float) -> Plane:
    """Even layer of a dye."""
    return np.full_like(canvas.u, value)


def _membrane(cell: Plane, width: float) -> Plane:
    """One at the cell's edge, falling to nothing `width` inward."""
    edge: Plane = np.exp(-np.square(np.minimum(cell + 0.02, 0.0) / np.float32(width)))
    return edge


def _neutrophil(canvas: Canvas) -> _Anatomy:
    """Pink cytoplasm dusted with fine granules."""
    rng = canvas.rng
    cell = _outline(canvas, 0.05, n_dents=int(rng.integers(0, 3)), depth=0.12)
    nucleus = nuclei.neutrophil_nucleus(canvas)
    strength = np.float32(rng.uniform(0.3, 1.3))
    dust = canvas.dots(_flat(canvas, 0.7), 0.08, 0.034, spread=0.6)
    cloud = canvas.noise(0.16)
    thiazine = 0.02 + strength * (0.085 * dust + 0.012 * canvas.noise(0.05))
    eosin = 0.10 + strength * 0.06 * dust + 0.018 * cloud
    azure = 0.02 + 0.04 * _membrane(cell, 0.06) - 0.008 * cloud
    return _Anatomy(
        cell,
        nucleus,
        (thiazine, eosin, azure),
        _chromatin(canvas, nucleus, 0.92, clump=0.20, size=0.075),
    )


def _lymphocyte(canvas: Canvas, *, is_large: bool) -> _Anatomy:
    """Dense round nucleus; blue cytoplasm, scant in the small kind."""
    rng = canvas.rng
    wobble, n_dents = (0.06, int(rng.integers(1, 4))) if is_large else (0.04, 0)
    cell = _outline(canvas, wobble, n_dents=n_dents, depth=0.14)
    nucleus = nuclei.lymphocyte_nucleus(canvas, is_large=is_large)
    blue = rng.uniform(0.11, 0.2) if is_large else rng.uniform(0.2, 0.34)
    # Paler beside the nucleus, bluer at the edge.
    shade = 0.75 + 0.45 * _membrane(cell, 0.22) + 0.10 * canvas.noise(0.07)
    azure = np.float32(blue) * shade
    # Some large ones bear a few azurophilic granules.
    share = rng.choice([0.0, 0.0, 0.05]) if is_large else 0.0
    granules = canvas.dots(_flat(canvas, share), 0.12, 0.04)
    density, clump = (0.76, 0.16) if is_large else (0.92, 0.21)
    return _Anatomy(
        cell,
        nucleus,
        (0.03 + 0.3 * granules + 0.15 * azure, 0.02 + 0.1 * granules, azure),
        _chromatin(canvas, nucleus, density, clump=clump, size=0.10),
    )


def _monocyte(canvas: Canvas) -> _Anatomy:
    """Folded nucleus of lacy chromatin; gray-blue cytoplasm with vacuoles."""
    rng = canvas.rng
    cell = _outline(canvas, 0.08, n_dents=int(rng.integers(1, 5)), depth=0.18)
    nucleus = nuclei.monocyte_nucleus(canvas)
    dust = canvas.dots(_flat(canvas, 0.5), 0.06, 0.025, spread=0.6)
    veil = 0.13 * canvas.noise(0.035) + 0.10 * canvas.noise(0.1)
    veil += 0.12 * canvas.noise(0.3)
    azure = np.float32(rng.uniform(0.07, 0.14)) * (1.0 + veil)
    azure += 0.05 * _membrane(cell, 0.12)
    thiazine = np.float32(0.045) * (1.0 + veil) + 0.05 * dust
    eosin = np.float32(rng.uniform(0.03, 0.07)) + 0.02 * dust
    holes = _vacuoles(canvas, int(rng.choice([0, 1, 3, 6, 12])))
    thiazine, eosin, azure = (a * (1.0 - holes) for a in (thiazine, eosin, azure))
    return _Anatomy(
        cell,
        nucleus,
        (thiazine, eosin, azure),
        _lacy_chromatin(canvas, nucleus, 0.62),
    )


def _lacy_chromatin(
    canvas: Canvas, nucleus: Plane, density: float
) -> tuple[Plane, Plane, Plane]:
    """Strands and shallow folds of a monocyte's chromatin."""
    thiazine, eosin, azure = _chromatin(canvas, nucleus, density, clump=0.09, size=0.05)
    strands = np.exp(-np.square(canvas.noise(0.055) / np.float32(0.6)))
    folds = np.exp(-np.square(canvas.noise(0.22) / np.float32(0.25)))
    relief = 0.06 * canvas.noise(0.2)
    return thiazine * (0.84 + 0.20 * strands + 0.12 * folds + relief), eosin, azure


def _vacuoles(canvas: Canvas, count: int) -> Plane:
    """Clear round holes, 0 to 0.85."""
    rng = canvas.rng
    holes = np.zeros_like(canvas.u)
    for _ in range(count):
        angle, away = rng.uniform(0.0, 2.0 * math.pi), rng.uniform(0.3, 0.9)
        radius = rng.uniform(0.035, 0.085)
        distance = np.hypot(
            canvas.v - np.float32(away * math.sin(angle)),
            canvas.u - np.float32(away * math.cos(angle)),
        )
        holes = np.maximum(holes, canvas.coverage(distance - np.float32(radius)))
    return np.float32(0.85) * holes


def _eosinophil(canvas: Canvas) -> _Anatomy:
    """Bilobed nucleus among coarse orange-red granules."""
    rng = canvas.rng
    cell = _outline(canvas, 0.045, n_dents=int(rng.integers(0, 2)), depth=0.10)
    nucleus = nuclei.eosinophil_nucleus(canvas)
    crowd = np.clip(0.93 + 0.10 * canvas.noise(0.25), 0.0, 1.0)
    granules = canvas.dots(crowd, 0.115, 0.062, spread=0.25)
    depth = np.float32(rng.uniform(0.28, 0.42))
    eosin = 0.07 + depth * granules * (1.0 + 0.10 * canvas.noise(0.03))
    thiazine = 0.02 + np.float32(rng.uniform(0.0, 0.08)) * granules
    return _Anatomy(
        cell,
        nucleus,
        (thiazine, eosin, _flat(canvas, 0.045)),
        _chromatin(canvas, nucleus, 0.76, clump=0.19, size=0.085),
    )


def _basophil(canvas: Canvas) -> _Anatomy:
    """Dark violet granules of uneven size over a pale nucleus."""
    rng = canvas.rng
    cell = _outline(canvas, 0.05, n_dents=int(rng.integers(0, 3)), depth=0.10)
    nucleus = nuclei.basophil_nucleus(canvas)
    # Granules dissolve in patches, and fewer lie over the nucleus.
    crowd = rng.uniform(0.4, 0.85) + 0.2 * canvas.noise(0.3)
    crowd = np.clip(crowd * (1.0 - 0.35 * canvas.coverage(nucleus)), 0.0, 1.0)
    large = canvas.dots(0.8 * crowd, 0.19, 0.085, spread=0.35)
    small = canvas.dots(crowd, 0.11, 0.05, spread=0.35)
    cover = np.minimum(np.maximum(large, small), 1.0) * np.float32(0.9)
    thiazine = np.float32(rng.uniform(1.0, 1.4)) * (1.0 + 0.15 * canvas.noise(0.06))
    pink = 0.12 + 0.03 * canvas.noise(0.1)
    return _Anatomy(
        cell,
        nucleus,
        (0.15 + 0.04 * canvas.noise(0.12), pink, _flat(canvas, 0.03)),
        _chromatin(canvas, nucleus, 0.62, clump=0.16, size=0.10),
        cover=(cover, thiazine),
    )


_DRAWERS = {
    NEUTROPHIL: _neutrophil,
    MONOCYTE: _monocyte,
    EOSINOPHIL: _eosinophil,
    BASOPHIL: _basophil,
}
