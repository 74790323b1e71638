"""Reinhard's method: center and spread of each channel in CIELAB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_leukoseg.stain.errors import StainEstimationError
from napari_leukoseg.stain.normalizer import Method, Variant
from napari_leukoseg.stain.planes import byte_levels, lab_of, rgb_of, unit_levels
from napari_leukoseg.stain.pointwise import PointwiseNormalizer
from napari_leukoseg.stain.smear_frame import limited, map_relative, relative_lab
from napari_leukoseg.stain.statistics import MomentStatistics
from napari_leukoseg.stain.structures import find_structures

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from napari_leukoseg.stain.color_counts import ColorCounts
    from napari_leukoseg.stain.planes import Planes
    from napari_leukoseg.stain.statistics import Statistics

__all__ = ["ReinhardNormalizer"]

WHITE_LAB = (100.0, 0.0, 0.0)
"""The ground, relative to itself."""

LEAST_SPREAD = 1.0
"""Spread in CIELAB units below which a channel of nuclei has no color."""


@dataclass(frozen=True, eq=False)
class ReinhardNormalizer(PointwiseNormalizer[MomentStatistics]):
    """Give each channel of CIELAB the mean and standard deviation of a reference.

    As published, over all pixels. On a smear these say how much of the picture
    is nucleus, and whole pictures of equal mean have nuclei of different color;
    there, the center is the ground and the spread is that of nuclei around it.

    Parameters
    ----------
    variant : Variant, optional
        For smears, or as published.
    reference : MomentStatistics, optional
        Look to take pictures to; none before `fit`.

    References
    ----------
    .. [1] E. Reinhard et al., "Color transfer between images", IEEE Computer
       Graphics and Applications 21(5), 2001.
    """

    method: ClassVar[Method] = Method.REINHARD
    statistics_type: ClassVar[type[Statistics]] = MomentStatistics

    def estimate_colors(self, colors: ColorCounts) -> MomentStatistics:
        """Measure how something is stained that has these colors."""
        if self.variant is Variant.PUBLISHED:
            return _whole_moments(colors)
        found = find_structures(colors)
        lab = relative_lab(colors, found.ground)[found.is_nucleus]
        weights = found.counts[found.is_nucleus]
        spread = np.sqrt(np.average(lab**2, axis=0, weights=weights))
        return MomentStatistics(
            found.ground,
            np.array(WHITE_LAB),
            np.array([1.0, *np.maximum(spread[1:], LEAST_SPREAD)]),
        )

    def color_map(
        self, source: MomentStatistics, reference: MomentStatistics
    ) -> Callable[[Planes], Planes]:
        """Return the function from gray levels to standardized ones."""
        if self.variant is Variant.PUBLISHED:
            return _published_map(source, reference)
        _, gain_a, gain_b = limited(reference.std / source.std).tolist()

        def change(_: Planes, lab: Planes) -> tuple[Any, Any]:
            return gain_a * lab[1], gain_b * lab[2]

        return map_relative(source.ground, reference.ground, change)


def _whole_moments(colors: ColorCounts) -> MomentStatistics:
    """Mean and standard deviation over all pixels."""
    lab = np.stack(lab_of(unit_levels(colors.planes)), axis=1)
    mean = np.average(lab, axis=0, weights=colors.counts)
    std: NDArray[np.float64] = np.sqrt(
        np.average((lab - mean) ** 2, axis=0, weights=colors.counts)
    )
    if std.min() < 1e-6:
        raise StainEstimationError(
            f"The colors of this picture spread by {std.round(3)} in L*, a* and b*, "
            "and each must vary; give a picture in color that shows cells."
        )
    return MomentStatistics(np.full(3, 255.0), mean, std)


def _published_map(
    source: MomentStatistics, reference: MomentStatistics
) -> Callable[[Planes], Planes]:
    """Scale and shift each channel."""
    gains = (reference.std / source.std).tolist()
    shifts = (reference.mean - source.mean * reference.std / source.std).tolist()

    def color_map(rgb: Planes) -> Planes:
        lab = lab_of(unit_levels(rgb))
        first, second, third = (
            gain * plane + shift
            for plane, gain, shift in zip(lab, gains, shifts, strict=True)
        )
        return byte_levels(rgb_of((first, second, third)))

    return color_map
