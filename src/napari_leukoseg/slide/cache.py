"""Least-recently-used store of decoded blocks, bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BlockCache"]


class BlockCache:
    """Thread-safe mapping from block index to pixels.

    Parameters
    ----------
    max_bytes : int
        Decoded bytes kept; the block used longest ago goes first. A block
        larger than this is not kept at all.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._blocks: OrderedDict[Hashable, NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()
        self.n_bytes = 0

    def get(
        self, key: Hashable, load: Callable[[], NDArray[np.uint8]]
    ) -> NDArray[np.uint8]:
        """Return a read-only block, loaded if it is not kept.

        Two threads that miss together both load: waiting for each other would
        serialize decoding, and the result is the same.
        """
        with self._lock:
            block = self._blocks.get(key)
            if block is not None:
                self._blocks.move_to_end(key)
                return block
        block = load()
        block.flags.writeable = False
        with self._lock:
            self._keep(key, block)
        return block

    def clear(self) -> None:
        """Forget every block."""
        with self._lock:
            self._blocks.clear()
            self.n_bytes = 0

    def _keep(self, key: Hashable, block: NDArray[np.uint8]) -> None:
        """Insert a block and drop the oldest beyond the bound."""
        if key in self._blocks or block.nbytes > self.max_bytes:
            return
        self._blocks[key] = block
        self.n_bytes += block.nbytes
        while self.n_bytes > self.max_bytes:
            _, oldest = self._blocks.popitem(last=False)
            self.n_bytes -= oldest.nbytes
