"""Writing label pyramids: edits gathered in memory, then stored at every level."""

from __future__ import annotations

import shutil
import time
from functools import partial
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np

from napari_leukoseg.case.files import (
    patiently,
    sync_file,
    sync_folder,
    write_atomic,
)
from napari_leukoseg.case.pyramid import (
    CHUNK_PX,
    ZSTD_LEVEL,
    LabelPyramid,
    chunk_parts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.case.pyramid import Block, Key
    from napari_leukoseg.geometry import Region

__all__ = ["LabelStage", "PyramidWriter"]

_COARSE_LAG_S = 2.0
"""Seconds by which the coarser levels may lag behind level 0.

Neighboring tiles share coarse chunks, and replacing a file costs ten times as
much as making one, so these are stored once for many tiles.
"""

_MAX_COARSE_CHUNKS = 32
"""Chunks of level 1 kept in memory until they are stored."""


class PyramidWriter(LabelPyramid):
    """Label pyramid in the hands of its one writer."""

    def __init__(self, folder: Path, shape: tuple[int, int]) -> None:
        super().__init__(folder, shape)
        self._coarse: dict[Key, Block] = {}
        self._settled_at = time.monotonic()
        self._unsynced: set[Path] = set()

    def store(self, blocks: Mapping[Key, Block]) -> None:
        """Store chunks of level 0; the coarser levels follow soon, or at `settle`."""
        self._store_level(0, blocks)
        if len(self.shapes) == 1:
            return
        self._renew_parents(1, self._coarse, blocks)
        lag = time.monotonic() - self._settled_at
        if lag > _COARSE_LAG_S or len(self._coarse) > _MAX_COARSE_CHUNKS:
            self.settle()

    def settle(self) -> None:
        """Bring the coarser levels up to level 0."""
        blocks = self._coarse
        for level in range(1, len(self.shapes)):
            self._store_level(level, blocks)
            if level + 1 < len(self.shapes):
                parents: dict[Key, Block] = {}
                self._renew_parents(level + 1, parents, blocks)
                blocks = parents
        self._coarse = {}
        self._settled_at = time.monotonic()

    def sync(self) -> None:
        """Force every chunk to the disk, coarser levels included."""
        self.settle()
        for path in self._unsynced:
            sync_file(path)
        for folder in {path.parent for path in self._unsynced}:
            if folder.exists():
                sync_folder(folder)
        self._unsynced.clear()

    def clear(self) -> None:
        """Remove every pixel of every level."""
        self._coarse = {}
        self._unsynced.clear()
        for level in range(len(self.shapes)):
            chunks = self.folder / str(level) / "c"
            if chunks.exists():
                shutil.rmtree(chunks)

    def _store_level(self, level: int, blocks: Mapping[Key, Block]) -> None:
        """Write chunks; one without a cell takes no file."""
        for key, block in blocks.items():
            path = self.chunk_path(level, key)
            if block.any():
                data = imagecodecs.zstd_encode(block.tobytes(), level=ZSTD_LEVEL)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(path, bytes(data))
            else:
                patiently(partial(path.unlink, missing_ok=True))
            self._unsynced.add(path)

    def _renew_parents(
        self, level: int, parents: dict[Key, Block], children: Mapping[Key, Block]
    ) -> None:
        """Put the children's pixels into their chunks of `level`."""
        half = CHUNK_PX // 2
        for (row, column), child in children.items():
            key = row // 2, column // 2
            if key not in parents:
                parents[key] = self.load(level, key)
            top, left = row % 2 * half, column % 2 * half
            parents[key][top : top + half, left : left + half] = child[::2, ::2]


class LabelStage:
    """Edits of level 0 of a label image, gathered before they are stored.

    Parameters
    ----------
    pyramid : PyramidWriter
        What is edited.
    """

    def __init__(self, pyramid: PyramidWriter) -> None:
        self._pyramid = pyramid
        self._blocks: dict[Key, Block] = {}
        self._edited: set[Key] = set()

    def __len__(self) -> int:
        """Return the number of chunks held."""
        return len(self._blocks)

    def read(self, region: Region) -> Block:
        """Read a region as it will be after `flush`."""
        labels: Block = np.zeros((region.height, region.width), np.uint32)
        for key, inside, outside in chunk_parts(region):
            labels[outside] = self._block(key)[inside]
        return labels

    def paint(self, region: Region, mask: NDArray[np.bool_], cell_id: int) -> None:
        """Set the pixels of `mask`, of the shape of `region`, to `cell_id`."""
        for key, inside, outside in chunk_parts(region):
            self._block(key)[inside][mask[outside]] = cell_id
            self._edited.add(key)

    def erase(self, region: Region, cell_id: int) -> None:
        """Set the pixels of one cell inside `region` to background."""
        for key, inside, _ in chunk_parts(region):
            view = self._block(key)[inside]
            view[view == cell_id] = 0
            self._edited.add(key)

    def flush(self) -> None:
        """Store the edited chunks and forget all."""
        self._pyramid.store({key: self._blocks[key] for key in self._edited})
        self._blocks = {}
        self._edited = set()

    def _block(self, key: Key) -> Block:
        """Return a chunk, read from disk when first needed."""
        if key not in self._blocks:
            self._blocks[key] = self._pyramid.load(0, key)
        return self._blocks[key]
