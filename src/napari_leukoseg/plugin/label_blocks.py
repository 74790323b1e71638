"""Blocks of label pyramids that were read, kept until what they show changes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import numpy as np
    from numpy.typing import NDArray

    from napari_leukoseg.geometry import Region

__all__ = ["BlockKey", "LabelBlocks"]


class BlockKey(NamedTuple):
    """Place of a block.

    Parameters
    ----------
    name : str
        Label image.
    level : int
        Level of its pyramid; each has half the size of the one before.
    region : Region
        Part of that level.
    """

    name: str
    level: int
    region: Region


class LabelBlocks:
    """Thread-safe store of label blocks, bounded in bytes.

    Parameters
    ----------
    max_bytes : int
        Bytes kept; the block that was read longest ago goes first.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._n_bytes = 0
        self._blocks: dict[BlockKey, NDArray[np.uint32]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._blocks)

    def get(
        self, key: BlockKey, load: Callable[[], NDArray[np.uint32]]
    ) -> NDArray[np.uint32]:
        """Return a block, loaded if it is not kept; not to be written to."""
        block = self._blocks.get(key)
        if block is None:
            block = load()
            self._keep(key, block)
        return block

    def without(self, changed: Collection[Region]) -> LabelBlocks:
        """Return a store with the blocks that none of some regions touches.

        Parameters
        ----------
        changed : collection of Region
            Regions at level 0.
        """
        kept = LabelBlocks(self._max_bytes)
        with self._lock:
            blocks = list(self._blocks.items())
        for key, block in blocks:
            # A pixel of this level stands for some of level 0.
            covered = key.region.scaled(2**key.level)
            if all(covered.intersection(region).is_empty for region in changed):
                kept._keep(key, block)
        return kept

    def _keep(self, key: BlockKey, block: NDArray[np.uint32]) -> None:
        """Insert a block and drop the oldest beyond the bound."""
        with self._lock:
            if key in self._blocks:
                return
            self._blocks[key] = block
            self._n_bytes += block.nbytes
            while self._n_bytes > self._max_bytes and len(self._blocks) > 1:
                oldest = next(iter(self._blocks))
                self._n_bytes -= self._blocks.pop(oldest).nbytes
