"""Brings the tables of the result layers up to edits, when these have paused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Labels

    from napari_leukoseg.plugin.background import Background
    from napari_leukoseg.plugin.case_view import CaseView, Snapshot

__all__ = ["LayerTables"]

DELAY_MS = 300
"""Pause after the last edit until the tables show it: setting them is slow."""


class LayerTables(QObject):
    """Makes the tables of the layers and the differential count in a thread.

    Parameters
    ----------
    background : Background
        Gives the thread.
    layers : callable
        Gives the layers by role.
    take_steps : callable
        Takes the steps of a generator from the next turn of the event loop on.
    parent : QObject
        Owner.

    Attributes
    ----------
    changed : Signal
        Tables and count show the last edit.
    failed : Signal of str
        A sentence for people.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(
        self,
        background: Background,
        layers: Callable[[], dict[str, Labels]],
        take_steps: Callable[[Iterator[None]], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._background = background
        self._layers, self._take_steps = layers, take_steps
        self._view: CaseView | None = None
        self._is_reading = False
        self._waiter = QTimer(self)
        self._waiter.setSingleShot(True)
        self._waiter.setInterval(DELAY_MS)
        self._waiter.timeout.connect(self._read)

    @property
    def is_active(self) -> bool:
        """Whether tables are still to come."""
        return self._waiter.isActive() or self._is_reading

    def renew_soon(self, view: CaseView) -> None:
        """Renew the tables after a pause, in which other edits may come."""
        self._view = view
        self._waiter.start()

    def stop(self) -> None:
        """Renew nothing any more."""
        self._waiter.stop()
        self._view = None

    def _read(self) -> None:
        """Make the tables."""
        if self._view is None:
            return
        self._is_reading = True
        read = partial(_read_tables, self._view)
        self._background.run(read, partial(self._take, self._view), self._fail)

    def _take(
        self, view: CaseView, read: tuple[Snapshot, dict[str, pd.DataFrame]]
    ) -> None:
        """Show the tables, unless something newer is shown or under way."""
        self._is_reading = False
        snapshot, features = read
        if view is self._view and view.snapshot.table is snapshot.table:
            view.snapshot = snapshot
            self._take_steps(self._steps(features))

    def _fail(self, message: str) -> None:
        """Tell that tables cannot be made."""
        self._is_reading = False
        self.failed.emit(message)

    def _steps(self, features: dict[str, pd.DataFrame]) -> Iterator[None]:
        """Give one layer a step its table."""
        for role, layer in self._layers().items():
            layer.features = features[role]
            yield
        self.changed.emit()


def _read_tables(view: CaseView) -> tuple[Snapshot, dict[str, pd.DataFrame]]:
    """Make tables; runs in a thread, which pays for the import."""
    from napari_leukoseg.plugin.renewals import read_tables

    return read_tables(view)
