"""Applies a map of colors to pictures, computing each color only once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.stain.color_counts import (
    check_image,
    pack_colors,
    unpack_colors,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["ColorTable"]

N_COLORS = 1 << 24
KNOWN = np.uint32(1 << 24)
"""Bit that marks an entry as computed."""

DIRECT_PX = 1 << 18
"""Pixels up to which finding their distinct colors costs less than the memory."""

PIECE_PX = 1 << 18
"""Pixels looked up at a time; what they need stays in the processor's cache."""


class ColorTable:
    """A function of a color, remembered for the colors that were met.

    Equal colors give equal results in every picture and at every place. May be
    used from several threads: two that miss the same color both compute it, and
    write the same.

    Parameters
    ----------
    compute : callable
        Takes colors of shape (K, 3) and dtype uint8, and returns as many.
    """

    def __init__(
        self, compute: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
    ) -> None:
        self._compute = compute
        self._n_met = 0
        self._table: NDArray[np.uint32] | None = None

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Map a picture, shape (M, N, 3)."""
        check_image(image)
        mapped = np.empty_like(image)
        step = max(1, PIECE_PX // image.shape[1])
        for row in range(0, len(image), step):
            keys = pack_colors(image[row : row + step])
            mapped[row : row + step] = unpack_colors(self._look_up(keys))
        return mapped

    def _look_up(self, keys: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return the results of keys, computed where they are new."""
        if self._table is None:
            self._n_met += keys.size
            if self._n_met <= DIRECT_PX:
                distinct, index = np.unique(keys, return_inverse=True)
                return self._mapped(distinct)[index].reshape(keys.shape)
            # Of 64 MiB only the pages of colors that are met take memory.
            self._table = np.zeros(N_COLORS, np.uint32)
        values = self._table[keys]
        new = keys[values == 0]
        if new.size:
            distinct = np.unique(new)
            self._table[distinct] = self._mapped(distinct) | KNOWN
            values = self._table[keys]
        return values

    def _mapped(self, keys: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Compute the results of distinct keys."""
        return pack_colors(self._compute(unpack_colors(keys)))
