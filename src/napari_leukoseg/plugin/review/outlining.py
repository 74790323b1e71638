"""Edits from lines that a person has drawn; imported where one is drawn."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.draw import line, polygon2mask
from skimage.filters import threshold_otsu

from napari_leukoseg.correct import AddCell, Part, ReplaceMasks, SplitCell
from napari_leukoseg.correct.bench import framed
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.case import Case
    from napari_leukoseg.slide import SlideReader

__all__ = ["added_cell", "dark_part", "replaced_part", "split_along"]

LEAST_CONTRAST = 20.0
"""Difference of mean red and green, of 255, below which a cell shows no nucleus."""

LEAST_PIECE = 0.05
"""Smallest piece of a nucleus, as a fraction of the cell; less is a granule."""


def split_along(
    case: Case, points: NDArray[np.float64], preferred: Sequence[int]
) -> SplitCell:
    """Return the edit that splits a cell along a line drawn over it.

    Parameters
    ----------
    case : Case
        Case of the cell.
    points : ndarray of float, shape (n, 2)
        Line at level 0.
    preferred : sequence of int
        Cells that are meant if the line crosses one of them; else it is the one
        that it crosses for longest.

    Raises
    ------
    SettingsError
        If it crosses none.
    """
    whole = Region.of_shape(case.shape)
    pixels = _line_pixels(points)
    inside = (pixels >= 0).all(axis=1) & (pixels < case.shape).all(axis=1)
    pixels = pixels[inside]
    crossed: dict[int, int] = {}
    if len(pixels):
        box = Region.from_bounds(
            *pixels.min(axis=0).tolist(), *(pixels.max(axis=0) + 1).tolist()
        )
        ids = case.read_ids(box.intersection(whole))
        found = ids[tuple((pixels - (box.row, box.column)).T)]
        crossed = dict(zip(*_counts(found[found > 0]), strict=True))
    if not crossed:
        raise SettingsError("The line crosses no cell; draw it right across one.")
    meant = {i: n for i, n in crossed.items() if i in preferred} or crossed
    return SplitCell(max(meant, key=lambda i: meant[i]), _as_points(points))


def added_cell(
    case: Case, slide: SlideReader | None, points: NDArray[np.float64], part: Part
) -> AddCell:
    """Return the edit that adds a cell with a drawn outline.

    Parameters
    ----------
    case : Case
        Case to add to.
    slide : SlideReader or None
        Its slide, in which the nucleus is looked for.
    points : ndarray of float, shape (n, 2)
        Corners of the outline at level 0.
    part : Part
        What was outlined: a cell, whose dark part becomes its nucleus, or a
        nucleus.
    """
    region, drawn = _filled(points, case.shape)
    nucleus = drawn if part == Part.NUCLEUS else _nucleus(slide, region, drawn)
    return AddCell(region, nucleus, drawn & ~nucleus)


def replaced_part(
    case: Case,
    slide: SlideReader | None,
    cell_id: int,
    points: NDArray[np.float64],
    part: Part,
) -> ReplaceMasks:
    """Return the edit that gives a cell, or its nucleus, a drawn outline.

    Parameters
    ----------
    case : Case
        Case of the cell.
    slide : SlideReader or None
        Its slide; a nucleus is looked for there if the new outline holds none of
        the old one.
    cell_id : int
        Cell.
    points : ndarray of float, shape (n, 2)
        Corners of the outline at level 0.
    part : Part
        What was outlined. A nucleus may reach beyond its cell, which grows then.
    """
    region, drawn = _filled(points, case.shape)
    cell = case.cell(cell_id)
    if part == Part.NUCLEUS:
        frame = region.union(cell.region)
        nucleus = framed(drawn, region, frame)
        whole = framed(cell.mask, cell.region, frame) | nucleus
        return ReplaceMasks(cell_id, frame, nucleus, whole & ~nucleus)
    nucleus = framed(cell.nucleus, cell.region, region) & drawn
    if not nucleus.any():
        nucleus = _nucleus(slide, region, drawn)
    return ReplaceMasks(cell_id, region, nucleus, drawn & ~nucleus)


def dark_part(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the part of a cell that is stained darkest, empty where none stands out.

    Thiazine dyes, which nuclei take up, absorb red and green, where a red cell leaves
    the red. Otsu's threshold divides the pixels.

    Parameters
    ----------
    image : ndarray of uint8, shape (M, N, 3)
        RGB.
    mask : ndarray of bool, shape (M, N)
        Cell.
    """
    # Smoothed within the cell, so that its rim is not mixed with what lies beside it.
    weights = ndimage.gaussian_filter(mask.astype(float), 1.0)
    light = ndimage.gaussian_filter(image[..., :2].mean(axis=2) * mask, 1.0)
    light /= np.maximum(weights, np.finfo(float).eps)
    values = light[mask]
    nothing = np.zeros_like(mask)
    if np.ptp(values) < 1:
        return nothing
    is_dark = mask & (light <= threshold_otsu(values))
    rest = mask & ~is_dark
    if not rest.any() or light[rest].mean() - light[is_dark].mean() < LEAST_CONTRAST:
        return nothing
    pieces, _ = ndimage.label(ndimage.binary_fill_holes(is_dark) & mask)
    areas = np.bincount(pieces.ravel())
    is_large = areas >= LEAST_PIECE * mask.sum()
    is_large[0] = False
    dark: NDArray[np.bool_] = is_large[pieces]
    return dark


def _nucleus(
    slide: SlideReader | None, region: Region, drawn: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the nucleus of a drawn cell as its color shows it."""
    if slide is None:
        return np.zeros_like(drawn)
    return dark_part(slide.read_region(region), drawn)


def _filled(
    points: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[Region, NDArray[np.bool_]]:
    """Return the pixels inside an outline, in the smallest box on the slide."""
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0)) + 1
    box = Region.from_bounds(*low.astype(int).tolist(), *high.astype(int).tolist())
    inside = box.intersection(Region.of_shape(shape))
    mask = polygon2mask((box.height, box.width), points - (box.row, box.column))
    cut: NDArray[np.bool_] = framed(mask, box, inside)
    if not cut.any():
        raise SettingsError(
            "The outline holds no pixel of the slide; draw it around a cell."
        )
    return inside, cut


def _line_pixels(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the pixels of a line, shape (n, 2)."""
    corners = np.rint(points).astype(int)
    parts = [np.stack(line(*a, *b), axis=1) for a, b in pairwise(corners.tolist())]
    pixels: NDArray[np.intp] = np.concatenate(parts)
    return pixels


def _counts(ids: NDArray[np.uint32]) -> tuple[list[int], list[int]]:
    """Return ids, and how often each occurs."""
    found, counts = np.unique(ids, return_counts=True)
    return found.tolist(), counts.tolist()


def _as_points(points: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Return points as an edit takes them."""
    return tuple((float(row), float(column)) for row, column in points)
