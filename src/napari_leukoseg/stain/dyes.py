"""Two dyes by their optical density: what Macenko's and Vahadane's methods share.

A Romanowsky stain has at least three dyes: the purple complex of chromatin, eosin
together with hemoglobin, and the plain blue that cytoplasm rich in RNA takes. Two
stain vectors cannot hold them, so on smears the third direction of density is
kept rather than dropped, and since nuclei may be a mixture, the smallest change
is added to the map that takes the typical density of nuclei to the reference's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.stain.color_counts import weighted_quantile
from napari_leukoseg.stain.errors import StainEstimationError
from napari_leukoseg.stain.planes import density_of, lab_of, light_of, mixed
from napari_leukoseg.stain.smear_frame import limited, map_relative

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from napari_leukoseg.stain.planes import Planes
    from napari_leukoseg.stain.statistics import DyeStatistics

__all__ = [
    "FULL_CONCENTRATION",
    "check_stained",
    "extreme_dyes",
    "map_smear",
    "ordered_dyes",
    "smear_matrix",
]

FULL_CONCENTRATION = 0.99
"""Quantile of a dye's concentration that is taken to the reference's."""

MIN_ANGLE_DEG = 1.0
"""Angle below which two stain vectors are one and the same dye."""

MIN_STAINED_PX = 30
"""Pixels from which two stain vectors can be told apart."""


def check_stained(n_pixels: float) -> None:
    """Refuse to find dyes in a picture that has hardly any.

    Raises
    ------
    StainEstimationError
        If fewer than `MIN_STAINED_PX` are stained.
    """
    if n_pixels < MIN_STAINED_PX:
        raise StainEstimationError(
            f"Only {n_pixels:.0f} pixels of this picture are stained, and "
            f"{MIN_STAINED_PX} or more are needed; take the estimate from a picture "
            "of the same slide that has cells, and use it for this one."
        )


def ordered_dyes(
    one: NDArray[np.float64], other: NDArray[np.float64], *, is_smear: bool
) -> NDArray[np.float64]:
    """Return unit rows: the dye of nuclei, then eosin.

    In tissue, hematoxylin is the one that absorbs more red. On smears eosin and
    hemoglobin are known by absorbing more blue; red tells nothing where the
    blue of cytoplasm is one of the two directions found, or gray dirt.

    Parameters
    ----------
    one, other : ndarray of shape (3,)
        Directions of optical density.
    is_smear : bool
        Which rule holds.

    Raises
    ------
    StainEstimationError
        If the two are the same.
    """
    pair = np.stack([one, other])
    unit: NDArray[np.float64] = pair / np.linalg.norm(pair, axis=1, keepdims=True)
    is_swapped = unit[0, 2] > unit[1, 2] if is_smear else unit[0, 0] < unit[1, 0]
    matrix = unit[::-1] if is_swapped else unit
    angle = np.degrees(np.arccos(np.clip(matrix[0] @ matrix[1], -1.0, 1.0)))
    if not angle >= MIN_ANGLE_DEG:
        raise StainEstimationError(
            f"The two stains found are {angle:.1f} degrees apart, that is, of one "
            "color; give a picture that shows nuclei and red cells or cytoplasm."
        )
    return matrix


def extreme_dyes(
    density: NDArray[np.float64],
    weights: NDArray[np.float64],
    alpha: float,
    *,
    is_smear: bool,
) -> NDArray[np.float64]:
    """Return the two most different directions of optical density.

    Parameters
    ----------
    density : ndarray of shape (K, 3)
    weights : ndarray of shape (K,)
        Numbers of pixels.
    alpha : float
        Share of the pixels, at either end, that lie beyond.
    is_smear : bool
        Whether densities are relative to the true ground. Their plane then
        passes through zero rather than the mean, and pixels count by their
        density, since noise turns the direction of pale ones.

    Returns
    -------
    stain_matrix : ndarray of shape (2, 3)
        See `ordered_dyes`.

    References
    ----------
    .. [1] M. Macenko et al., "A method for normalizing histology slides for
       quantitative analysis", ISBI 2009.
    """
    away = density
    if not is_smear:
        away = density - np.average(density, axis=0, weights=weights)
    scatter = (away * weights[:, None]).T @ away
    plane = np.linalg.eigh(scatter)[1][:, 1:]  # (3, 2), the main direction last
    plane *= np.where(plane.sum(axis=0) < 0, -1.0, 1.0)
    along, main = (density @ plane).T
    angle = np.arctan2(main, along)
    if is_smear:
        lengths = np.linalg.norm(density, axis=1)
        weights = weights * lengths / np.average(lengths, weights=weights)
    low, high = weighted_quantile(angle, weights, (alpha, 1.0 - alpha))
    return ordered_dyes(
        plane @ [np.cos(low), np.sin(low)],
        plane @ [np.cos(high), np.sin(high)],
        is_smear=is_smear,
    )


def smear_matrix(
    source: DyeStatistics, reference: DyeStatistics
) -> NDArray[np.float64]:
    """Return what takes densities of a smear to those of the reference, (3, 3)."""
    gains = limited(reference.concentrations / source.concentrations)
    scaled = _basis(reference) * [*gains, np.sqrt(gains.prod())]
    plain = scaled @ np.linalg.inv(_basis(source))
    nuclear = source.nuclear_density
    missing = reference.nuclear_density - plain @ nuclear
    matrix: NDArray[np.float64] = plain + np.outer(missing, nuclear) / (
        nuclear @ nuclear
    )
    return matrix


def _basis(dyes: DyeStatistics) -> NDArray[np.float64]:
    """Return unit columns: both dyes, and the direction that neither has."""
    first, second = dyes.stain_matrix
    third = np.cross(first, second)
    return np.stack([first, second, third / np.linalg.norm(third)], axis=1)


def map_smear(
    source: DyeStatistics, reference: DyeStatistics
) -> Callable[[Planes], Planes]:
    """Return the map of gray levels that exchanges the dyes of a smear."""
    matrix = smear_matrix(source, reference)

    def change(relative: Planes, _: Planes) -> tuple[Any, Any]:
        # What is brighter than the ground, as in a lamp spot, is no stain.
        first, second, third = (plane.clip(None, 1.0) for plane in relative)
        passed = light_of(mixed(matrix, density_of((first, second, third))))
        bright, brighter, brightest = (
            share * plane.clip(1.0, None)
            for share, plane in zip(passed, relative, strict=True)
        )
        _, a, b = lab_of((bright, brighter, brightest))
        return a, b

    return map_relative(source.ground, reference.ground, change)
