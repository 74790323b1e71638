"""Lines, outlines and clicks drawn over a picture, on a layer that comes and goes."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QObject, Signal

from napari_leukoseg.plugin.layers import spatial_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

__all__ = ["Drawn", "Sketch", "Stroke"]

LAYER_NAME = "LeukoSeg tool"

_STEP_PX = 3
"""Canvas pixels between two points of a line."""

_CLICK_PX = 4
"""Canvas pixels that the mouse may move in a click."""

_WIDTH_PX = 2.0
"""Width of lines, in canvas pixels."""

_MARK_PX = 5.0
"""Radius of the mark of a click, in canvas pixels."""

_MODIFIERS = ("Shift", "Alt", "Control")

_LINE_COLOR = "#ffd400"
_MARK_COLORS = {True: "#2ecc40", False: "#ff4136"}


class Stroke(StrEnum):
    """What a drag draws, as napari calls the shape."""

    LINE = "path"
    OUTLINE = "polygon"
    BOX = "rectangle"


class Drawn(NamedTuple):
    """What was drawn from press to release.

    Parameters
    ----------
    points : ndarray of float, shape (n, 2)
        Where the mouse was, at level 0 of the picture; one point for a click. Of a
        box, two corners.
    is_click : bool
        Whether the mouse hardly moved.
    modifiers : frozenset of str
        Keys held at the press, as napari calls them.
    """

    points: NDArray[np.float64]
    is_click: bool
    modifiers: frozenset[str]


class Sketch(QObject):
    """Layer on top of all others that takes drags and clicks with the left button.

    The wheel zooms and Space moves the view, as ever; Escape ends it.

    Parameters
    ----------
    viewer : ViewerModel
        Viewer to draw in.

    Attributes
    ----------
    drawn : Signal of Drawn
        A drag or a click has ended.
    ended : Signal
        Escape was pressed, or the layer was removed.
    """

    drawn = Signal(object)
    ended = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: Shapes | None = None
        self._picture: Image | None = None
        self._before: Layer | None = None
        self._stroke = Stroke.LINE
        self._marks: list[tuple[NDArray[np.float64], bool]] = []
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def is_active(self) -> bool:
        """Whether drags draw."""
        return self._layer is not None

    def begin(self, picture: Image, stroke: Stroke) -> None:
        """Draw on a picture from now on.

        Parameters
        ----------
        picture : Image
            What is drawn on.
        stroke : Stroke
            What a drag draws.
        """
        self.end()
        self._picture, self._stroke = picture, stroke
        self._before = self._viewer.layers.selection.active
        layer = Shapes(ndim=2, name=LAYER_NAME, **spatial_of(picture))
        self._viewer.add_layer(layer)
        self._layer = layer
        layer.mouse_pan = False
        layer.cursor = "cross"
        layer.mouse_drag_callbacks.append(self._on_drag)
        layer.bind_key("Escape", self._on_escape, overwrite=True)
        layer.bind_key("Space", _pan_while_held, overwrite=True)
        self._viewer.layers.selection.active = layer

    def end(self) -> None:
        """Take the layer away and give the one before it the mouse back."""
        layer, self._layer = self._layer, None
        self._marks = []
        if layer is None:
            return
        layer.mouse_drag_callbacks.remove(self._on_drag)
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        if self._before in self._viewer.layers:
            self._viewer.layers.selection.active = self._before
        self._picture = self._before = None

    def mark(self, clicks: Sequence[tuple[tuple[float, float], bool]]) -> None:
        """Show clicks.

        Parameters
        ----------
        clicks : sequence of (point, bool)
            Points at level 0, and whether each lies in the cell or outside.
        """
        self._marks = [(np.asarray(point, float), kind) for point, kind in clicks]
        self._show(None)

    def _on_drag(self, layer: Shapes, event: Any) -> Iterator[None]:
        """Draw from press to release."""
        if layer.mouse_pan or event.button != 1:
            return
        modifiers = frozenset(name for name in _MODIFIERS if name in event.modifiers)
        pressed = last = np.asarray(event.pos, float)
        points, moved = [self._place(event)], 0.0
        yield
        while event.type == "mouse_move":
            now = np.asarray(event.pos, float)
            moved = max(moved, float(np.abs(now - pressed).max()))
            if np.hypot(*(now - last)) >= _STEP_PX:
                last = now
                points.append(self._place(event))
                self._show(np.array(points))
            yield
        is_click = moved <= _CLICK_PX
        self._show(None)
        drawn = np.array(points[:1] if is_click else points)
        if self._stroke is Stroke.BOX and not is_click:
            drawn = drawn[[0, -1]]
        self.drawn.emit(Drawn(drawn, is_click, modifiers))

    def _place(self, event: Any) -> NDArray[np.float64]:
        """Return where the mouse is, at level 0."""
        assert self._picture is not None  # noqa: S101
        place: NDArray[np.float64] = np.asarray(
            self._picture.world_to_data(event.position), float
        )
        return place[-2:]

    def _show(self, points: NDArray[np.float64] | None) -> None:
        """Show what is being drawn, and the marks of clicks."""
        layer = self._layer
        if layer is None:
            return
        layer.data = []
        pixel = 1 / (self._viewer.scene.camera.zoom * abs(layer.scale[-1]))
        for point, is_inside in self._marks:
            layer.add_ellipses(
                np.array([point, (_MARK_PX * pixel, _MARK_PX * pixel)]),
                edge_color="white",
                face_color=_MARK_COLORS[is_inside],
                edge_width=pixel,
            )
        if points is None or len(points) < 2:
            return
        if self._stroke is Stroke.BOX:
            points = _corners(points[0], points[-1])
        elif self._stroke is Stroke.OUTLINE and len(points) < 3:
            return
        layer.add(
            points,
            shape_type=str(self._stroke),
            edge_color=_LINE_COLOR,
            face_color="transparent",
            edge_width=_WIDTH_PX * pixel,
        )

    def _on_escape(self, _: Shapes) -> None:
        """Tell that it is over."""
        self.ended.emit()

    def _on_removed(self, event: Any) -> None:
        """Tell that the user has taken the layer away."""
        if event.value is self._layer:
            self.ended.emit()


def _corners(
    first: NDArray[np.float64], last: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the corners of a box between two opposite ones."""
    (top, left), (bottom, right) = first, last
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)])


def _pan_while_held(layer: Shapes) -> Iterator[None]:
    """Let the mouse move the view while a key is held."""
    layer.mouse_pan = True
    yield
    layer.mouse_pan = False
