"""Bringing cells into view."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel
    from napari.layers import Image

__all__ = ["look_at"]

_BOX = ("box_row_px", "box_column_px", "box_row_stop_px", "box_column_stop_px")

_LEAST_SHARE, _SHARE, _MOST_SHARE = 0.06, 0.2, 0.9
"""Shares of the shorter side of the canvas: a cell that takes less, or more, than
the outer ones is zoomed to the middle one, so that it can be judged."""


def look_at(viewer: ViewerModel, layer: Image, cells: pd.DataFrame) -> None:
    """Center the view on cells, and zoom where they are too small or too large.

    Parameters
    ----------
    viewer : ViewerModel
        Viewer to move.
    layer : Image
        Picture of the cells.
    cells : DataFrame
        Their rows of the cell table.
    """
    boxes = cells[list(_BOX)].to_numpy(float)
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    camera, canvas_px = viewer.scene.camera, min(viewer.canvas.size)
    camera.center = tuple(layer.data_to_world(tuple((low + high - 1) / 2))[-2:])
    unit = abs(float(layer.scale[-1]))  # world per pixel
    largest = float((boxes[:, 2:] - boxes[:, :2]).max()) * unit
    all_of_them = float((high - low).max()) * unit
    is_too_small = largest * camera.zoom < _LEAST_SHARE * canvas_px
    if is_too_small or all_of_them * camera.zoom > _MOST_SHARE * canvas_px:
        wanted = _SHARE if len(boxes) == 1 else _MOST_SHARE
        camera.zoom = wanted * canvas_px / max(all_of_them, unit)
