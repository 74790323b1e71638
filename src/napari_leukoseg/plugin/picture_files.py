"""Files of pictures as napari layers; imported where threads need it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.pictures import (
    MPP_KEY,
    PATH_KEY,
    LayerData,
    Picture,
    spatial,
)
from napari_leukoseg.slide import LevelArray, SlideReader, open_slide

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PictureLevel", "layer_levels", "load_picture", "look_up"]

_WHOLE_PX = 4096 * 4096
"""Pictures without a pyramid are held in memory up to this size, so that every
other plugin can work on them."""


class PictureLevel(LevelArray):
    """A level of a slide whose copies read the same slide."""

    def __deepcopy__(self, memo: dict[int, Any]) -> PictureLevel:
        return self


def load_picture(
    path: str | Path, mpp: float | None = None
) -> tuple[Picture, LayerData]:
    """Open a picture or slide for the viewer; may run in any thread.

    Parameters
    ----------
    path : str or Path
        Anything that `open_slide` reads.
    mpp : float, optional
        µm per pixel that a user gave, used where the file states none.

    Returns
    -------
    picture : Picture
        What is known of it.
    layer : tuple of data, attributes and type
        Image layer: multiscale where there is a pyramid, in µm where the pixel
        size is known.

    Raises
    ------
    SlideError
        If it cannot be read.
    """
    slide = open_slide(path)
    picture = _describe_slide(slide, mpp)
    levels = layer_levels(slide)
    attributes: dict[str, Any] = {
        "name": picture.name,
        "rgb": True,
        "multiscale": len(levels) > 1,
        "metadata": {PATH_KEY: str(slide.path), MPP_KEY: picture.mpp},
        **spatial(picture.mpp),
    }
    data = levels if len(levels) > 1 else levels[0]
    return picture, (data, attributes, "image")


def look_up(picture: Picture) -> Picture:
    """Add what the source says; may run in any thread.

    A source that cannot be opened, or shows something of another size than the
    layer, is not the layer's picture, and its path is dropped.
    """
    if picture.path is None:
        return replace(picture, format_name="layer in the viewer")
    try:
        with open_slide(picture.path) as slide:
            if slide.shape == picture.shape:
                return replace(_describe_slide(slide, picture.mpp), name=picture.name)
    except LeukosegError:
        pass
    return replace(picture, path=None, format_name="layer in the viewer")


def _describe_slide(slide: SlideReader, mpp: float | None) -> Picture:
    """Tell what a slide says of itself."""
    return Picture(
        name=slide.path.name,
        shape=slide.shape,
        path=slide.path,
        format_name=slide.format_name,
        mpp=slide.mpp if slide.mpp is not None else mpp,
        has_own_mpp=slide.mpp is not None,
        objective_power=slide.objective_power,
        fingerprint=slide.fingerprint,
    )


def layer_levels(slide: SlideReader) -> list[LevelArray | NDArray[np.uint8]]:
    """Return lazy levels, the coarsest one in memory.

    napari reads the whole coarsest level when a layer is made; reading it here
    keeps that out of the interface thread.
    """
    last = len(slide.levels) - 1
    rows, columns = slide.levels[last].shape
    levels: list[LevelArray | NDArray[np.uint8]] = [
        PictureLevel(slide, index) for index in range(last + 1)
    ]
    if rows * columns <= _WHOLE_PX:
        levels[last] = slide.read_region(Region(0, 0, rows, columns), last)
    return levels
