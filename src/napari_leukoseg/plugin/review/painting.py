"""Takes what people paint with napari's own tools as edits of the case."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.layers import forget_history, write_patch
from napari_leukoseg.plugin.review.stroke_watch import StrokeWatch
from napari_leukoseg.plugin.roles import CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.layers import Labels, Layer
    from napari.utils.events import Event
    from numpy.typing import NDArray

    from napari_leukoseg.plugin.results import Results
    from napari_leukoseg.plugin.session import Session

__all__ = ["Canvas", "Painting"]

_CONTROL = "Meta" if sys.platform == "darwin" else "Control"


@dataclass
class Canvas:
    """Labels layer that people paint on.

    Parameters
    ----------
    layer : Labels
        Layer with an array in memory.
    role : str
        What it shows: ``nucleus``, ``cytoplasm`` or ``WBC class``.
    watch : StrokeWatch
        Hears strokes on it.
    corner : tuple of int
        Row and column of its first pixel at level 0.
    is_own : bool
        Whether it is a result layer itself, which the results keep up to date.
    """

    layer: Labels
    role: str
    watch: StrokeWatch
    corner: tuple[int, int] = (0, 0)
    is_own: bool = True


class Painting(QObject):
    """Strokes on result layers as edits, in the one history of the case.

    What is painted goes to the selected cell, or makes a new one if none is
    selected. What the case refuses vanishes from the layer at once.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.

    Attributes
    ----------
    escaped : Signal
        Escape was pressed on a layer that is painted on.
    """

    escaped = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._desk = session.desk
        self._canvases: dict[Layer, Canvas] = {}
        self._is_restoring = self._is_aiming = False
        self._desk.state_changed.connect(self._follow)
        self._desk.selection_changed.connect(self._aim)
        session.results_changed.connect(self._follow)
        session.viewer.layers.events.removed.connect(self._on_removed)

    @property
    def is_writing(self) -> bool:
        """Whether pixels change just now that no person has painted."""
        results = self._session.results
        return self._is_restoring or (results is not None and results.is_writing)

    def role_of(self, layer: Layer | None) -> str | None:
        """Return what a layer shows that is painted on; none for any other layer."""
        canvas = None if layer is None else self._canvases.get(layer)
        return None if canvas is None else canvas.role

    def add(self, layer: Labels, role: str, corner: tuple[int, int]) -> None:
        """Take strokes on a layer that shows a part of the labels.

        Parameters
        ----------
        layer : Labels
            Layer with an array in memory.
        role : str
            What it shows.
        corner : tuple of int
            Row and column of its first pixel at level 0; see `move`.
        """
        self._add(layer, role, corner, is_own=False)

    def move(self, layer: Labels, corner: tuple[int, int]) -> None:
        """Say that a layer shows another part from now on; see `flush`."""
        self._canvases[layer].corner = corner

    def remove(self, layer: Labels) -> None:
        """Take no more strokes on a layer; one that is over is taken first."""
        canvas = self._canvases.pop(layer, None)
        if canvas is None:
            return
        canvas.watch.flush()
        canvas.watch.stop()
        layer.events.selected_label.disconnect(self._on_label)
        for key in self._keys(canvas.role):
            layer.bind_key(key, None)

    def flush(self) -> None:
        """Take strokes that are over now rather than in a moment."""
        for canvas in list(self._canvases.values()):
            canvas.watch.flush()

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """Say that what happens to the layers is not the work of a person."""
        self._is_restoring = True
        try:
            yield
        finally:
            self._is_restoring = False

    def _follow(self, *_: object) -> None:
        """Watch the result layers of the chosen picture where they are plain."""
        layers = _plain_layers(self._session.results)
        for layer, canvas in list(self._canvases.items()):
            if canvas.is_own and layer not in layers.values():
                self.remove(layer)
        for role, layer in layers.items():
            if layer not in self._canvases:
                self._add(layer, role, (0, 0), is_own=True)
        self._aim()

    def _add(
        self, layer: Labels, role: str, corner: tuple[int, int], *, is_own: bool
    ) -> None:
        """Begin to watch a layer."""
        watch = StrokeWatch(layer, lambda: self.is_writing, self._is_drawn)
        canvas = Canvas(layer, role, watch, corner, is_own)
        watch.ended.connect(partial(self._take, canvas))
        self._canvases[layer] = canvas
        layer.events.selected_label.connect(self._on_label)
        for key, act in self._keys(role).items():
            layer.bind_key(key, act, overwrite=True)
        self._aim()

    def _keys(self, role: str) -> dict[str, Callable[[Labels], None]]:
        """Return the keys that mean something else on our layers than on others."""
        keys: dict[str, Callable[[Labels], None]] = {
            f"{_CONTROL}-Z": self._undo,
            f"{_CONTROL}-Shift-Z": self._redo,
            "Escape": self._escape,
        }
        return keys if role == CLASSES else {**keys, "M": self._begin_cell}

    def _undo(self, _: Labels) -> None:
        """Take back the last edit, whatever it was."""
        self.flush()
        self._desk.undo()

    def _redo(self, _: Labels) -> None:
        """Do again what was undone last."""
        self.flush()
        self._desk.redo()

    def _escape(self, _: Labels) -> None:
        """Tell that the tool is to be put down."""
        self.escaped.emit()

    def _begin_cell(self, _: Labels | None = None) -> None:
        """Let what is painted next be a new cell."""
        self._desk.select(())
        self._aim()

    def _is_drawn(self) -> bool:
        """Whether the layers show the present state of the case."""
        results = self._session.results
        return results is None or results.is_drawn

    def _aim(self) -> None:
        """Let the brushes paint the selected cell, or a new one."""
        view = self._desk.view
        if view is None or not self._canvases:
            return
        selected = self._desk.selected
        self._is_aiming = True
        try:
            target = selected[0] if selected else view.case.next_id
            for canvas in self._canvases.values():
                if canvas.role != CLASSES and canvas.layer.selected_label:
                    canvas.layer.selected_label = target
        finally:
            self._is_aiming = False

    def _on_label(self, event: Event) -> None:
        """Select the cell that was picked in a layer."""
        layer: Labels = event.source
        view, label = self._desk.view, int(layer.selected_label)
        is_of_cells = self._canvases[layer].role != CLASSES
        if self._is_aiming or view is None or not is_of_cells or not label:
            return
        if label not in self._desk.selected[:1]:
            self._desk.select((label,))  # passes over an id that no cell has
            self._aim()

    def _take(self, canvas: Canvas, region: Region) -> None:
        """Make edits of a stroke, and show what has become of it."""
        place = region.shifted(*canvas.corner)
        painted = canvas.layer.data[region.slices].copy()
        truth = self._truth(canvas, place)
        if truth is None or (painted == truth).all():
            return
        self._edit(canvas, place, truth, painted)
        truth = self._truth(canvas, place)
        if truth is not None:
            with self.restoring():
                write_patch(canvas.layer, region, truth)
        forget_history(canvas.layer)

    def _truth(self, canvas: Canvas, place: Region) -> NDArray[Any] | None:
        """Return what a layer should show, none if the case cannot be read."""
        # Imported by the thread that opened the case.
        from napari_leukoseg.plugin.review.strokes import true_labels

        view = self._desk.view
        if view is None or place.is_empty:
            return None
        try:
            return true_labels(view.case, canvas.role, place)
        except LeukosegError as error:
            self._desk.failed.emit(str(error))
            return None

    def _edit(
        self,
        canvas: Canvas,
        place: Region,
        truth: NDArray[Any],
        painted: NDArray[Any],
    ) -> None:
        """Carry out the edits that a stroke means."""
        from napari_leukoseg.plugin.review.strokes import stroke_edits

        view, overwrite = self._desk.view, not canvas.layer.preserve_labels
        assert view is not None  # noqa: S101
        try:
            for edit in stroke_edits(
                view.case, canvas.role, place, truth, painted, overwrite=overwrite
            ):
                inverse = self._desk.apply(edit)
                if inverse is not None and inverse.added_ids:
                    self._desk.select(inverse.added_ids)
        except LeukosegError as error:
            self._desk.failed.emit(str(error))

    def _on_removed(self, event: Event) -> None:
        """Let go of a layer that is gone."""
        if event.value in self._canvases:
            self.remove(event.value)


def _plain_layers(results: Results | None) -> dict[str, Labels]:
    """Return the result layers that can be painted on, by role."""
    if results is None or results.view is None or not results.view.is_plain:
        return {}
    return results.layers
