"""Runs functions in threads and hands what they return to the interface thread."""

from __future__ import annotations

import logging
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_leukoseg.errors import LeukosegError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Background", "describe"]

_logger = logging.getLogger(__name__)


class Background(QObject):
    """A few threads beside the interface.

    Parameters
    ----------
    n_threads : int, optional
        Functions that may run at a time; further ones wait.
    """

    _finished = Signal(object)

    def __init__(self, n_threads: int = 2) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(n_threads, thread_name_prefix="leukoseg")
        self._pending: set[Future[Any]] = set()
        self._is_closed = False
        self._finished.connect(self._deliver)

    def run(
        self,
        work: Callable[[], Any],
        on_done: Callable[[Any], None],
        on_error: Callable[[str], None],
        owner: QObject | None = None,
    ) -> None:
        """Run a function in a thread.

        Parameters
        ----------
        work : callable
            Runs in a thread; must not touch widgets or layers.
        on_done : callable
            Gets the result, in the interface thread.
        on_error : callable
            Gets one clear sentence, in the interface thread.
        owner : QObject, optional
            What both belong to, such as a page that may be closed meanwhile; neither
            is called once it is destroyed.
        """
        if self._is_closed:
            return
        future = self._threads.submit(work)
        self._pending.add(future)
        if owner is not None:
            # Weakly, or results would be kept as long as their owner.
            owner.destroyed.connect(partial(self._forget, weakref.ref(future)))
        future.add_done_callback(partial(self._announce, on_done, on_error))

    @property
    def is_busy(self) -> bool:
        """Whether a result is still to come."""
        return bool(self._pending)

    def close(self) -> None:
        """Forget what has not been delivered; threads end with their function."""
        self._is_closed = True
        self._pending.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(
        self, future: weakref.ref[Future[Any]], _destroyed: object = None
    ) -> None:
        """Hand a result over to nobody."""
        if (pending := future()) is not None:
            self._pending.discard(pending)

    def _announce(
        self,
        on_done: Callable[[Any], None],
        on_error: Callable[[str], None],
        future: Future[Any],
    ) -> None:
        """Wake the interface thread; called in the thread that did the work."""
        if not self._is_closed:
            self._finished.emit((future, on_done, on_error))

    def _deliver(self, result: tuple[Future[Any], Any, Any]) -> None:
        """Hand a result over, in the interface thread."""
        future, on_done, on_error = result
        if future not in self._pending:  # closed, or its owner is gone
            return
        self._pending.discard(future)
        error = future.exception()
        if error is None:
            on_done(future.result())
        else:
            on_error(describe(error))


def describe(error: BaseException) -> str:
    """Return one sentence for people; what is our own fault is logged in full."""
    if isinstance(error, LeukosegError):
        return str(error)
    _logger.error("Unexpected failure", exc_info=error)
    return (
        f"Something went wrong that should not: {type(error).__name__}: {error}. "
        "Please report it with the log of napari."
    )
