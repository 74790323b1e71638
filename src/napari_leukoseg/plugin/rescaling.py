"""A new pixel size for layers that lie over each other, without moving the view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.plugin.pictures import spatial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.components import ViewerModel
    from napari.layers import Image, Layer

__all__ = ["rescale_layers"]


def rescale_layers(
    viewer: ViewerModel, picture: Image, others: Iterable[Layer], mpp: float | None
) -> None:
    """Give a picture, and what lies over it, a pixel size.

    Parameters
    ----------
    viewer : ViewerModel
        Its camera goes along, so that the picture stays where it is on screen.
    picture : Image
        Layer whose pixel size becomes known.
    others : iterable of Layer
        Layers over it.
    mpp : float or None
        µm per pixel, none for unknown.
    """
    place = spatial(mpp)
    factor = place["scale"][0] / float(picture.scale[0])
    camera = viewer.scene.camera
    center, zoom = camera.center, camera.zoom
    for layer in (picture, *others):
        layer.scale = place["scale"]
        layer.translate = np.asarray(layer.translate) * factor
        layer.units = place["units"]
    camera.center = tuple(factor * value for value in center)
    camera.zoom = zoom / factor
