"""Which part of a picture is meant: what is in view, a drawn rectangle, or all."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Shapes

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.layers import spatial_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import ArrayLike

__all__ = ["Area", "drawn_region", "find_rectangle_layer", "region_of", "view_region"]

RECTANGLE_LAYER = "segment area"
"""Name of the layer that the user draws a rectangle on."""


class Area(StrEnum):
    """What a run covers."""

    WHOLE = "whole"
    VIEW = "view"
    RECTANGLE = "rectangle"


def region_of(
    area: Area, viewer: ViewerModel, picture: Image, shape: tuple[int, int]
) -> Region:
    """Return the pixels of level 0 that an area covers.

    Parameters
    ----------
    area : Area
        What is meant.
    viewer : ViewerModel
        Its camera and canvas tell what is in view.
    picture : Image
        Layer of the picture.
    shape : tuple of int
        Rows and columns of the picture at level 0.

    Raises
    ------
    SettingsError
        If nothing of the picture lies in the area.
    """
    if area is Area.WHOLE:
        return Region.of_shape(shape)
    if area is Area.VIEW:
        region, where = view_region(viewer, picture, shape), "in view"
    else:
        region, where = drawn_region(viewer, picture, shape), "in a drawn rectangle"
    if region.is_empty:
        raise SettingsError(
            f"Nothing of {picture.name!r} is {where}; move the view, draw a "
            "rectangle on the picture, or choose the whole picture."
        )
    return region


def view_region(viewer: ViewerModel, picture: Image, shape: tuple[int, int]) -> Region:
    """Return the part of a picture that the canvas shows."""
    camera = viewer.scene.camera
    center = np.asarray(camera.center[-2:])
    half = np.asarray(viewer.canvas.size) / camera.zoom / 2
    corners = [center + half * sign for sign in ((-1, -1), (-1, 1), (1, -1), (1, 1))]
    return _covered([picture.world_to_data(corner) for corner in corners], shape)


def drawn_region(viewer: ViewerModel, picture: Image, shape: tuple[int, int]) -> Region:
    """Return the rectangle that was drawn last, or the one that is selected."""
    layer = find_rectangle_layer(viewer)
    if layer is None or not len(layer.data):
        return Region(0, 0, 0, 0)
    index = max(layer.selected_data, default=len(layer.data) - 1)
    world = [layer.data_to_world(corner) for corner in layer.data[index]]
    return _covered([picture.world_to_data(corner) for corner in world], shape)


def find_rectangle_layer(viewer: ViewerModel) -> Shapes | None:
    """Return the layer that rectangles are drawn on, if there is one."""
    return next(
        (
            layer
            for layer in viewer.layers
            if isinstance(layer, Shapes) and layer.name == RECTANGLE_LAYER
        ),
        None,
    )


def start_drawing(viewer: ViewerModel, picture: Image) -> Shapes:
    """Let the user draw a rectangle over a picture."""
    layer = find_rectangle_layer(viewer)
    if layer is None:
        layer = viewer.add_shapes(
            ndim=2,
            name=RECTANGLE_LAYER,
            edge_color="#00ffff",
            face_color="transparent",
            edge_width=_edge_width(picture),
            **spatial_of(picture),
        )
    viewer.layers.selection.active = layer
    layer.mode = "add_rectangle"
    return layer


def _edge_width(picture: Image) -> float:
    """Return a line width that is seen when the whole picture is in view."""
    return max(1.0, max(int(n) for n in picture.level_shapes[0][:2]) / 400)


def _covered(points: list[ArrayLike], shape: tuple[int, int]) -> Region:
    """Return the whole pixels between the outermost points, cut to the picture.

    A pixel's center has whole coordinates, so its edges lie half a pixel away.
    """
    corners = np.array([np.asarray(point, np.float64) for point in points])
    low, high = corners.min(axis=0) + 0.5, corners.max(axis=0) + 0.5
    if not np.isfinite([low, high]).all():
        return Region(0, 0, 0, 0)
    region = Region.from_bounds(
        *(math.floor(bound) for bound in low), *(math.ceil(bound) for bound in high)
    )
    return region.intersection(Region.of_shape(shape))
