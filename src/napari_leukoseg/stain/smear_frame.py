"""The frame in which methods work on smears: ground as white, luminance kept.

Colors are taken relative to the ground of the source, whatever a method does to
them is done there, and the ground of the reference is put in its place. So
ground becomes ground exactly, and white stays white where both are white.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.stain.planes import lab_of, relative_light, rgb_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_leukoseg.stain.color_counts import ColorCounts
    from napari_leukoseg.stain.planes import Planes

    Change = Callable[[Planes, Planes], tuple[Any, Any]]

__all__ = ["MAX_GAIN", "limited", "map_relative", "relative_lab"]

MAX_GAIN = 4.0
"""Most that a color or a dye is strengthened, or weakened, by."""


FADED_LIGHT = 115.0
"""L* relative to the ground from which nothing is left of a color."""


def limited(gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep gains within `MAX_GAIN`, so that noise does not turn into color."""
    return np.clip(gain, 1.0 / MAX_GAIN, MAX_GAIN)


def relative_lab(
    colors: ColorCounts, ground: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the CIELAB colors relative to a ground, shape (K, 3)."""
    relative = relative_light(colors.planes, (ground + 1.0).tolist())
    return np.stack(lab_of(relative), axis=1)


def map_relative(
    source: NDArray[np.float64], reference: NDArray[np.float64], change: Change
) -> Callable[[Planes], Planes]:
    """Return a map of gray levels that changes chroma relative to the ground.

    Parameters
    ----------
    source, reference : ndarray of shape (3,)
        Grounds, RGB, 0 to 255.
    change : callable
        Takes gray levels relative to the ground, 1 being as bright as it, and
        their CIELAB color; returns a* and b*. L* stays. What is brighter than
        the ground, as in a lamp spot, is light and no stain: it loses its color.
    """
    old, new = (source + 1.0).tolist(), (reference + 1.0).tolist()

    def color_map(rgb: Planes) -> Planes:
        relative = relative_light(rgb, old)
        lab = lab_of(relative)
        a, b = change(relative, lab)
        is_stain = ((FADED_LIGHT - lab[0]) / (FADED_LIGHT - 100.0)).clip(0.0, 1.0)
        a, b = a * is_stain, b * is_stain
        first, second, third = (
            share * level - 1.0
            for share, level in zip(rgb_of((lab[0], a, b)), new, strict=True)
        )
        return first, second, third

    return color_map
