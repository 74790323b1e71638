"""Clicks on the canvas, told apart from drags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.components import ViewerModel

__all__ = ["watch_clicks"]

_CLICK_PX = 4
"""Canvas pixels that the mouse may move between press and release."""


def watch_clicks(
    viewer: ViewerModel, on_click: Callable[[Any], None]
) -> Callable[[], None]:
    """Call a function with the world position of each click.

    Parameters
    ----------
    viewer : ViewerModel
        Viewer whose canvas is watched, whichever layer is active. While a layer
        is painted or drawn on, clicks belong to it.
    on_click : callable
        Gets a position in world coordinates.

    Returns
    -------
    stop : callable
        Ends it.
    """

    def watch(viewer: ViewerModel, event: Any) -> Iterator[None]:
        pressed = np.asarray(event.pos)
        moved = 0.0
        yield
        while event.type == "mouse_move":
            moved = max(moved, float(np.abs(np.asarray(event.pos) - pressed).max()))
            yield
        if moved <= _CLICK_PX and _is_free(viewer):
            on_click(event.position)

    def stop() -> None:
        if watch in viewer.mouse_drag_callbacks:
            viewer.mouse_drag_callbacks.remove(watch)

    viewer.mouse_drag_callbacks.append(watch)
    return stop


def _is_free(viewer: ViewerModel) -> bool:
    """Whether a click would do nothing else."""
    active = viewer.layers.selection.active
    # A layer that keeps the view from moving takes the mouse for itself.
    return active is None or (str(active.mode) == "pan_zoom" and active.mouse_pan)
