"""What standardization changes: mean colors of ground, nuclei and the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.stain.color_counts import ColorCounts, pack_colors, unpack_colors
from napari_leukoseg.stain.errors import StainEstimationError
from napari_leukoseg.stain.planes import lab_of, unit_levels
from napari_leukoseg.stain.structures import find_structures

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ColorChange", "compare_colors"]

WHOLE = "all pixels"

MAX_PX = 200_000
"""Pixels from which means are taken; more hardly change them."""


@dataclass(frozen=True, eq=False)
class ColorChange:
    """Mean color of one part of a picture, before and after.

    Parameters
    ----------
    part : str
        ``nuclei``, ``other stained``, ``ground``, or ``all pixels``.
    share : float
        Of the picture's pixels, 0 to 1.
    before, after : ndarray of shape (3,)
        Mean L*, a* and b* (CIELAB, D65).
    """

    part: str
    share: float
    before: NDArray[np.float64]
    after: NDArray[np.float64]

    @property
    def difference(self) -> float:
        """ΔE of the two (CIE 1976)."""
        return float(np.linalg.norm(self.after - self.before))


def compare_colors(
    before: NDArray[np.uint8], after: NDArray[np.uint8]
) -> tuple[ColorChange, ...]:
    """Compare the mean colors of the parts of a picture.

    Parameters
    ----------
    before, after : ndarray of shape (M, N, 3) and dtype uint8
        The same view; parts are told apart by the colors before.

    Returns
    -------
    changes : tuple of ColorChange
        One for each part that is there; for all pixels together where the view
        does not show nuclei.
    """
    step = max(1, round((before.size / 3 / MAX_PX) ** 0.5))
    before, after = before[::step, ::step], after[::step, ::step]
    keys, index, counts = np.unique(
        pack_colors(before).ravel(), return_inverse=True, return_counts=True
    )
    colors = ColorCounts(unpack_colors(keys).astype(np.float64), counts.astype(float))
    labs = [_lab(image.reshape(-1, 3)) for image in (before, after)]
    try:
        found = find_structures(colors)
    except StainEstimationError:
        parts = {WHOLE: np.ones(len(colors.counts), np.bool_)}
    else:
        is_ground = ~(found.is_nucleus | found.is_stained)
        parts = {
            "nuclei": found.is_nucleus,
            "other stained": found.is_stained,
            "ground": is_ground,
        }
    changes = []
    for part, is_part in parts.items():
        mask = is_part[index]
        if mask.any():
            old, new = (lab[mask].mean(axis=0) for lab in labs)
            changes.append(ColorChange(part, float(mask.mean()), old, new))
    return tuple(changes)


def _lab(colors: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return CIELAB colors, (K, 3)."""
    first, second, third = colors.T.astype(np.float64)
    return np.stack(lab_of(unit_levels((first, second, third))), axis=1)
