"""Hears when a person has painted on a labels layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtGui import QGuiApplication

from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels
    from napari.utils.events import Event

__all__ = ["StrokeWatch"]

_RETRY_MS = 20
"""Pause before a stroke is looked at again where it could not be told yet."""


class StrokeWatch(QObject):
    """Tells when a person has painted on a layer, and where.

    While the mouse moves it only notes a rectangle.

    Parameters
    ----------
    layer : Labels
        Layer with an array in memory.
    is_ours : callable
        Says that what happens to the layer is not the work of a person.
    is_drawn : callable
        Says that the layer shows the present state; strokes wait for that.

    Attributes
    ----------
    ended : Signal of Region
        Part of the array that may differ; sent once a stroke is over and written.
    """

    ended = Signal(object)

    def __init__(
        self, layer: Labels, is_ours: Callable[[], bool], is_drawn: Callable[[], bool]
    ) -> None:
        super().__init__()
        self.layer = layer
        self._is_ours, self._is_drawn = is_ours, is_drawn
        self._touched: Region | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._finish)
        layer.events.labels_update.connect(self._on_update)
        layer.events.paint.connect(self._on_paint)

    def stop(self) -> None:
        """Listen no longer."""
        self._timer.stop()
        self.layer.events.labels_update.disconnect(self._on_update)
        self.layer.events.paint.disconnect(self._on_paint)

    def flush(self) -> None:
        """Tell of a stroke that is over now rather than in a moment."""
        if self._timer.isActive():
            self._timer.stop()
            self._tell()

    def _on_update(self, event: Event) -> None:
        """Note what napari has drawn anew."""
        if self._is_ours():
            return
        row, column = (int(start) for start in event.offset[-2:])
        part = Region(row, column, *event.data.shape[-2:])
        self._touched = part if self._touched is None else self._touched.union(part)

    def _on_paint(self, _: Event) -> None:
        """Wait until the pixels are written: a polygon's are only after this."""
        if not self._is_ours():
            self._timer.start(0)

    def _finish(self) -> None:
        """Tell of a stroke unless the next one has begun."""
        is_pressed = QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        if is_pressed or not self._is_drawn():
            self._timer.start(_RETRY_MS)
        else:
            self._tell()

    def _tell(self) -> None:
        """Tell where pixels may differ, all of them where napari did not say."""
        whole = Region.of_shape(self.layer.data.shape)
        touched, self._touched = self._touched or whole, None
        self.ended.emit(touched.intersection(whole))
