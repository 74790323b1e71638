"""What the pages of one viewer share: its pictures, the worker, the preferences."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from napari.layers import Image, Layer
from qtpy.QtCore import QCoreApplication, QObject, Signal

from napari_leukoseg.plugin.background import Background
from napari_leukoseg.plugin.clicks import watch_clicks
from napari_leukoseg.plugin.export_process import ExportProcess
from napari_leukoseg.plugin.layers import find_layers
from napari_leukoseg.plugin.pictures import (
    MPP_KEY,
    PATH_KEY,
    LayerData,
    Picture,
    describe_layer,
    is_picture,
    layer_path,
)
from napari_leukoseg.plugin.preferences import Preferences
from napari_leukoseg.plugin.rescaling import rescale_layers
from napari_leukoseg.plugin.results import Results
from napari_leukoseg.plugin.review.desk import ReviewDesk
from napari_leukoseg.plugin.review.marks import SelectionMarks
from napari_leukoseg.plugin.review.painting import Painting
from napari_leukoseg.plugin.review.tools import Tools
from napari_leukoseg.plugin.runs import Runs
from napari_leukoseg.plugin.stain_desk import StainDesk
from napari_leukoseg.plugin.stain_layers import find_stained
from napari_leukoseg.plugin.training_run import Training
from napari_leukoseg.plugin.worker_client import (
    ForegroundClient,
    ProcessClient,
    WorkerClient,
)

if TYPE_CHECKING:
    from collections.abc import Hashable

    from napari.components import ViewerModel
    from napari.utils.events import Event

__all__ = ["FOREGROUND_VARIABLE", "Session"]

FOREGROUND_VARIABLE = "LEUKOSEG_FOREGROUND"
"""Environment variable that, if set, keeps the worker inside the viewer's process."""


class Session(QObject):
    """State that the pages of one viewer share; it lives as long as they do.

    Attributes
    ----------
    pictures_changed : Signal
        The viewer's pictures, or their names, are others.
    picture_changed : Signal
        Another picture is chosen, or more is known of it.
    busy : Signal of str
        What is being opened; an empty text when it is done.
    opened : Signal of str
        A sentence about what was opened; may be empty.
    failed : Signal of str
        A sentence about what could not be done.
    results_changed : Signal
        The results of the chosen picture are others.
    results_failed : Signal of str
        A sentence about results that cannot be shown.
    cell_clicked : Signal of int
        Id of the cell that the user clicked on, 0 beside cells.
    models_changed : Signal
        The user's model library holds others.
    """

    pictures_changed = Signal()
    picture_changed = Signal()
    busy = Signal(str)
    opened = Signal(str)
    failed = Signal(str)
    results_changed = Signal()
    results_failed = Signal(str)
    cell_clicked = Signal(int)
    models_changed = Signal()

    _sessions: ClassVar[WeakValueDictionary[int, Session]] = WeakValueDictionary()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = viewer
        self.preferences = Preferences.load()
        self.background = Background()
        self.client: WorkerClient = (
            ForegroundClient() if FOREGROUND_VARIABLE in os.environ else ProcessClient()
        )
        self.runs = Runs(self.client, self.background, self.results_of)
        self.training = Training(self.background)
        self.exports = ExportProcess(self)
        self.layer: Image | None = None
        self.picture: Picture | None = None
        self._results: WeakKeyDictionary[Image, Results] = WeakKeyDictionary()
        self._hidden: WeakSet[Layer] = WeakSet()
        self._pages: set[Hashable] = set()
        self.desk = ReviewDesk(self)
        self.painting = Painting(self)
        self.marks = SelectionMarks(self)
        self.tools = Tools(self)
        self.stain = StainDesk(self)
        self._connect()
        self._stop_watching = watch_clicks(viewer, self._on_click)
        self.background.run(_import_libraries, _ignore, _ignore)
        self.client.send("hello")
        self._choose_default()

    @classmethod
    def of(cls, viewer: ViewerModel) -> Session:
        """Return the session of a viewer, made when first asked for.

        Widgets get a proxy that differs each time; sessions are told apart, and
        layers compared, by the viewer behind it.
        """
        viewer = getattr(viewer, "__wrapped__", viewer)
        session = cls._sessions.get(id(viewer))
        if session is None:
            session = cls._sessions[id(viewer)] = cls(viewer)
        return session

    def join(self, page: Hashable) -> None:
        """Keep the session alive for a page."""
        self._pages.add(page)

    def leave(self, page: Hashable) -> None:
        """Let go; with its last page the session ends, and its worker too."""
        self._pages.discard(page)
        if not self._pages:
            self.close()

    def close(self) -> None:
        """End the worker and let go of everything; may be repeated."""
        if self._sessions.pop(id(self.viewer), None) is None:
            return
        self._disconnect()
        self.client.stop()
        self.training.stop()
        self.exports.stop()
        self.tools.close()
        with suppress(RuntimeError):  # the canvas may be gone
            self.marks.close()
        self.desk.close()
        self.stain.close()
        self.background.close()
        with suppress(RuntimeError):  # at the end of the program Qt goes first
            for results in self._results.values():
                results.close()

    @property
    def pictures(self) -> list[Image]:
        """Layers that could be segmented, topmost first."""
        return [layer for layer in reversed(self.viewer.layers) if is_picture(layer)]

    @property
    def results(self) -> Results | None:
        """Results of the chosen picture."""
        return None if self.layer is None else self._results.get(self.layer)

    def results_of(self, layer: Image) -> Results:
        """Return the results of a picture, made when first asked for."""
        results = self._results.get(layer)
        if results is None:
            results = Results(self.viewer, self.background, layer)
            results.changed.connect(self.results_changed)
            results.failed.connect(self.results_failed)
            self._results[layer] = results
        return results

    def choose(self, layer: Image | None) -> None:
        """Make a layer the picture that the pages are about."""
        if layer is self.layer:
            return
        self.layer = layer
        self.picture = None
        if layer is not None:
            self.picture = describe_layer(layer)
            told = partial(self._learn, layer)
            work = partial(_look_up, self.picture)
            self.background.run(work, told, self.failed.emit)
        self.picture_changed.emit()

    def open(self, path: Path) -> None:
        """Open a picture, a slide or a case, without asking which reader to use."""
        path = path.expanduser().absolute()
        layer = self._find(path)
        if layer is not None:
            self.bring_forward(layer)
            self.opened.emit(f"{path.name} is open already.")
            return
        self.busy.emit(path.name)
        mpp = self.preferences.mpp_of(path)
        recent = [Path(entry.path) for entry in self.preferences.recent]
        work = partial(_load, path, mpp, recent)
        self.background.run(work, partial(self._show, path), self._fail_to_open)

    def bring_forward(self, layer: Image) -> None:
        """Choose a picture and hide the others, which lie at the same place."""
        self.choose(layer)
        mine = [layer, *self._layers_over(layer)]
        for hidden in mine:
            if hidden in self._hidden:
                hidden.visible = True
                self._hidden.discard(hidden)
        for other in self.pictures:
            for above in (other, *self._layers_over(other)):
                if above not in mine and above.visible:
                    above.visible = False
                    self._hidden.add(above)

    def set_mpp(self, mpp: float | None) -> None:
        """Give the chosen picture a pixel size that its file does not state."""
        if self.layer is None or self.picture is None or mpp == self.picture.mpp:
            return
        rescale_layers(self.viewer, self.layer, self._layers_over(self.layer), mpp)
        self.layer.metadata[MPP_KEY] = mpp
        self.picture = replace(self.picture, mpp=mpp)
        if self.picture.path is not None:
            self.preferences.remember(self.picture.path, mpp)
        self.picture_changed.emit()

    def _show(self, path: Path, loaded: tuple[Picture | None, list[LayerData]]) -> None:
        """Add what was opened."""
        picture, layers = loaded
        if picture is None:
            self._show_case(path, layers)
        else:
            self._show_picture(path, picture, layers[0])

    def _show_picture(self, path: Path, picture: Picture, data: LayerData) -> None:
        """Add a picture's layer and choose it."""
        layer = self._add(data)
        self.bring_forward(layer)
        self.picture = picture
        self.viewer.reset_view(layers=[layer])
        given = None if picture.has_own_mpp else picture.mpp
        self.preferences.remember(picture.path or path, given)
        self.busy.emit("")
        self.picture_changed.emit()
        self.opened.emit("")

    def _show_case(self, path: Path, layers: list[LayerData]) -> None:
        """Add what is missing of a case's layers, and its picture if it was found."""
        has_labels = bool(find_layers(self.viewer.layers, str(path)))
        sources = [
            Path(attributes["metadata"][PATH_KEY])
            for _, attributes, kind in layers
            if kind == "image"
        ]
        for data in layers:
            is_there = has_labels if data[2] == "labels" else self._find(sources[0])
            if not is_there:
                self._add(data)
        self.busy.emit("")
        if sources:
            layer = self._find(sources[0])
            if layer is not None:
                self.bring_forward(layer)
                self.results_of(layer).open(path)
        self.opened.emit(
            ""
            if sources
            else f"The picture of {path.name} was not found beside it or among the "
            "recent files; open it as well."
        )

    def _find(self, path: Path) -> Image | None:
        """Return the layer of a picture, if it is open."""
        return next((x for x in self.pictures if layer_path(x) == path), None)

    def _add(self, data: LayerData) -> Layer:
        """Add a layer as a reader gives it."""
        return self.viewer.add_layer(Layer.create(*data))

    def _fail_to_open(self, message: str) -> None:
        """Tell that something could not be opened."""
        self.busy.emit("")
        self.failed.emit(message)

    def _learn(self, layer: Image, picture: Picture) -> None:
        """Take what was found out about a layer, if it is still the one."""
        if layer is self.layer:
            self.picture = picture
            self.picture_changed.emit()

    def _layers_over(self, layer: Image) -> list[Layer]:
        """Return what lies over a picture: results, and its standardized likeness."""
        layers, results = self.viewer.layers, self._results.get(layer)
        stained = find_stained(layers, layer)
        if results is None or results.path is None:
            return stained
        return [*stained, *find_layers(layers, str(results.path)).values()]

    def _choose_default(self) -> None:
        """Choose the active picture, or the topmost one."""
        pictures = self.pictures
        active = self.viewer.layers.selection.active
        self.choose(active if active in pictures else next(iter(pictures), None))

    def _on_inserted(self, event: Event) -> None:
        """Choose a picture that was just added, unless one is being segmented."""
        if is_picture(event.value):
            self.pictures_changed.emit()
            if not self.runs.is_active:
                self.choose(event.value)

    def _on_removed(self, event: Event) -> None:
        """Choose another picture where the chosen one was removed."""
        results = self._results.pop(event.value, None)
        if results is not None:
            if self.runs.layer is event.value:
                self.runs.cancel()
            results.close()
        self.pictures_changed.emit()
        if event.value is self.layer:
            self._choose_default()

    def _on_renamed(self) -> None:
        """Tell pages the new name."""
        self.pictures_changed.emit()

    def _on_click(self, world: Any) -> None:
        """Tell which cell was clicked on."""
        results = self.results
        if results is not None and results.view is not None:
            self.cell_clicked.emit(results.cell_at(world))

    def _connect(self) -> None:
        """Listen to the viewer and the application."""
        events = self.viewer.layers.events
        events.inserted.connect(self._on_inserted)
        events.removed.connect(self._on_removed)
        events.renamed.connect(self._on_renamed)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close)

    def _disconnect(self) -> None:
        """Stop listening."""
        events = self.viewer.layers.events
        events.inserted.disconnect(self._on_inserted)
        events.removed.disconnect(self._on_removed)
        events.renamed.disconnect(self._on_renamed)
        self._stop_watching()


def _ignore(_: object) -> None:
    """Do nothing with a result."""


def _look_up(picture: Picture) -> Picture:
    """Find out more about a picture; runs in a thread."""
    from napari_leukoseg.plugin.picture_files import look_up

    return look_up(picture)


def _load(
    path: Path, mpp: float | None, recent: list[Path]
) -> tuple[Picture | None, list[LayerData]]:
    """Open a picture or a case, for which no picture is given; runs in a thread."""
    from napari_leukoseg.case import is_case
    from napari_leukoseg.plugin.picture_files import load_picture
    from napari_leukoseg.plugin.readers import read_case

    if is_case(path):
        return None, read_case(path, recent)
    picture, layer = load_picture(path, mpp)
    return picture, [layer]


def _import_libraries() -> None:
    """Import what opening a picture and counting need; runs in a thread."""
    import scipy.stats  # noqa: F401

    import napari_leukoseg.plugin.case_view
    import napari_leukoseg.plugin.readers  # noqa: F401
