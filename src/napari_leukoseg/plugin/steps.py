"""Work in the interface thread, cut into steps between which the window lives."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from qtpy.QtCore import QElapsedTimer, QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Steps"]

STEP_MS = 20
"""Pause between two steps, in which the window draws and hears the user."""

AT_ONCE_MS = 25
"""Time that `Steps.take_now` may take; the rest follows in steps."""


class Steps(QObject):
    """Takes the steps of generators one after the other.

    Parameters
    ----------
    parent : QObject
        Owner.

    Attributes
    ----------
    is_stepping : bool
        Whether a step is being taken at this moment.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.is_stepping = False
        self._waiting: deque[Iterator[None]] = deque()
        self._timer = QTimer(self)
        self._timer.setInterval(STEP_MS)
        self._timer.timeout.connect(self._step)

    @property
    def is_done(self) -> bool:
        """Whether no step is left."""
        return not self._waiting

    def take(self, steps: Iterator[None]) -> None:
        """Take steps from the next turn of the event loop on."""
        self._waiting.append(steps)
        self._timer.start()

    def take_now(self, steps: Iterator[None]) -> None:
        """Take as many steps as there is time for, and the rest from then on."""
        began = QElapsedTimer()
        began.start()
        self.is_stepping = True
        try:
            for _ in steps:
                if began.elapsed() > AT_ONCE_MS:
                    self.take(steps)
                    return
        finally:
            self.is_stepping = False

    def stop(self) -> None:
        """Forget all steps that are left."""
        self._timer.stop()
        self._waiting.clear()

    def _step(self) -> None:
        """Take one step."""
        if not self._waiting:
            self._timer.stop()
            return
        self.is_stepping = True
        try:
            next(self._waiting[0])
        except StopIteration:
            self._waiting.popleft()
        finally:
            self.is_stepping = False
