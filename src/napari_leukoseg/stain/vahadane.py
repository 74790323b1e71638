"""Vahadane's method: stain vectors by sparse non-negative factorization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain.color_counts import pack_colors, weighted_quantile
from napari_leukoseg.stain.dyes import (
    FULL_CONCENTRATION,
    check_stained,
    extreme_dyes,
    map_smear,
    ordered_dyes,
)
from napari_leukoseg.stain.normalizer import Method, Variant
from napari_leukoseg.stain.planes import density_of, light_of, relative_light
from napari_leukoseg.stain.pointwise import PointwiseNormalizer
from napari_leukoseg.stain.statistics import DyeStatistics
from napari_leukoseg.stain.structures import STAINED_DENSITY, find_structures

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_leukoseg.stain.color_counts import ColorCounts
    from napari_leukoseg.stain.planes import Planes
    from napari_leukoseg.stain.statistics import Statistics

__all__ = ["VahadaneNormalizer", "VahadaneSettings"]

SPARSITY = {Variant.PUBLISHED: 0.1, Variant.SMEAR: 0.015}
"""Usual weights of the sum of concentrations."""

UNMIXING_SPARSITY = 0.01
"""The same where the stains are known and only concentrations are sought."""

LIGHT = np.full(3, 256.0)
"""Light of the published variant: white has no density."""

START_PERCENTILE = 1.0
"""Percentile of Macenko's method, from whose stains the search starts."""

BIN_LEVELS = 8.0
"""Gray levels of each channel that are taken together."""

ROUNDS, INNER_ROUNDS = 150, 3
"""Passes over stains and concentrations; stains then move by under 0.1 degrees."""


@dataclass(frozen=True)
class VahadaneSettings:
    """Constants of the method.

    Parameters
    ----------
    sparsity : float, optional
        How much the sum of concentrations weighs against the squared error of
        density, 0 to 1; by default 0.1 as published and 0.015 on smears, whose
        stains are closer to each other than those of tissue.

    Raises
    ------
    SettingsError
        If it is out of range.
    """

    sparsity: float | None = None

    def __post_init__(self) -> None:
        if self.sparsity is not None and not 0 <= self.sparsity <= 1:
            raise SettingsError(
                f"A sparsity of {self.sparsity} is not possible; give 0 to 1."
            )


@dataclass(frozen=True, eq=False)
class VahadaneNormalizer(PointwiseNormalizer[DyeStatistics]):
    """Exchange the two stains of a picture, each color made of few of them.

    Parameters
    ----------
    variant : Variant, optional
        For smears, or as published.
    reference : DyeStatistics, optional
        Look to take pictures to; none before `fit`.
    settings : VahadaneSettings, optional
        Constants.

    References
    ----------
    .. [1] A. Vahadane et al., "Structure-preserving color normalization and
       sparse stain separation for histological images", IEEE Transactions on
       Medical Imaging 35(8), 2016.
    .. [2] A. Cichocki and A.-H. Phan, "Fast local algorithms for large scale
       nonnegative matrix and tensor factorizations", IEICE Transactions E92-A,
       2009: the updates, one stain at a time.
    """

    method: ClassVar[Method] = Method.VAHADANE
    statistics_type: ClassVar[type[Statistics]] = DyeStatistics

    settings: VahadaneSettings = VahadaneSettings()

    def estimate_colors(self, colors: ColorCounts) -> DyeStatistics:
        """Measure how something is stained that has these colors."""
        if self.variant is Variant.PUBLISHED:
            density, weights = colors.density(LIGHT), colors.counts
            ground, nuclear = LIGHT - 1.0, np.zeros(3)
        else:
            found = find_structures(colors)
            density, weights = found.density, found.balanced(with_ground=False)
            ground, nuclear = found.ground, found.nuclear_density
        lengths = np.linalg.norm(density, axis=1)
        is_stained = (lengths > STAINED_DENSITY) & (weights > 0)
        check_stained(colors.counts[is_stained].sum())
        shares = weights[is_stained]
        if self.variant is Variant.SMEAR:
            # Errors of pale red cells are small, and shall count beside dark nuclei.
            shares = shares / lengths[is_stained]
        binned = _binned(colors.colors[is_stained], density[is_stained], shares)
        sparsity = self.settings.sparsity
        if sparsity is None:
            sparsity = SPARSITY[self.variant]
        matrix = _sparse_dyes(*binned, sparsity, is_smear=self.variant is Variant.SMEAR)
        first, second, third = density.T
        amounts = _unmixed((first, second, third), matrix)
        full = [weighted_quantile(c, weights, FULL_CONCENTRATION) for c in amounts]
        return DyeStatistics(ground, matrix, np.maximum(full, 1e-3), nuclear)

    def color_map(
        self, source: DyeStatistics, reference: DyeStatistics
    ) -> Callable[[Planes], Planes]:
        """Return the function from gray levels to standardized ones."""
        if self.variant is Variant.SMEAR:
            return map_smear(source, reference)
        gains = reference.concentrations / source.concentrations
        mix = (reference.stain_matrix.T * gains).tolist()
        light = LIGHT.tolist()

        def color_map(rgb: Planes) -> Planes:
            density = density_of(relative_light(rgb, light))
            one, other = _unmixed(density, source.stain_matrix)
            first, second, third = (a * one + b * other for a, b in mix)
            passed = light_of((first, second, third))
            red, green, blue = (
                share * level - 1.0 for share, level in zip(passed, light, strict=True)
            )
            return red, green, blue

        return color_map


def _unmixed(density: Planes, matrix: NDArray[np.float64]) -> tuple[Any, Any]:
    """Return sparse non-negative concentrations of two known stains, exactly.

    Where the minimum over both has a negative one, the best with that one at
    zero is the minimum, since the stains are unit vectors at an acute angle.
    """
    one, other = (
        row[0] * density[0] + row[1] * density[1] + row[2] * density[2]
        for row in matrix.tolist()
    )
    one, other = one - UNMIXING_SPARSITY, other - UNMIXING_SPARSITY
    overlap = float(matrix[0] @ matrix[1])
    first = ((one - overlap * other) / (1.0 - overlap**2)).clip(0.0, None)
    second = ((other - overlap * one) / (1.0 - overlap**2)).clip(0.0, None)
    is_first, is_second = first > 0.0, second > 0.0
    alone, alone_too = one.clip(0.0, None), other.clip(0.0, None)
    # Multiplication by 0 or 1 chooses, for arrays and tensors alike.
    return (
        first * is_second + alone * ~is_second,
        second * is_first + alone_too * ~is_first,
    )


def _binned(
    colors: NDArray[np.float64],
    density: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean density and weight of each bin of colors."""
    keys = pack_colors((colors / BIN_LEVELS).astype(np.uint8))
    _, index = np.unique(keys, return_inverse=True)
    total = np.asarray(np.bincount(index, weights), np.float64)
    sums = [np.bincount(index, weights * plane) for plane in density.T]
    return np.stack(sums, axis=1) / total[:, None], total


def _sparse_dyes(
    density: NDArray[np.float64],
    weights: NDArray[np.float64],
    sparsity: float,
    *,
    is_smear: bool,
) -> NDArray[np.float64]:
    """Factorize densities (K, 3) into concentrations and a stain matrix (2, 3)."""
    density = np.maximum(density, 0.0)
    dyes = extreme_dyes(density, weights, START_PERCENTILE / 100.0, is_smear=is_smear)
    dyes = _unit(np.maximum(dyes, 0.01))
    shares = (weights / weights.sum())[:, None]
    amounts = np.zeros((len(density), 2))
    for _ in range(ROUNDS):
        overlaps, products = dyes @ dyes.T, density @ dyes.T
        for _ in range(INNER_ROUNDS):
            for k in (0, 1):
                error = products[:, k] - amounts @ overlaps[:, k]
                amounts[:, k] = np.maximum(amounts[:, k] + error - sparsity, 0.0)
        weighted = (amounts * shares).T
        scatter, target = weighted @ amounts, weighted @ density
        for k in (0, 1):
            if scatter[k, k] > 0.0:
                step = (target[k] - scatter[k] @ dyes) / scatter[k, k]
                dyes[k] = np.maximum(dyes[k] + step, 0.0)
        dyes = _unit(dyes)
    return ordered_dyes(*dyes, is_smear=is_smear)


def _unit(dyes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale rows to unit length; a dye that vanished becomes gray."""
    dyes = np.where(dyes.any(axis=1, keepdims=True), dyes, 1.0)
    unit: NDArray[np.float64] = dyes / np.linalg.norm(dyes, axis=1, keepdims=True)
    return unit
