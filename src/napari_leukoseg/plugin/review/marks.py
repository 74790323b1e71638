"""Rings around the selected cells in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Points
from qtpy.QtCore import QTimer

from napari_leukoseg.plugin.layers import spatial_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.plugin.session import Session

__all__ = ["SELECTED_NAME", "SelectionMarks"]

SELECTED_NAME = "selected cells"
"""Name of the layer."""

_BOX = ("box_row_px", "box_column_px", "box_row_stop_px", "box_column_stop_px")
_ROOM = 1.2
"""Diameter of a ring over the longer side of the cell's box."""

_COLOR = "#3d8bff"
_WIDTH = 0.03
"""Width of a ring over its diameter."""


class SelectionMarks:
    """Layer with a ring around each selected cell, added with the first selection.

    Parameters
    ----------
    session : Session
        Shared state of the viewer, whose desk tells the selection.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._layer: Points | None = None
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._show)
        session.desk.selection_changed.connect(self._timer.start)
        session.desk.changed.connect(lambda _: self._timer.start())
        session.picture_changed.connect(self._timer.start)

    def close(self) -> None:
        """Show no ring any more."""
        self._timer.stop()
        self._hide()

    def _show(self) -> None:
        """Bring the rings to the selected cells."""
        desk, picture = self._session.desk, self._session.layer
        if not desk.selected or picture is None:
            self._hide()
            return
        rows = desk.table[desk.table["cell_id"].isin(desk.selected)]
        boxes = rows[list(_BOX)].to_numpy(float)
        centers = (boxes[:, :2] + boxes[:, 2:] - 1) / 2
        sizes = _ROOM * (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
        layer = self._present()
        if layer is None:
            self._add(picture, centers, sizes)
            return
        for name, value in spatial_of(picture).items():
            if not np.array_equal(getattr(layer, name), value):
                setattr(layer, name, value)
        if not np.array_equal(layer.data, centers):
            layer.data = centers
        layer.size = sizes

    def _add(self, picture: Image, centers: NDArray[Any], sizes: NDArray[Any]) -> None:
        """Add the layer; what the user works on stays chosen."""
        viewer = self._session.viewer
        selected = set(viewer.layers.selection)
        self._layer = Points(
            centers,
            size=sizes,
            name=SELECTED_NAME,
            symbol="disc",
            face_color="transparent",
            border_color=_COLOR,
            border_width=_WIDTH,
            border_width_is_relative=True,
            **spatial_of(picture),
        )
        viewer.add_layer(self._layer)
        self._layer.editable = False
        viewer.layers.selection = selected & set(viewer.layers)

    def _hide(self) -> None:
        """Show no ring; the layer stays, since removing one makes the window wait."""
        layer = self._present()
        if layer is not None and len(layer.data):
            layer.data = np.zeros((0, 2))

    def _present(self) -> Points | None:
        """Return the layer, unless the user has removed it."""
        if self._layer is not None and self._layer in self._session.viewer.layers:
            return self._layer
        return None
