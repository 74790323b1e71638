"""Histogram matching in CIELAB, the style transfer of MTL-NucleusSeg."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_leukoseg.stain.color_counts import weighted_quantile
from napari_leukoseg.stain.normalizer import Method, Variant
from napari_leukoseg.stain.planes import (
    byte_levels,
    lab_of,
    piecewise_linear,
    rgb_of,
    unit_levels,
)
from napari_leukoseg.stain.pointwise import PointwiseNormalizer
from napari_leukoseg.stain.smear_frame import map_relative, relative_lab
from napari_leukoseg.stain.statistics import N_QUANTILES, HistogramStatistics
from napari_leukoseg.stain.structures import find_structures

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from napari_leukoseg.stain.color_counts import ColorCounts
    from napari_leukoseg.stain.planes import Planes
    from napari_leukoseg.stain.statistics import Statistics

    Points = tuple[NDArray[np.float64], NDArray[np.float64]]

__all__ = ["HistogramNormalizer", "lab_quantiles"]

PROBABILITIES = np.linspace(0.0, 1.0, N_QUANTILES)

LUMINANCE = 100.0 * PROBABILITIES
"""Quantiles of L* on smears: the same for all, since L* is kept."""


@dataclass(frozen=True, eq=False)
class HistogramNormalizer(PointwiseNormalizer[HistogramStatistics]):
    """Give each channel of CIELAB the histogram of a reference.

    The reference is kept as quantiles, between which is interpolated; beyond the
    outer ones values are shifted. On smears ground, nuclei and other stained
    parts are each counted for a third, and a* and b* are matched.

    Parameters
    ----------
    variant : Variant, optional
        For smears, or as published.
    reference : HistogramStatistics, optional
        Look to take pictures to; none before `fit`.

    References
    ----------
    .. [1] R. C. Gonzalez and R. E. Woods, "Digital Image Processing", histogram
       specification; scikit-image, `exposure.match_histograms`.
    """

    method: ClassVar[Method] = Method.HISTOGRAM
    statistics_type: ClassVar[type[Statistics]] = HistogramStatistics

    def estimate_colors(self, colors: ColorCounts) -> HistogramStatistics:
        """Measure how something is stained that has these colors."""
        if self.variant is Variant.PUBLISHED:
            return HistogramStatistics(np.full(3, 255.0), lab_quantiles(colors))
        found = find_structures(colors)
        lab = relative_lab(colors, found.ground)
        weights = found.balanced(with_ground=True)
        a, b = (weighted_quantile(lab[:, k], weights, PROBABILITIES) for k in (1, 2))
        return HistogramStatistics(found.ground, np.stack([LUMINANCE, a, b]))

    def color_map(
        self, source: HistogramStatistics, reference: HistogramStatistics
    ) -> Callable[[Planes], Planes]:
        """Return the function from gray levels to standardized ones."""
        light, green_red, blue_yellow = (
            _matching(*pair)
            for pair in zip(source.quantiles, reference.quantiles, strict=True)
        )

        def whole(rgb: Planes) -> Planes:
            lab = lab_of(unit_levels(rgb))
            matched = piecewise_linear(lab[0], *light)
            return byte_levels(rgb_of((matched, *change(rgb, lab))))

        def change(_: Planes, lab: Planes) -> tuple[Any, Any]:
            return (
                piecewise_linear(lab[1], *green_red),
                piecewise_linear(lab[2], *blue_yellow),
            )

        if self.variant is Variant.PUBLISHED:
            return whole
        return map_relative(source.ground, reference.ground, change)


def lab_quantiles(colors: ColorCounts) -> NDArray[np.float64]:
    """Return quantiles of L*, a* and b* over all pixels, shape (3, N_QUANTILES)."""
    return np.stack(
        [
            weighted_quantile(channel, colors.counts, PROBABILITIES)
            for channel in lab_of(unit_levels(colors.planes))
        ]
    )


def _matching(source: NDArray[np.float64], reference: NDArray[np.float64]) -> Points:
    """Return the points between which one distribution becomes the other.

    A value that many pixels have stands for a range of probabilities, and is
    taken to the middle of the reference's values there.
    """
    values, index = np.unique(source, return_inverse=True)
    return values, np.bincount(index, reference) / np.bincount(index)
