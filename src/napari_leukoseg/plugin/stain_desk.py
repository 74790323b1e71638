"""What the Stain page tries on the chosen picture, and what is applied to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal

from napari_leukoseg.errors import LeukosegError, SettingsError
from napari_leukoseg.plugin.area import Area, region_of
from napari_leukoseg.plugin.background import Background
from napari_leukoseg.plugin.exporting import LayerPixels
from napari_leukoseg.plugin.stain_applied import AppliedStains
from napari_leukoseg.plugin.stain_jobs import (
    Benches,
    PixelSource,
    StainedView,
    StainRequest,
    StainSettings,
    find_facts,
    make_look,
    make_view,
)
from napari_leukoseg.plugin.stain_layers import find_stained
from napari_leukoseg.plugin.stain_looks import LookShelf
from napari_leukoseg.plugin.stain_preview import DividedPreview, screen_pixels
from napari_leukoseg.plugin.stain_remote import RemoteStains

if TYPE_CHECKING:
    from napari_leukoseg.plugin.session import Session
    from napari_leukoseg.stain import StainStep

__all__ = ["StainDesk"]

SETTLE_MS = 60
"""Pause after which a view that was moved is standardized."""


class StainDesk(QObject):
    """Settings, preview and applied steps of one viewer.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.

    Attributes
    ----------
    settings_changed : Signal
        See `settings` and `lender`.
    facts_changed : Signal of StainFacts or None
        What is known of the view that is shown.
    view_changed : Signal of StainedView
        The view that is shown.
    divided : Signal of float
        The divide was dragged.
    preview_ended : Signal
        The user has removed the layer of the preview, or applied what it shows.
    applied_changed : Signal
        See `applied_step`.
    busy : Signal of str
        What takes its time; empty when it is over.
    failed, noticed : Signal of str
        A sentence for people; an empty failure takes the last one back.
    shelf : LookShelf
        Methods and looks to choose from.
    """

    settings_changed = Signal()
    facts_changed = Signal(object)
    view_changed = Signal(object)
    divided = Signal(float)
    preview_ended = Signal()
    applied_changed = Signal()
    busy = Signal(str)
    failed = Signal(str)
    noticed = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._background = Background(1)
        self._benches = Benches()
        self.shelf = LookShelf(self._background, session.preferences)
        self.settings = StainSettings.remembered(session.preferences)
        self.divide = 0.5
        self.is_previewing = False
        self._preview = DividedPreview(session.viewer, self._take_divide)
        self._lenders: WeakKeyDictionary[Image, PixelSource] = WeakKeyDictionary()
        self._working: StainRequest | None = None
        self._is_stale = False
        self._remote = RemoteStains(session.client, session.runs)
        self._applied = AppliedStains(
            session.viewer.layers, self._background, self._benches, self._remote
        )
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._look)
        self._connect()

    def close(self) -> None:
        """Let go of everything; may be repeated."""
        self._settle.stop()
        self.is_previewing = False
        self._preview.close()
        self._applied.close()
        self._background.close()
        self._benches.close()

    def choose(self, **changes: Any) -> None:
        """Change settings by name; see `StainSettings`."""
        settings = replace(self.settings, **changes)
        if settings == self.settings:
            return
        if settings.method != self.settings.method:
            self.facts_changed.emit(None)  # those of the last method say nothing
        self.settings = settings
        settings.remember(self._session.preferences)
        self.shelf.remember(settings.reference)
        self.settings_changed.emit()
        self._settle.start()

    def preview(self, is_on: bool) -> None:
        """Show the view before and after, or no longer.

        A layer that is applied would cover what is before, and is hidden meanwhile.
        """
        self.is_previewing = is_on
        self._show_applied(not is_on)
        if is_on:
            self._settle.start()
            return
        self._settle.stop()
        self._preview.hide()
        self.facts_changed.emit(None)

    def set_divide(self, divide: float) -> None:
        """Move the divide to a share of the canvas, 0 (left edge) to 1."""
        self.divide = divide
        self._preview.move(divide)

    def request(self, area: Area, max_side_px: int | None = None) -> StainRequest:
        """Return a request for a part of the chosen picture.

        Parameters
        ----------
        area : Area
            Part of it.
        max_side_px : int, optional
            Longest side of the result; as large as on screen if not given.

        Raises
        ------
        SettingsError
            If there is no picture, or nothing in the area.
        """
        session = self._session
        layer, picture = session.layer, session.picture
        if layer is None or picture is None:
            raise SettingsError(
                "There is no picture to standardize; open one on the Slide page first."
            )
        region = region_of(area, session.viewer, layer, picture.shape)
        factor = screen_pixels(session.viewer, layer)
        if max_side_px is not None:
            factor = max_side_px / max(region.height, region.width)
        return StainRequest(
            layer,
            picture,
            LayerPixels.of_layer(layer),
            region,
            min(1.0, factor),
            self.settings,
            self.shelf.references.get(self.settings.reference),
            self._lenders.get(layer),
        )

    def make_view(
        self,
        request: StainRequest,
        background: Background,
        then: Callable[[StainedView], None],
        fail: Callable[[str], None],
    ) -> None:
        """Standardize a view, in a thread or, if that is too heavy, in the worker."""

        def finish(view: StainedView) -> None:
            if view.after is None:
                self._remote.ask(view, then, fail)
            else:
                then(view)

        background.run(partial(make_view, request, self._benches), finish, fail)

    def apply(self) -> None:
        """Show the whole picture standardized, and let Segment use it."""
        try:
            request = replace(self.request(Area.WHOLE), factor=1.0)
        except LeukosegError as error:
            self.failed.emit(str(error))
            return
        self._applied.apply(request)

    def withdraw(self) -> None:
        """Take back what was applied to the chosen picture."""
        if self._session.layer is not None:
            self._applied.withdraw(self._session.layer)

    def applied_step(self, layer: Image | None) -> StainStep | None:
        """Return the step that is applied to a picture, or none."""
        return self._applied.step_of(layer)

    @property
    def lender(self) -> PixelSource | None:
        """Picture that the stain of the chosen one is estimated from, if another."""
        layer = self._session.layer
        return None if layer is None else self._lenders.get(layer)

    def borrow(self, lender: PixelSource | None) -> None:
        """Estimate the stain of the chosen picture from another one, or from itself.

        For fields of a smear that have no white cells, beside one that has some.
        """
        layer = self._session.layer
        if layer is None:
            return
        if lender is None:
            self._lenders.pop(layer, None)
        else:
            self._lenders[layer] = lender
        self.settings_changed.emit()
        self._settle.start()

    def add_look(self, area: Area) -> None:
        """Make the chosen picture, or a part of it, a look, and choose it."""
        try:
            request = self.request(area)
        except LeukosegError as error:
            self.failed.emit(str(error))
            return
        name, region = request.picture.name, None
        if area is not Area.WHOLE:
            name, region = f"{name} ({area.value})", request.region
        work = partial(make_look, request, self._benches, name, region)
        self.shelf.measure(name, work)

    def _show_applied(self, is_visible: bool) -> None:
        """Show or hide what is applied to the chosen picture."""
        layer = self._session.layer
        if layer is not None and layer.visible:
            for stained in find_stained(self._session.viewer.layers, layer):
                stained.visible = is_visible

    def _look(self) -> None:
        """Standardize what is in view, unless that is under way."""
        if not self.is_previewing or not self.shelf.methods:
            return
        if self._working is not None:
            self._is_stale = True
            return
        try:
            request = self.request(Area.VIEW)
        except LeukosegError:  # there is nothing in view
            self._preview.hide()
            self.facts_changed.emit(None)
            return
        self._working, self._is_stale = request, False
        if self.shelf.is_slow(self.settings.method):
            self.busy.emit("Standardizing the view; this method takes some seconds")
        self.make_view(request, self._background, self._take_view, self._fail_view)

    def _take_view(self, view: StainedView) -> None:
        """Show a view, then find out more about it."""
        request = view.request
        is_there = request.layer in self._session.viewer.layers
        if self.is_previewing and is_there and view.after is not None:
            layer, region = request.layer, request.region
            self._preview.show(layer, region, view.after, self.divide)
            self.failed.emit("")
            self.view_changed.emit(view)
            facts = partial(find_facts, view)
            self._background.run(facts, self.facts_changed.emit, self.failed.emit)
        self._end_view()

    def _fail_view(self, message: str) -> None:
        """Tell why a view cannot be standardized."""
        self._preview.hide()
        self.facts_changed.emit(None)
        self.failed.emit(message)
        self._end_view()

    def _end_view(self) -> None:
        """Be ready for the next view."""
        if self._working is not None and self.shelf.is_slow(
            self._working.settings.method
        ):
            self.busy.emit("")
        self._working = None
        if self._is_stale:
            self._settle.start()

    def _take_divide(self, divide: float) -> None:
        """Follow the mouse."""
        self.set_divide(divide)
        self.divided.emit(divide)

    def _take_shelf(self) -> None:
        """Know what there is to choose from."""
        settings = self.settings
        if settings.reference not in self.shelf.references:
            known = self.shelf.remembered
            if known not in self.shelf.references:
                known = StainSettings().reference
            settings = replace(settings, reference=known)
        if settings.method not in [look.method for look in self.shelf.methods]:
            settings = replace(settings, method=StainSettings().method)
        self.settings = settings
        self.settings_changed.emit()
        self._settle.start()

    def _on_removed(self, event: Any) -> None:
        """Take note where the user removed a layer of ours."""
        if self._preview.is_gone(event.value) and self.is_previewing:
            self.preview_ended.emit()

    def _connect(self) -> None:
        """Listen to the viewer, the worker and the shelf."""
        session, shelf = self._session, self.shelf
        camera = session.viewer.scene.camera
        for event in (camera.events.center, camera.events.zoom):
            event.connect(self._on_view)
        session.viewer.layers.events.removed.connect(self._on_removed)
        session.picture_changed.connect(self._on_view)
        session.picture_changed.connect(self.settings_changed)  # its own lender
        session.picture_changed.connect(self.applied_changed)
        shelf.changed.connect(self._take_shelf)
        shelf.added.connect(lambda name: self.choose(reference=name))
        shelf.busy.connect(self.busy)
        shelf.failed.connect(self.failed)
        shelf.noticed.connect(self.noticed)
        applied = self._applied
        applied.changed.connect(self.applied_changed)
        applied.shown.connect(self.preview_ended)  # would show half of the same
        applied.busy.connect(self.busy)
        applied.failed.connect(self.failed)
        applied.noticed.connect(self.noticed)

    def _on_view(self) -> None:
        """Take note of another view."""
        if self.is_previewing:
            self._settle.start()
