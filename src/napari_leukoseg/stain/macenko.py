"""Macenko's method: stain vectors as the extreme directions of optical density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain.color_counts import weighted_quantile
from napari_leukoseg.stain.dyes import (
    FULL_CONCENTRATION,
    check_stained,
    extreme_dyes,
    map_smear,
)
from napari_leukoseg.stain.normalizer import Method, Variant
from napari_leukoseg.stain.planes import density_of, light_of, mixed, relative_light
from napari_leukoseg.stain.pointwise import PointwiseNormalizer
from napari_leukoseg.stain.statistics import DyeStatistics
from napari_leukoseg.stain.structures import find_structures

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_leukoseg.stain.color_counts import ColorCounts
    from napari_leukoseg.stain.planes import Planes
    from napari_leukoseg.stain.statistics import Statistics

__all__ = ["MacenkoNormalizer", "MacenkoSettings"]

ALPHA = {Variant.PUBLISHED: 1.0, Variant.SMEAR: 2.0}
"""Usual percentiles of the angle."""


@dataclass(frozen=True)
class MacenkoSettings:
    """Constants of the method, as torchstain has them.

    Parameters
    ----------
    io : float, optional
        Gray level of the light where nothing absorbs; on smears the estimated
        ground takes its place.
    alpha : float, optional
        Percentile of the angle, from either end, that is a stain vector, 0 to
        50; by default 1 as published and 2 on smears.
    beta : float, optional
        Optical density (natural logarithm) below which a pixel is left out: in
        any channel as published, in all together on smears.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    io: float = 240.0
    alpha: float | None = None
    beta: float = 0.15

    def __post_init__(self) -> None:
        if not 0 < self.io <= 256:
            raise SettingsError(f"A light of {self.io} is no gray level; give 1-256.")
        if self.alpha is not None and not 0 <= self.alpha < 50:
            raise SettingsError(
                f"A percentile of {self.alpha} is not possible; give 0 to 50."
            )
        if not 0 <= self.beta < 5:
            raise SettingsError(
                f"A least density of {self.beta} is not possible; give 0 to 5."
            )


@dataclass(frozen=True, eq=False)
class MacenkoNormalizer(PointwiseNormalizer[DyeStatistics]):
    """Exchange the two stains of a picture for those of a reference.

    Parameters
    ----------
    variant : Variant, optional
        For smears, or as published.
    reference : DyeStatistics, optional
        Look to take pictures to; none before `fit`.
    settings : MacenkoSettings, optional
        Constants.

    References
    ----------
    .. [1] M. Macenko et al., "A method for normalizing histology slides for
       quantitative analysis", ISBI 2009.
    """

    method: ClassVar[Method] = Method.MACENKO
    statistics_type: ClassVar[type[Statistics]] = DyeStatistics

    settings: MacenkoSettings = MacenkoSettings()

    def estimate_colors(self, colors: ColorCounts) -> DyeStatistics:
        """Measure how something is stained that has these colors."""
        alpha, beta = self.settings.alpha, self.settings.beta
        if alpha is None:
            alpha = ALPHA[self.variant]
        if self.variant is Variant.PUBLISHED:
            light = np.full(3, self.settings.io)
            density, weights = colors.density(light), colors.counts
            is_stained = (density >= beta).all(axis=1)
            ground, nuclear = light, np.zeros(3)
        else:
            found = find_structures(colors)
            density, weights = found.density, found.balanced(with_ground=False)
            is_stained = (np.linalg.norm(density, axis=1) > beta) & (weights > 0)
            ground, nuclear = found.ground, found.nuclear_density
        check_stained(colors.counts[is_stained].sum())
        matrix = extreme_dyes(
            density[is_stained],
            weights[is_stained],
            alpha / 100.0,
            is_smear=self.variant is Variant.SMEAR,
        )
        amounts = (density @ np.linalg.pinv(matrix)).T
        full = [weighted_quantile(c, weights, FULL_CONCENTRATION) for c in amounts]
        return DyeStatistics(ground, matrix, np.maximum(full, 1e-3), nuclear)

    def color_map(
        self, source: DyeStatistics, reference: DyeStatistics
    ) -> Callable[[Planes], Planes]:
        """Return the function from gray levels to standardized ones."""
        if self.variant is Variant.SMEAR:
            return map_smear(source, reference)
        gains = reference.concentrations / source.concentrations
        unmix = np.linalg.pinv(source.stain_matrix.T)
        matrix = (reference.stain_matrix.T * gains) @ unmix
        light, new_light = source.ground.tolist(), reference.ground.tolist()

        def color_map(rgb: Planes) -> Planes:
            density = density_of(relative_light(rgb, light))
            first, second, third = (
                share * level
                for share, level in zip(
                    light_of(mixed(matrix, density)), new_light, strict=True
                )
            )
            return first, second, third

        return color_map
