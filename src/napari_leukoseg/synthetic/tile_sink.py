"""Feeds tiles to a writer that pulls them, from a generator that pushes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Full, Queue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    Tile = NDArray[np.uint8]

__all__ = ["TileSink"]

QUEUED_TILES = 16
"""Tiles that wait at most; bounds memory when the disk is slow."""

LOOK_AGAIN_S = 0.2
"""How often to look whether a writer that takes no tile has failed."""


class _AbandonedError(Exception):
    """The tiles will never be complete."""


class TileSink:
    """Runs a writer in a thread of its own; encoding overlaps with drawing.

    Parameters
    ----------
    write : callable
        Takes an iterator of tiles and writes them; its errors surface in
        `put` and `finish`.
    """

    def __init__(self, write: Callable[[Iterator[Tile]], None]) -> None:
        self._tiles: Queue[Tile | None] = Queue(maxsize=QUEUED_TILES)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tile-sink")
        self._written = self._pool.submit(write, self._pull())

    def put(self, tile: Tile) -> None:
        """Hand over the next tile; waits while the writer is behind."""
        self._push(tile)

    def finish(self) -> None:
        """Wait until every tile is written."""
        self._written.result()

    def __enter__(self) -> TileSink:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is not None:
            # What broke off the drawing is the news, not that writing ended.
            with suppress(Exception):
                self._push(None)
                self._written.result()
        self._pool.shutdown()

    def _push(self, tile: Tile | None) -> None:
        """Queue a tile unless the writer has stopped."""
        while True:
            if self._written.done():
                self._written.result()
                return
            try:
                self._tiles.put(tile, timeout=LOOK_AGAIN_S)
            except Full:
                continue
            return

    def _pull(self) -> Iterator[Tile]:
        """Yield queued tiles; runs in the writer's thread."""
        while True:
            tile = self._tiles.get()
            if tile is None:
                raise _AbandonedError
            yield tile
