"""Part of a large slide at full resolution that can be painted on; follows the view."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtGui import QGuiApplication

from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.area import view_region
from napari_leukoseg.plugin.layers import spatial_of, write_patch
from napari_leukoseg.plugin.review.window_region import fits_window, window_around

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.case import Case
    from napari_leukoseg.plugin.session import Session

__all__ = ["WINDOW_KEY", "PaintWindow", "WindowState"]

WINDOW_KEY = "leukoseg_window"
"""Entry of the metadata of a window's layer: what it shows."""

_FOLLOW_MS = 120
"""Pause of the camera after which the window moves."""

_TURN_MS = 10
"""Pause between the layers, in which the window of the viewer is drawn."""

_ROLES = ("nucleus", "cytoplasm")


class WindowState(StrEnum):
    """What the window is doing."""

    CLOSED = "closed"
    LOADING = "loading"
    READY = "ready"
    TOO_FAR = "too far"
    """The view shows more than a window may hold."""


class _Loaded(NamedTuple):
    """Labels of a window, and the revision of the case that they are of."""

    region: Region
    labels: dict[str, NDArray[np.uint32]]
    revision: int


class PaintWindow(QObject):
    """Two plain layers over the label pyramids of a slide, which napari cannot paint.

    They hold what is in view and a margin. Strokes on them become edits as on any
    result layer; the pyramids of the same labels are hidden meanwhile.

    Parameters
    ----------
    session : Session
        Shared state of the viewer, with its `painting`.

    Attributes
    ----------
    state_changed : Signal
        See `state`.
    region : Region
        Part of the slide that the layers show.
    """

    state_changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.state = WindowState.CLOSED
        self.region = Region(0, 0, 0, 0)
        self._picture: Image | None = None
        self._case: Case | None = None
        self._layers: dict[str, Labels] = {}
        self._regions: dict[str, Region] = {}
        self._hidden: list[Labels] = []
        self._wanted: Region | None = None
        self._tool = (_ROLES[0], "pan_zoom")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_FOLLOW_MS)
        self._timer.timeout.connect(self._follow)
        session.desk.changed.connect(self._renew)
        session.picture_changed.connect(self._check)
        session.desk.state_changed.connect(self._check)
        session.viewer.layers.events.removed.connect(self._on_removed)

    @property
    def is_open(self) -> bool:
        """Whether the window follows the view."""
        return self.state is not WindowState.CLOSED

    @property
    def layers(self) -> dict[str, Labels]:
        """Layers by what they show; empty until the first is shown."""
        return dict(self._layers)

    def open(self, role: str, mode: str) -> None:
        """Show the window as soon as the view allows it, with a tool in hand.

        Parameters
        ----------
        role : str
            Which layer is to be painted on: ``nucleus`` or ``cytoplasm``.
        mode : str
            Mode of that layer, as napari calls it.
        """
        view, picture = self._session.desk.view, self._session.layer
        if view is None or picture is None or view.is_plain:
            return
        self._tool = (role, mode)
        if not self.is_open:
            self._picture, self._case = picture, view.case
            camera = self._session.viewer.scene.camera.events
            camera.center.connect(self._on_camera)
            camera.zoom.connect(self._on_camera)
            self._set_state(WindowState.LOADING)
        elif self.state is WindowState.READY:
            self._take_up_tool()
        self._follow()

    def close(self) -> None:
        """Take the layers away; what was painted is safe in the case."""
        if not self.is_open:
            return
        self._timer.stop()
        camera = self._session.viewer.scene.camera.events
        camera.center.disconnect(self._on_camera)
        camera.zoom.disconnect(self._on_camera)
        self._show_pyramids()
        self._hand_back()
        self.state = WindowState.CLOSED  # before layers go, which is noticed
        layers, self._layers = self._layers, {}
        for layer in layers.values():
            self._session.painting.remove(layer)
            if layer in self._session.viewer.layers:
                self._session.viewer.layers.remove(layer)
        self._picture = self._case = self._wanted = None
        self.region = Region(0, 0, 0, 0)
        self.state_changed.emit()

    def _on_camera(self, _: object = None) -> None:
        """Follow the view once it rests."""
        self._timer.start()

    def _follow(self) -> None:
        """Bring the window to where the view is."""
        if self._picture is None or self._case is None:
            return
        if QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._timer.start()  # a stroke or a drag is under way
            return
        seen = view_region(self._session.viewer, self._picture, self._case.shape)
        if seen.is_empty:
            return
        if not fits_window(seen):
            self._wanted = None
            self._step_back()
        elif _contains(self.region, seen):
            self._wanted = None
            self._show()
        else:
            self._load(window_around(seen, self._case.shape))

    def _load(self, region: Region) -> None:
        """Read the labels of a region in a thread."""
        if region == self._wanted or self._case is None:
            return
        self._wanted = region
        if self.state is not WindowState.READY:
            self._set_state(WindowState.LOADING)
        read = partial(_read, self._case, region)
        self._session.background.run(read, self._take, self._fail)

    def _take(self, loaded: _Loaded) -> None:
        """Show what was read, if it is still wanted."""
        if loaded.region == self._wanted:
            self._session.painting.flush()
            self.region = Region(0, 0, 0, 0)
            self._place(loaded, _ROLES)

    def _place(self, loaded: _Loaded, roles: tuple[str, ...]) -> None:
        """Give a layer its pixels, and the others theirs in the next turns."""
        if loaded.region != self._wanted or self._case is None:
            return
        is_pressed = QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        if is_pressed or loaded.revision != self._case.revision:
            self._wanted = None
            self._timer.start()
            return
        self._put(roles[0], loaded)
        if roles[1:]:
            QTimer.singleShot(_TURN_MS, partial(self._place, loaded, roles[1:]))
            return
        self._wanted, self.region = None, loaded.region
        self._show()

    def _fail(self, message: str) -> None:
        """Tell that labels cannot be read."""
        self._session.desk.failed.emit(message)
        self.close()

    def _put(self, role: str, loaded: _Loaded) -> None:
        """Give a layer its pixels and its place, and make it if there is none."""
        assert self._picture is not None  # noqa: S101
        region, layer = loaded.region, self._layers.get(role)
        place = _translate(self._picture, region)
        self._regions[role] = region
        if layer is None:
            self._add_layer(role, loaded.labels[role], place)
            return
        layer.data = loaded.labels[role]
        layer.translate = place
        self._session.painting.move(layer, (region.row, region.column))

    def _add_layer(
        self, role: str, labels: NDArray[np.uint32], place: NDArray[Any]
    ) -> None:
        """Add a layer just above the pyramid of the same labels, looking like it."""
        assert self._picture is not None  # noqa: S101
        viewer = self._session.viewer
        pyramid = self._pyramids().get(role)
        like = {} if pyramid is None else _look_of(pyramid)
        spatial = {**spatial_of(self._picture), "translate": place}
        layer = Labels(
            labels,
            name=f"{role} (window)",
            metadata={WINDOW_KEY: role},
            visible=False,
            **spatial,
            **like,
        )
        selected = set(viewer.layers.selection)
        viewer.add_layer(layer)
        viewer.layers.selection = selected & set(viewer.layers)
        if pyramid is not None:
            viewer.layers.move(len(viewer.layers) - 1, viewer.layers.index(pyramid) + 1)
        self._layers[role] = layer
        region = self._regions[role]
        self._session.painting.add(layer, role, (region.row, region.column))

    def _show(self) -> None:
        """Let people paint."""
        if self.state is WindowState.READY:
            return
        self._hide_pyramids()
        for layer in self._layers.values():
            layer.visible = layer.editable = True
        self._set_state(WindowState.READY)
        self._take_up_tool()

    def _step_back(self) -> None:
        """Show the pyramids while too much is in view; the tool is kept in mind."""
        if self.state is WindowState.READY:
            self._session.painting.flush()
            self._remember_tool()
            self._show_pyramids()
            for layer in self._layers.values():
                layer.visible = layer.editable = False
        self._set_state(WindowState.TOO_FAR)

    def _take_up_tool(self) -> None:
        """Make the layer that is painted on active, in its mode."""
        role, mode = self._tool
        layer = self._layers[role]
        self._session.viewer.layers.selection.active = layer
        layer.mode = mode

    def _remember_tool(self) -> None:
        """Note which tool is in hand."""
        active = self._session.viewer.layers.selection.active
        for role, layer in self._layers.items():
            if layer is active:
                self._tool = (role, str(layer.mode))

    def _hand_back(self) -> None:
        """Make the pyramid active that lies under the layer which is."""
        selection = self._session.viewer.layers.selection
        pyramids = self._pyramids()
        for role, layer in self._layers.items():
            if layer is selection.active and role in pyramids:
                selection.active = pyramids[role]

    def _pyramids(self) -> dict[str, Labels]:
        """Return the pyramids of the labels that the window shows."""
        results = self._session.results_of(self._picture) if self._picture else None
        layers = {} if results is None else results.layers
        return {role: layers[role] for role in _ROLES if role in layers}

    def _hide_pyramids(self) -> None:
        """Hide what would be seen twice."""
        self._hidden = [x for x in self._pyramids().values() if x.visible]
        for layer in self._hidden:
            layer.visible = False

    def _show_pyramids(self) -> None:
        """Show what was hidden."""
        hidden, self._hidden = self._hidden, []
        for layer in hidden:
            layer.visible = True

    def _renew(self, _: object) -> None:
        """Show edits inside the window."""
        if self._case is None:
            return
        for changed in self._session.desk.changed_regions:
            for role, layer in self._layers.items():
                region = self._regions[role]
                part = changed.intersection(region)
                if part.is_empty:
                    continue
                labels = self._case.read_labels(role, part)
                with self._session.painting.restoring():
                    write_patch(
                        layer, part.shifted(-region.row, -region.column), labels
                    )

    def _check(self) -> None:
        """Close where another picture is chosen, or where there can be no edit."""
        desk = self._session.desk
        is_same = desk.view is not None and desk.view.case is self._case
        is_same &= self._session.layer is self._picture
        if self.is_open and not (is_same and desk.can_edit):
            self.close()

    def _on_removed(self, event: Any) -> None:
        """Close with the first layer that the user removes."""
        if self.is_open and event.value in self._layers.values():
            self.close()

    def _set_state(self, state: WindowState) -> None:
        """Change the state, and tell."""
        if state is not self.state:
            self.state = state
            self.state_changed.emit()


def _contains(outer: Region, inner: Region) -> bool:
    """Whether one region lies in another."""
    return outer.intersection(inner) == inner


def _read(case: Case, region: Region) -> _Loaded:
    """Read the labels of a window; runs in a thread."""
    revision = case.revision
    labels = {role: case.read_labels(role, region) for role in _ROLES}
    return _Loaded(region, labels, revision)


def _translate(picture: Image, region: Region) -> NDArray[Any]:
    """Return where a layer begins that shows a region of a picture."""
    corner = np.asarray(picture.data_to_world((region.row, region.column)))
    place: NDArray[Any] = np.asarray(picture.affine.inverse(corner))
    return place[-2:]


def _look_of(layer: Labels) -> dict[str, Any]:
    """Return what makes two layers look alike."""
    return {
        "colormap": layer.colormap,
        "opacity": layer.opacity,
        "blending": layer.blending,
    }
