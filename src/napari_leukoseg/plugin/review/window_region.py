"""How large the window is that is painted on, and where it lies."""

from __future__ import annotations

from napari_leukoseg.geometry import Region

__all__ = ["MAX_AREA_PX", "MAX_SIDE_PX", "fits_window", "window_around"]

MAX_AREA_PX = 2048 * 2048
"""Largest window: napari takes some 50 ms to show so many labels anew."""

MAX_SIDE_PX = 4096

_MARGIN = 0.25
"""What the window holds beside the view, on each side, over the view's extent."""

_STEP_PX = 64
"""Windows begin and end at multiples of this, so that they keep their size."""


def window_around(seen: Region, shape: tuple[int, int]) -> Region:
    """Return a window that holds a part of a slide, with as much around as may be.

    Parameters
    ----------
    seen : Region
        What it has to hold, at level 0.
    shape : tuple of int
        Rows and columns of the slide at level 0.
    """
    for share in (_MARGIN, _MARGIN / 2, _MARGIN / 4, 0.0):
        margin = round(share * max(seen.height, seen.width))
        bounds = (
            (seen.row - margin) // _STEP_PX * _STEP_PX,
            (seen.column - margin) // _STEP_PX * _STEP_PX,
            -(-(seen.row_stop + margin) // _STEP_PX) * _STEP_PX,
            -(-(seen.column_stop + margin) // _STEP_PX) * _STEP_PX,
        )
        window = Region.from_bounds(*bounds).intersection(Region.of_shape(shape))
        if fits_window(window):
            return window
    return seen


def fits_window(region: Region) -> bool:
    """Whether a window may be so large."""
    sides = max(region.height, region.width)
    return region.size.area <= MAX_AREA_PX and sides <= MAX_SIDE_PX
