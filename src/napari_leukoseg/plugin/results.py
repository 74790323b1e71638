"""Keeps the three result layers of a case up to date, without stalling the window."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import QElapsedTimer, QObject, QTimer, Signal

from napari_leukoseg.plugin.layer_tables import LayerTables
from napari_leukoseg.plugin.layers import (
    CASE_KEY,
    ROLE_KEY,
    class_colormap,
    edit_steps,
    find_layers,
    forget_history,
    layer_attributes,
    seen_by,
    spatial_of,
    write_changes,
)
from napari_leukoseg.plugin.roles import CLASSES, ROLES, Seen
from napari_leukoseg.plugin.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd
    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_leukoseg.case import Touched
    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.plugin.background import Background
    from napari_leukoseg.plugin.case_view import CaseView, Snapshot
    from napari_leukoseg.plugin.renewals import Opened, Renewal

__all__ = ["Results"]

MIN_INTERVAL_MS = 500
"""Shortest time between two refreshes of the layers."""

_REST = 4
"""Least time between two refreshes, in units of the time that one takes: reading
a large table would keep the interface waiting for the interpreter."""

_FEATURES_INTERVAL_MS = 3000
"""Shortest time between two renewals of the tables, which rebuild their widget."""

_PAINTED_SUFFIX = " (painted)"


class Results(QObject):
    """Result layers of one picture in one viewer.

    Reading happens in threads. What has to happen in the interface thread is cut
    into small steps, one for each turn of the event loop.

    Parameters
    ----------
    viewer : ViewerModel
        Gets the layers.
    background : Background
        Reads the case.
    picture : Image
        Layer that the results lie over.

    Attributes
    ----------
    changed : Signal
        Emitted when layers and table show a new state.
    failed : Signal of str
        A sentence for people.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(
        self, viewer: ViewerModel, background: Background, picture: Image
    ) -> None:
        super().__init__()
        self._viewer, self._background, self._picture = viewer, background, picture
        self.view: CaseView | None = None
        self._layers: dict[str, Labels] = {}
        self._scheme: ClassScheme | None = None
        self._is_running = False
        self._is_renewing = self._is_wanted = self._needs_all = False
        self._interval_ms = MIN_INTERVAL_MS
        self._since_start = QElapsedTimer()
        self._since_renewal, self._since_features = QElapsedTimer(), QElapsedTimer()
        self._steps = Steps(self)
        self._waiter = QTimer(self)
        self._waiter.setSingleShot(True)
        self._waiter.timeout.connect(self.renew)
        self._tables = LayerTables(
            background, lambda: self.layers, self._steps.take, self
        )
        self._tables.changed.connect(self.changed)
        self._tables.failed.connect(self.failed)

    @property
    def path(self) -> Path | None:
        """Case that is shown, or none."""
        return None if self.view is None else self.view.case.path

    @property
    def layers(self) -> dict[str, Labels]:
        """Layers that the user has not removed, by role."""
        mine, there = self._layers, self._viewer.layers
        return {role: mine[role] for role in ROLES if mine.get(role) in there}

    @property
    def is_writing(self) -> bool:
        """Whether pixels of the layers change at this moment, painted by no person."""
        return self._steps.is_stepping

    @property
    def is_drawn(self) -> bool:
        """Whether the layers show all that was read of the case."""
        return self._steps.is_done and not self._is_renewing

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to read or show."""
        return self.is_drawn and not (self._is_wanted or self._tables.is_active)

    def open(
        self,
        path: Path,
        then: Callable[[], None] | None = None,
        on_error: Callable[[str], None] | None = None,
    ) -> None:
        """Show a case, in layers that are there already or in new ones.

        Parameters
        ----------
        path : Path
            Case folder.
        then : callable, optional
            Called when it is shown.
        on_error : callable, optional
            Gets a sentence if it cannot be; the signal `failed` tells it otherwise.
        """
        if path == self.path and self._has_all_layers():
            self.renew(is_final=True)
            if then is not None:
                then()
            return
        self._is_renewing = True
        self._since_start.start()
        found = find_layers(self._viewer.layers, str(path))
        strangers = {
            role: layer.data
            for role, layer in found.items()
            if layer is not self._layers.get(role) and not layer.multiscale
        }
        read = partial(_open_view, path, strangers)
        attach = partial(self._attach, then)
        self._background.run(read, attach, partial(self._fail, on_error))

    def set_running(self, is_running: bool) -> None:
        """Keep people from painting on what a run is about to write."""
        self._is_running = is_running
        if is_running:
            self._set_editable()
        else:  # editable again once the last cells are shown
            self.renew(is_final=True)

    def renew(self, *, is_final: bool = False) -> None:
        """Show the case as it is now; soon, if it was shown a moment ago.

        Parameters
        ----------
        is_final : bool, optional
            Whether everything is read anew, tables included, since a run is over
            or was not watched.
        """
        self._needs_all |= is_final
        if self.view is None or self._is_renewing:
            self._is_wanted = self._is_renewing
            return
        wait_ms = _left_of(self._since_renewal, self._interval_ms)
        if wait_ms and not self._needs_all:
            self._waiter.start(wait_ms)
            return
        self._waiter.stop()
        self._is_wanted, self._is_renewing = False, True
        has_features = self._needs_all or not _left_of(
            self._since_features, _FEATURES_INTERVAL_MS
        )
        before = None if self._needs_all else self.view.snapshot
        self._needs_all = False
        self._since_start.start()
        seen = seen_by(self.layers)
        read = partial(_read_renewal, self.view, seen, before, has_features)
        self._background.run(read, self._take, partial(self._fail, None))

    def take_edit(self, touched: Touched) -> None:
        """Show at once what edits of this process have changed.

        Layers and table are new on return, but for pixels of a great many cells,
        which follow in steps. The tables of the layers and the differential count
        follow a moment after the last of several edits; then `changed` is emitted.

        Parameters
        ----------
        touched : Touched
            What has changed since the last state that was shown.
        """
        if self.view is None:
            return
        if touched.is_everything:
            self.renew(is_final=True)
            return
        self.view.take_edit(touched)
        if self._is_renewing:  # it may write what it read before the edit
            self._is_wanted = self._needs_all = True
        self._steps.take_now(edit_steps(self.layers, self.view, touched))
        self._tables.renew_soon(self.view)

    def cell_at(self, world: Any) -> int:
        """Return the id of the cell at a world position, 0 where there is none."""
        if self.view is None:
            return 0
        row, column = self._picture.world_to_data(world)[-2:]
        return self.view.cell_at(float(row), float(column))

    def close(self) -> None:
        """Stop; layers stay as they are."""
        self._waiter.stop()
        self._tables.stop()
        self._steps.stop()
        self._layers = {}
        if self.view is not None:
            self.view.case.close()

    def _attach(self, then: Callable[[], None] | None, opened: Opened) -> None:
        """Put a case into layers."""
        if self.view is not None:
            self.view.case.close()
        self.view, self._scheme = opened.view, opened.view.scheme
        found = find_layers(self._viewer.layers, str(self.view.case.path))
        for role in opened.painted & found.keys():
            _set_aside(found[role])
        self._steps.take(self._attach_steps(opened.view, opened.features, then))

    def _attach_steps(
        self,
        view: CaseView,
        features: dict[str, pd.DataFrame],
        then: Callable[[], None] | None,
    ) -> Iterator[None]:
        """Fill or add one layer a step."""
        found = find_layers(self._viewer.layers, str(view.case.path))
        for role in ROLES:
            layer = found.get(role)
            if layer is not None and layer.multiscale is view.is_plain:
                self._viewer.layers.remove(layer)
                layer = None
            if layer is None:
                yield from self._add_layer(view, role)
            else:
                layer.data = view.data(role)
                self._layers[role] = layer
            yield
            self._layers[role].features = features[role]
            yield
        self._finish()
        if then is not None:
            then()

    def _add_layer(self, view: CaseView, role: str) -> Iterator[None]:
        """Add a layer, shown a step later: hidden, it is added in half the time."""
        attributes = layer_attributes(view, role, spatial_of(self._picture))
        selected = set(self._viewer.layers.selection)
        layer = Labels(view.data(role), visible=False, **attributes)
        self._viewer.add_layer(layer)
        # A new layer takes the selection; what the user works on keeps it.
        self._viewer.layers.selection = selected & set(self._viewer.layers)
        self._layers[role] = layer
        yield
        layer.visible = True

    def _take(self, renewal: Renewal) -> None:
        """Show what was read."""
        assert self.view is not None  # noqa: S101
        if renewal.snapshot.revision < self.view.snapshot.revision:
            self._is_renewing, self._needs_all = False, True  # an edit came between
            self.renew()
            return
        self.view.show(renewal.snapshot)
        self._steps.take(self._renewal_steps(self.view, renewal))

    def _renewal_steps(self, view: CaseView, renewal: Renewal) -> Iterator[None]:
        """Bring one layer a step to the new state."""
        self._color_classes(view)
        for role, layer in self.layers.items():
            if view.is_plain:
                changed = renewal.changed[role]
                yield from write_changes(layer, renewal.snapshot, role, changed)
                if not self._is_running:
                    forget_history(layer)
            else:
                layer.refresh(extent=False, highlight=False)
                yield
        if renewal.features is not None:
            for role, layer in self.layers.items():
                layer.features = renewal.features[role]
                yield
            self._since_features.start()
        self._finish()

    def _color_classes(self, view: CaseView) -> None:
        """Give the layer of classes other colors, where the scheme has others."""
        layer = self.layers.get(CLASSES)
        if layer is not None and view.scheme != self._scheme:
            layer.colormap = class_colormap(view.scheme)
        self._scheme = view.scheme

    def _finish(self) -> None:
        """Close a renewal."""
        self._is_renewing = False
        self._set_editable()
        self._since_renewal.start()
        took_ms = int(self._since_start.elapsed())
        self._interval_ms = max(MIN_INTERVAL_MS, _REST * took_ms)
        self.changed.emit()
        if self._is_wanted:
            self.renew()

    def _fail(self, on_error: Callable[[str], None] | None, message: str) -> None:
        """Tell that the case cannot be shown."""
        self._is_renewing = self._is_wanted = False
        (on_error or self.failed.emit)(message)

    def _has_all_layers(self) -> bool:
        """Whether the user has removed none of the layers."""
        return len(self.layers) == len(ROLES)

    def _set_editable(self) -> None:
        """Allow painting on plain layers while nothing is written to them."""
        is_plain = self.view is not None and self.view.is_plain
        for layer in self.layers.values():
            layer.editable = is_plain and not self._is_running


def _set_aside(layer: Labels) -> None:
    """Leave a painted layer to the person, under another name."""
    layer.name = f"{layer.name}{_PAINTED_SUFFIX}"
    layer.metadata = {
        key: value
        for key, value in layer.metadata.items()
        if key not in (CASE_KEY, ROLE_KEY)
    }


def _open_view(path: Path, strangers: dict[str, NDArray[Any]]) -> Opened:
    """Open a case; runs in a thread, which pays for the import."""
    from napari_leukoseg.plugin.renewals import open_view

    return open_view(path, strangers)


def _read_renewal(
    view: CaseView, seen: list[Seen], before: Snapshot | None, has_features: bool
) -> Renewal:
    """Read a case anew; runs in a thread."""
    from napari_leukoseg.plugin.renewals import read_renewal

    return read_renewal(view, seen, before, has_features)


def _left_of(timer: QElapsedTimer, interval_ms: int) -> int:
    """Return how much of an interval is left; none if the timer never ran."""
    if not timer.isValid():
        return 0
    return max(0, interval_ms - int(timer.elapsed()))
