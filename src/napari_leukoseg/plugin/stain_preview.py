"""Layer that shows the view standardized, right of a divide that can be dragged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.utils.transforms import Affine

from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.pictures import DERIVED_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

__all__ = ["DividedPreview", "place_over"]

PREVIEW_NAME = "stain preview"

GRIP_PX = 10
"""Radius of the handle on the divide, on screen."""

REACH_PX = 10
"""How near to the divide the mouse takes hold of it, on screen."""

_MAX_PX = 4_000_000
"""Pixels of the layer; enlarged only up to that."""


class DividedPreview:
    """The view before, left of a divide, and after, right of it.

    Parameters
    ----------
    viewer : ViewerModel
        Viewer whose canvas it is shown in.
    on_divide : callable
        Gets the divide, 0 (left edge of the canvas) to 1, when it is dragged.
    """

    def __init__(self, viewer: ViewerModel, on_divide: Callable[[float], None]) -> None:
        self._viewer = viewer
        self._on_divide = on_divide
        self._layer: Image | None = None
        self._after: NDArray[np.uint8] | None = None
        self._divide = 0.5
        viewer.mouse_drag_callbacks.append(self._drag)
        viewer.mouse_move_callbacks.append(self._hover)

    @property
    def layer(self) -> Image | None:
        """What is in the viewer; none if the user has removed it."""
        if self._layer is not None and self._layer not in self._viewer.layers:
            self._layer = None
        return self._layer

    def show(
        self, picture: Image, region: Region, after: NDArray[np.uint8], divide: float
    ) -> None:
        """Show a standardized view.

        Parameters
        ----------
        picture : Image
            Layer that it covers a part of.
        region : Region
            That part, at level 0.
        after : ndarray of shape (M, N, 3) and dtype uint8
            Its standardized pixels.
        divide : float
            See `move`.
        """
        zoom = screen_pixels(self._viewer, picture) * region.width / after.shape[1]
        most = (_MAX_PX / (after.size / 3)) ** 0.5
        times = max(1, int(min(zoom, most)))
        self._after = after.repeat(times, axis=0).repeat(times, axis=1)
        self._divide = divide
        data = np.full((*self._after.shape[:2], 4), 255, np.uint8)
        place = place_over(picture, region, data.shape[:2])
        if self.layer is None:
            self._add(picture, data, place)
        else:
            self._renew(data, place)
        self._raise_over(picture)

    def move(self, divide: float) -> None:
        """Move the divide to a share of the canvas, 0 (left edge) to 1."""
        self._divide = divide
        if self.layer is not None:
            self._draw(self.layer.data)
            self.layer.refresh(extent=False, thumbnail=False)

    def hide(self) -> None:
        """Take the layer out of the viewer."""
        layer, self._layer, self._after = self.layer, None, None
        if layer is not None:
            self._viewer.layers.remove(layer)

    def is_gone(self, removed: Layer) -> bool:
        """Whether somebody else took the layer out of the viewer."""
        return removed is self._layer

    def close(self) -> None:
        """Take everything back; may be repeated."""
        for callbacks, own in (
            (self._viewer.mouse_drag_callbacks, self._drag),
            (self._viewer.mouse_move_callbacks, self._hover),
        ):
            if own in callbacks:
                callbacks.remove(own)
        self.hide()

    def _add(self, picture: Image, data: NDArray[Any], place: dict[str, Any]) -> None:
        """Add the layer above a picture, and leave the active one active."""
        layers = self._viewer.layers
        active = layers.selection.active
        self._layer = Image(
            data,
            rgb=True,
            name=PREVIEW_NAME,
            metadata={DERIVED_KEY: PREVIEW_NAME},
            **place,
        )
        self._draw(data)
        layers.insert(layers.index(picture) + 1, self._layer)
        layers.selection.active = active

    def _raise_over(self, picture: Image) -> None:
        """Put the layer just above a picture."""
        layers = self._viewer.layers
        own, below = layers.index(self._layer), layers.index(picture)
        if own != below + 1:
            layers.move(own, below + 1)

    def _renew(self, data: NDArray[Any], place: dict[str, Any]) -> None:
        """Give the layer other pixels at another place."""
        assert self._layer is not None  # noqa: S101
        with self._layer.events.blocker_all():
            for name, value in place.items():
                setattr(self._layer, name, value)
        self._draw(data)
        self._layer.data = data

    def _draw(self, data: NDArray[np.uint8]) -> None:
        """Draw the divide where it belongs on the layer."""
        assert self._layer is not None  # noqa: S101
        assert self._after is not None  # noqa: S101
        middle = (self._viewer.scene.camera.center[-2], self._world_column())
        row, column = self._layer.world_to_data(middle)[-2:]
        draw_divide(data, self._after, round(column + 0.5), round(row))

    def _world_column(self) -> float:
        """Return where the divide is in the world."""
        camera = self._viewer.scene.camera
        width = self._viewer.canvas.size[1] / camera.zoom
        return float(camera.center[-1] + (self._divide - 0.5) * width)

    def _is_near(self, event: Any) -> bool:
        """Whether the mouse is on the divide."""
        if self.layer is None or not self._layer.visible:  # type: ignore[union-attr]
            return False
        distance = abs(event.position[-1] - self._world_column())
        return bool(distance * self._viewer.scene.camera.zoom <= REACH_PX)

    def _hover(self, viewer: ViewerModel, event: Any) -> None:
        """Show that the divide can be taken."""
        style = "pointing" if self._is_near(event) else "standard"
        if self.layer is not None and viewer.cursor.style in ("pointing", "standard"):
            viewer.cursor.style = style

    def _drag(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        """Move the divide with the mouse, and not the view."""
        if not self._is_near(event):
            return
        camera = viewer.scene.camera
        pans, camera.mouse_pan = camera.mouse_pan, False
        try:
            yield
            while event.type == "mouse_move":
                away = (event.position[-1] - camera.center[-1]) * camera.zoom
                share = 0.5 + away / viewer.canvas.size[1]
                self._on_divide(float(np.clip(share, 0.0, 1.0)))
                yield
        finally:
            camera.mouse_pan = pans


def screen_pixels(viewer: ViewerModel, picture: Image) -> float:
    """Return how many pixels of the canvas one of the picture takes."""
    return float(viewer.scene.camera.zoom * abs(picture.scale[-1]))


def place_over(
    picture: Image, region: Region, shape: tuple[int, ...]
) -> dict[str, Any]:
    """Return where a layer of a shape lies that shows a region of a picture."""
    steps = np.array([region.height / shape[0], region.width / shape[1]])
    # A pixel's center has whole coordinates.
    corner = np.array([region.row, region.column]) + steps / 2 - 0.5
    turned = Affine(scale=picture.scale, rotate=picture.rotate, shear=picture.shear)
    return {
        "scale": np.asarray(picture.scale) * steps,
        "translate": np.asarray(picture.translate) + turned.linear_matrix @ corner,
        "rotate": picture.rotate,
        "shear": picture.shear,
        "affine": picture.affine,
        "units": picture.units,
    }


def draw_divide(
    data: NDArray[np.uint8], after: NDArray[np.uint8], column: int, row: int
) -> None:
    """Hide what is left of a column, and draw a line with a handle there.

    Parameters
    ----------
    data : ndarray of shape (M, N, 4)
        Changed in place.
    after : ndarray of shape (M, N, 3)
        What the line is drawn over.
    column, row : int
        Where the divide is; the handle lies at the row. Neither has to be inside.
    """
    data[..., :3] = after
    data[..., 3] = np.where(np.arange(data.shape[1]) >= column, 255, 0)
    for offset, gray in ((-2, 40), (-1, 255), (0, 255), (1, 40)):
        if 0 <= column + offset < data.shape[1]:
            data[:, column + offset] = (gray, gray, gray, 255)
    rows, columns = np.ogrid[-GRIP_PX : GRIP_PX + 1, -GRIP_PX : GRIP_PX + 1]
    distance = np.hypot(rows, columns)
    for radius, gray in ((GRIP_PX, 40), (GRIP_PX - 2, 255)):
        places = np.argwhere(distance <= radius) - GRIP_PX + np.array([row, column])
        inside = ((places >= 0) & (places < data.shape[:2])).all(axis=1)
        data[tuple(places[inside].T)] = (gray, gray, gray, 255)
