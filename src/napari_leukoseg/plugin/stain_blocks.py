"""Levels of a slide that are standardized block by block, where people look."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from qtpy.QtCore import QObject, Qt, Signal

from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.picture_files import PictureLevel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.slide import SlideReader

__all__ = ["BLOCK_PX", "BlockPainter", "PaintBlock"]

BLOCK_PX = 1024
"""Side of a block at its level: some seconds of work for methods that look far
around, and a few blocks on a screen."""

MAX_BYTES = 256 << 20
"""Blocks that are kept, together."""


class PaintBlock(Protocol):
    """Starts to standardize a block; called in the interface thread."""

    def __call__(
        self,
        level: int,
        block: Region,
        then: Callable[[NDArray[np.uint8]], None],
        fail: Callable[[str], None],
    ) -> None:
        """Hand the pixels, or a sentence for people, to the interface thread."""


class BlockPainter(QObject):
    """Shows a slide standardized at once, coarsely, and sharpens what is in view.

    What is read is never waited for: blocks that are not ready are filled from the
    coarsest level, and computed one after another, from the middle of the view that
    was read last. Neighboring blocks agree where what paints them looks at the
    surroundings that it needs.

    Parameters
    ----------
    slide : SlideReader
        Gives the shapes of the levels.
    coarsest : ndarray of shape (M, N, 3) and dtype uint8
        Its last level, standardized.
    paint : PaintBlock
        Standardizes a block.

    Attributes
    ----------
    painted : Signal
        A block has become ready.
    failed : Signal of str
        A sentence for people; the next view tries again.
    levels : list of array-like
        Lazy levels from fine to coarse; may be read in any thread.
    """

    painted = Signal()
    failed = Signal(str)
    _asked = Signal()

    def __init__(
        self, slide: SlideReader, coarsest: NDArray[np.uint8], paint: PaintBlock
    ) -> None:
        super().__init__()
        self._slide, self._coarsest, self._paint = slide, coarsest, paint
        self._lock = threading.Lock()
        self._blocks: dict[tuple[int, Region], NDArray[np.uint8]] = {}
        self._wanted: list[tuple[int, Region]] = []
        self._is_working = self._is_closed = False
        last = len(slide.levels) - 1
        self.levels: list[Any] = [_PaintedLevel(slide, k, self) for k in range(last)]
        self.levels.append(coarsest)
        self._asked.connect(self._start, Qt.ConnectionType.QueuedConnection)

    @property
    def is_idle(self) -> bool:
        """Whether all that was looked at last is ready, or has failed."""
        return not self._wanted and not self._is_working

    def close(self) -> None:
        """Start no further block."""
        self._is_closed = True

    def read(self, region: Region, level: int) -> NDArray[np.uint8]:
        """Return what is ready of a region, and ask for the rest."""
        image = np.empty((region.height, region.width, 3), np.uint8)
        missing = []
        for block in _blocks_in(region, self._slide.levels[level].shape):
            part = block.intersection(region)
            with self._lock:
                pixels = self._blocks.get((level, block))
            if pixels is None:
                missing.append((level, block))
                shown = self._enlarged(part, level)
            else:
                shown = pixels[part.shifted(-block.row, -block.column).slices]
            image[part.shifted(-region.row, -region.column).slices] = shown
        missing.sort(key=lambda key: _distance(key[1], region))
        with self._lock:
            self._wanted = missing  # what was in view before is not looked at
        if missing:
            self._asked.emit()
        return image

    def _enlarged(self, part: Region, level: int) -> NDArray[np.uint8]:
        """Return a part of a level as the coarsest level shows it."""
        places = [
            np.arange(start, stop) * coarse // fine
            for start, stop, coarse, fine in zip(
                (part.row, part.column),
                (part.row_stop, part.column_stop),
                self._coarsest.shape,
                self._slide.levels[level].shape,
                strict=False,
            )
        ]
        enlarged: NDArray[np.uint8] = self._coarsest[np.ix_(*places)]
        return enlarged

    def _start(self) -> None:
        """Have the next block painted, unless one is."""
        with self._lock:
            if self._is_working or self._is_closed or not self._wanted:
                return
            self._is_working = True
            level, block = self._wanted.pop(0)

        def take(pixels: NDArray[np.uint8]) -> None:
            self._keep((level, block), pixels)
            self.painted.emit()  # reads again, and so asks for the next block

        self._paint(level, block, take, self._fail)

    def _keep(self, key: tuple[int, Region], pixels: NDArray[np.uint8]) -> None:
        """Keep a block, and forget the oldest ones."""
        with self._lock:
            self._is_working = False
            self._blocks[key] = pixels
            while sum(block.nbytes for block in self._blocks.values()) > MAX_BYTES:
                del self._blocks[next(iter(self._blocks))]

    def _fail(self, message: str) -> None:
        """Tell why a block cannot be painted."""
        with self._lock:
            self._is_working = False
            self._wanted = []
        self.failed.emit(message)


class _PaintedLevel(PictureLevel):
    """A level whose pixels a painter gives."""

    def __init__(self, slide: SlideReader, level: int, painter: BlockPainter) -> None:
        super().__init__(slide, level)
        self._painter = painter

    def _read(self, region: Region) -> NDArray[np.uint8]:
        return self._painter.read(region, self.level)


def _blocks_in(region: Region, shape: tuple[int, int]) -> list[Region]:
    """Return the blocks of a level that a region touches."""
    whole = Region.of_shape(shape)
    return [
        Region(row, column, BLOCK_PX, BLOCK_PX).intersection(whole)
        for row in range(region.row // BLOCK_PX * BLOCK_PX, region.row_stop, BLOCK_PX)
        for column in range(
            region.column // BLOCK_PX * BLOCK_PX, region.column_stop, BLOCK_PX
        )
    ]


def _distance(one: Region, other: Region) -> float:
    """Distance of the middles of two regions, in pixels."""
    rows = one.row + one.row_stop - other.row - other.row_stop
    columns = one.column + one.column_stop - other.column - other.column_stop
    return float(np.hypot(rows, columns)) / 2
