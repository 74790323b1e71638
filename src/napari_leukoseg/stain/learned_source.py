"""Measures what a colorizer needs to know of a picture: ground, and its nuclei."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from napari_leukoseg.stain.color_counts import (
    ColorCounts,
    pack_colors,
    weighted_quantile,
)
from napari_leukoseg.stain.errors import StainEstimationError
from napari_leukoseg.stain.smear_frame import relative_lab
from napari_leukoseg.stain.statistics import Statistics
from napari_leukoseg.stain.structures import (
    STAINED_DENSITY,
    estimate_ground,
    find_structures,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.stain.structures import Structures

__all__ = [
    "LEAST_DARKNESS",
    "TYPICAL_DARKNESS",
    "WORKING_NUCLEUS_PX",
    "LearnedStatistics",
    "measure_source",
    "nuclear_darkness",
]

TYPICAL_DARKNESS = 0.6
"""How much darker than the ground nuclei are where none are to be seen, as a share
of the ground's L*; 0.3 to 0.8 in public pictures."""

LEAST_DARKNESS = 0.1
"""Least that is taken for nuclei, so that noise does not turn into color."""

MOST_DARKNESS = 0.82
"""Most that is taken for nuclei, as in the darkest public pictures; dirt is darker."""

WORKING_NUCLEUS_PX = 32.0
"""Diameter at which a colorizer sees nuclei best, and of nuclei in empty fields."""

NUCLEUS_TO_RED_CELL = 1.2
"""Usual ratio of their diameters; red cells measure 7.5 µm."""

LEAST_NUCLEUS = 0.25
"""Least diameter of nuclei, or of their lobes, as a share of what fits the red cells;
what is smaller, and few, are platelets."""

MAX_PLATELET_SHARE = 0.02
"""Share of a picture that platelets never cover."""

LOOKED_AT_PX = 1024
"""Longest side to which pictures are thinned out to find the size of red cells."""

MIN_NUCLEUS_PX = 12
"""Least area of a nucleus; smaller parts are granules, platelets and noise."""


@dataclass(frozen=True, eq=False)
class LearnedStatistics(Statistics):
    """What a colorizer needs to know of the whole picture.

    Parameters
    ----------
    ground : ndarray of shape (3,)
        RGB that colors are relative to, 0 to 255.
    darkness : ndarray of shape (1,)
        How much darker than the ground nuclei are, as a share of its L*.
    nucleus_px : ndarray of shape (1,)
        Their diameter at level 0.
    """

    ground: NDArray[np.float64]
    darkness: NDArray[np.float64]
    nucleus_px: NDArray[np.float64]

    shapes: ClassVar = {"ground": (3,), "darkness": (1,), "nucleus_px": (1,)}


def measure_source(images: Sequence[NDArray[np.uint8]]) -> LearnedStatistics:
    """Measure pictures of one smear together.

    Where no nuclei are to be seen, they are taken to be of usual darkness, and
    of a size that fits the red cells: such fields can be colored all the same.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N, 3) and dtype uint8
        At level 0.

    Raises
    ------
    StainEstimationError
        If they are dark all over.
    SettingsError
        If one is no picture.
    """
    colors = ColorCounts.of_images(images)
    ground = estimate_ground(colors)
    diameter = NUCLEUS_TO_RED_CELL * _stained_diameter(images, ground)
    darkness = TYPICAL_DARKNESS
    try:
        found = find_structures(colors)
    except StainEstimationError:
        pass
    else:
        darkness = nuclear_darkness(colors, found)
        measured = _nuclear_diameter(images, colors.colors[found.is_nucleus])
        share = colors.counts[found.is_nucleus].sum() / colors.counts.sum()
        if share > MAX_PLATELET_SHARE or measured > LEAST_NUCLEUS * diameter:
            diameter = measured
    return LearnedStatistics(ground, np.array([darkness]), np.array([diameter]))


def nuclear_darkness(colors: ColorCounts, found: Structures) -> float:
    """Median of how much darker than the ground nuclei are.

    Parameters
    ----------
    colors : ColorCounts
        Of a picture.
    found : Structures
        What they belong to.
    """
    light = relative_lab(colors, found.ground)[found.is_nucleus, 0]
    weights = found.counts[found.is_nucleus]
    darkness = 1.0 - float(weighted_quantile(light, weights, 0.5)) / 100.0
    return min(max(darkness, LEAST_DARKNESS), MOST_DARKNESS)


def _stained_diameter(
    images: Sequence[NDArray[np.uint8]], ground: NDArray[np.float64]
) -> float:
    """Diameter of disks whose pixels lie as far from their edges as the stained do."""
    distances = [np.zeros(0)]
    for image in images:
        step = -(-max(image.shape) // LOOKED_AT_PX)
        share = (image[::step, ::step] + 1.0) / (ground + 1.0)
        density = np.linalg.norm(np.maximum(-np.log(share), 0.0), axis=2)
        if np.ptp(density) > 0.0:  # where light falls off, the ground is not bare
            mask = density > max(STAINED_DENSITY, threshold_otsu(density))
            distances.append(step * ndimage.distance_transform_edt(mask)[mask])
    distance = np.concatenate(distances)
    if distance.size < MIN_NUCLEUS_PX:
        return WORKING_NUCLEUS_PX / NUCLEUS_TO_RED_CELL
    return 6.0 * float(distance.mean())  # in a disk, the mean is a third of the radius


def _nuclear_diameter(
    images: Sequence[NDArray[np.uint8]], nuclear: NDArray[np.float64]
) -> float:
    """Diameter of a disk as large as the nucleus that a nuclear pixel lies in.

    The median over pixels, so that small parts hardly count.
    """
    keys = pack_colors(nuclear.astype(np.uint8))
    areas = [np.zeros(0, int)]
    for image in images:
        mask = np.isin(pack_colors(image), keys, kind="table")
        labels, _ = ndimage.label(mask)
        areas.append(np.bincount(labels.ravel())[1:])
    area = np.concatenate(areas).astype(float)
    area = area[area >= MIN_NUCLEUS_PX]
    if not area.size:
        return WORKING_NUCLEUS_PX
    return 2.0 * float(np.sqrt(weighted_quantile(area, area, 0.5) / np.pi))
