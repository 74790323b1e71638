"""Predicts the tiles of a plan while the next ones are being decoded."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

    import numpy as np
    from numpy.typing import NDArray

    from napari_leukoseg.segment.instances import Prediction
    from napari_leukoseg.segment.predict import Segmenter
    from napari_leukoseg.segment.tiling import Tile, TilePlan
    from napari_leukoseg.slide import SlideReader

__all__ = ["predict_tiles"]

READ_AHEAD = 2
"""Batches decoded before the network asks for them."""


def predict_tiles(
    slide: SlideReader,
    segmenter: Segmenter,
    plan: TilePlan,
    finished: Collection[int] = frozenset(),
) -> Generator[tuple[Tile, Prediction], None, None]:
    """Predict a plan's tiles in order, except those already finished.

    A batch that is finished in part is predicted whole, so that a resumed run
    repeats the undisturbed one to the bit.

    Parameters
    ----------
    slide : SlideReader
        Source of pixels; read from one other thread.
    segmenter : Segmenter
        Network and device.
    plan : TilePlan
        Tiles and batches.
    finished : collection of int, optional
        Indices of tiles to leave out.

    Yields
    ------
    tile, prediction
        In the order of the plan.
    """

    def read(batch: tuple[Tile, ...]) -> list[NDArray[np.uint8]]:
        return [slide.read_scaled(tile.window, plan.factor) for tile in batch]

    wanted = [b for b in plan.batches if any(t.index not in finished for t in b)]
    reader = ThreadPoolExecutor(1, thread_name_prefix="leukoseg-read")
    ahead: deque[Future[list[NDArray[np.uint8]]]] = deque()
    try:
        for position, batch in enumerate(wanted):
            while len(ahead) < min(READ_AHEAD, len(wanted) - position):
                ahead.append(reader.submit(read, wanted[position + len(ahead)]))
            images = ahead.popleft().result()
            predictions = segmenter.predict(images, plan.n_looks)
            for tile, prediction in zip(batch, predictions, strict=True):
                if tile.index not in finished:
                    yield tile, prediction
    finally:
        reader.shutdown(wait=True, cancel_futures=True)
