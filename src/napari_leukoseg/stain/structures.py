"""Finds ground, nuclei and the rest of what is stained, by color alone.

Methods made for tissue take all pixels as one distribution. On a smear its
shape says how many cells of which kind are in view, not how they are stained: a
crop is half nucleus, a field mostly red cells. So each structure is measured by
itself, and counts the same however much of the picture it covers.

The Romanowsky complex of chromatin absorbs green most, red well and blue hardly;
eosin and hemoglobin absorb blue and hardly red. Density in red and green less
that in blue therefore marks nuclei among red cells, of whatever laboratory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d
from skimage.filters import threshold_otsu

from napari_leukoseg.stain.color_counts import weighted_quantile
from napari_leukoseg.stain.errors import StainEstimationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.stain.color_counts import ColorCounts

__all__ = ["Structures", "estimate_ground", "find_structures"]

STAINED_DENSITY = 0.15
"""Length of the optical density from which a pixel is stained."""

PEAK_SMOOTHING = 3.0
"""Standard deviation in gray levels by which the histogram is smoothed."""

GROUND_SHARE = 0.07
"""Least share of the pixels that the ground's peak holds: 13 % in the fullest of
public crops, while a lamp spot holds 4 %."""

PEAK_REACH = 12
"""Gray levels around the peak that may belong to the ground."""

DARKEST_GROUND = 40
"""Green gray level below which nothing is empty glass."""

DENSITY_BINS = 128

BALANCE = 0.5
"""Power that is taken of bin heights, so that few nuclei count beside many red
cells when Otsu's threshold is sought."""

MIN_NUCLEAR_SHARE, MIN_NUCLEAR_PX = 0.003, 25
"""Platelets, which are stained alike, cover 0.002; nuclei 0.005 where white cells
cover a hundredth."""

MIN_NUCLEAR_DENSITY = 0.5
"""Density in red and green less blue; palely stained nuclei have 0.6, well
stained ones 2.5, red cells 0.2 to 0.6."""

MIN_CONTRASTS = (2.5, 3.5)
"""The same relative to other stained pixels, at the first threshold and at the
second; 2.5 to 10 where there are nuclei, below 2.5 where red cells are cut in two.
Where nuclei are few, the first threshold parts cells from ground, the second nuclei
from red cells."""

_REMEDY = (
    "take the estimate from a picture of the same smear that has white cells, or from "
    "the whole slide (Estimate on the Stain page, --estimate-from on the command line)"
)


@dataclass(frozen=True, eq=False)
class Structures:
    """What the colors of a smear belong to.

    Parameters
    ----------
    ground : ndarray of shape (3,)
        RGB between the cells, 0 to 255.
    density : ndarray of shape (K, 3)
        Optical density of each color against the ground, natural logarithm.
    is_nucleus, is_stained : ndarray of shape (K,) and dtype bool
        Colors of nuclei; those of cytoplasm, red cells and platelets.
    counts : ndarray of shape (K,)
        Numbers of pixels.
    """

    ground: NDArray[np.float64]
    density: NDArray[np.float64]
    is_nucleus: NDArray[np.bool_]
    is_stained: NDArray[np.bool_]
    counts: NDArray[np.float64]

    @property
    def nuclear_density(self) -> NDArray[np.float64]:
        """Typical density of nuclei, shape (3,)."""
        return _median(self.density, self.counts * self.is_nucleus)

    def balanced(self, *, with_ground: bool) -> NDArray[np.float64]:
        """Return weights by which every structure counts the same.

        Parameters
        ----------
        with_ground : bool
            Whether unstained pixels count too; else their weight is 0.

        Returns
        -------
        weights : ndarray of shape (K,)
            Their sum is the number of pixels.
        """
        parts = [self.is_nucleus, self.is_stained]
        if with_ground:
            parts.append(~(self.is_nucleus | self.is_stained))
        weights = np.zeros_like(self.counts)
        for part in parts:
            if total := self.counts[part].sum():
                weights[part] = self.counts[part] / total
        balanced: NDArray[np.float64] = weights * self.counts.sum() / weights.sum()
        return balanced


def estimate_ground(colors: ColorCounts) -> NDArray[np.float64]:
    """Estimate the color of the unstained ground.

    The brightest peak of the green histogram, since all dyes absorb green, that
    is too large for a lamp spot.

    Parameters
    ----------
    colors : ColorCounts
        Of a picture.

    Returns
    -------
    ground : ndarray of shape (3,)
        RGB, 0 to 255.

    Raises
    ------
    StainEstimationError
        If the picture is dark all over.
    """
    green = colors.colors[:, 1].astype(int)
    histogram = np.bincount(green, colors.counts, minlength=256)
    peak, levels = _brightest_peak(histogram / histogram.sum())
    if peak < DARKEST_GROUND:
        raise StainEstimationError(
            f"The brightest ground of this picture has a green level of {peak}, and "
            f"{DARKEST_GROUND} or more of 255 is needed; give a bright-field picture "
            "that is exposed well."
        )
    return _median(colors.colors, colors.counts * levels[green])


def find_structures(colors: ColorCounts) -> Structures:
    """Tell ground, nuclei and other stained pixels apart.

    Raises
    ------
    StainEstimationError
        If there are no nuclei to be seen, or nothing at all.
    """
    if len(colors.counts) == 1:
        raise StainEstimationError(
            f"The whole picture has the color {colors.colors[0].astype(int)}; "
            f"{_REMEDY}."
        )
    ground = estimate_ground(colors)
    density = colors.density(ground + 1.0)
    score = _nuclear_score(density)
    is_dense = np.linalg.norm(density, axis=1) > STAINED_DENSITY
    above = np.ones(len(score), np.bool_)
    for min_contrast in MIN_CONTRASTS:
        above &= score > _balanced_otsu(score[above], colors.counts[above])
        found = Structures(ground, density, above, is_dense & ~above, colors.counts)
        why = _fault_of_nuclei(found, min_contrast)
        if why is None:
            return found
    raise StainEstimationError(
        f"No stained nuclei were found: {why}. The stain cannot be estimated from an "
        f"empty field or from red cells alone; {_REMEDY}."
    )


def _median(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Median of each column."""
    return np.array([weighted_quantile(column, weights, 0.5) for column in values.T])


def _brightest_peak(
    histogram: NDArray[np.float64],
) -> tuple[int, NDArray[np.bool_]]:
    """Return the brightest large peak, or else the largest, and its gray levels."""
    smooth = gaussian_filter1d(histogram, PEAK_SMOOTHING, mode="constant")
    edged = np.pad(smooth, 1)
    is_peak = (smooth >= edged[:-2]) & (smooth >= edged[2:]) & (smooth > 0)
    peaks = np.flatnonzero(is_peak)[::-1].tolist()
    around = {peak: _around(smooth, peak) for peak in peaks}
    shares = {peak: float(histogram[levels].sum()) for peak, levels in around.items()}
    large = [peak for peak in peaks if shares[peak] >= GROUND_SHARE]
    peak = large[0] if large else max(peaks, key=lambda peak: shares[peak])
    return peak, around[peak]


def _around(smooth: NDArray[np.float64], peak: int) -> NDArray[np.bool_]:
    """Mark the levels next to a peak where it is still half as high."""
    mark = np.zeros(len(smooth), np.bool_)
    for step in (-1, 1):
        level = peak
        while (
            0 <= level < len(smooth)
            and abs(level - peak) <= PEAK_REACH
            and smooth[level] >= smooth[peak] / 2
        ):
            mark[level] = True
            level += step
    return mark


def _nuclear_score(density: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much like chromatin a density is; shape (..., 3) to (...)."""
    score: NDArray[np.float64] = (
        density[..., 0] + density[..., 1] - np.maximum(density[..., 2], 0.0)
    )
    return score


def _balanced_otsu(score: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """Otsu's threshold of a histogram whose large bins are held down."""
    heights, edges = np.histogram(np.maximum(score, 0.0), DENSITY_BINS, weights=counts)
    centers = (edges[1:] + edges[:-1]) / 2
    if np.count_nonzero(heights) < 2:
        return float(centers[-1])
    return float(threshold_otsu(hist=(heights**BALANCE, centers)))


def _fault_of_nuclei(found: Structures, min_contrast: float) -> str | None:
    """Say why the darker structure is not nuclei, or none if it is."""
    n_nuclear = found.counts[found.is_nucleus].sum()
    if n_nuclear < max(MIN_NUCLEAR_PX, MIN_NUCLEAR_SHARE * found.counts.sum()):
        return f"{n_nuclear:.0f} pixels are stained like nuclei"
    nuclear = _nuclear_score(found.nuclear_density)
    if nuclear < MIN_NUCLEAR_DENSITY:
        return f"the darkest parts have a nuclear density of {nuclear:.2f}"
    if found.is_stained.any():
        others = _median(found.density, found.counts * found.is_stained)
        contrast = nuclear / max(float(_nuclear_score(others)), 1e-3)
        if contrast < min_contrast:
            return f"the darkest parts are only {contrast:.1f} times as dense as others"
    return None
