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
            mapped[row : row + step] = self._look_up(image[row : row + step])
        return mapped

    def _look_up(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the results of a piece, computed where they are new."""
        if self._table is None:
            self._n_met += image.size // 3
            if self._n_met <= DIRECT_PX:
                keys = pack_colors(image)
                distinct, index = np.unique(keys, return_inverse=True)
                return unpack_colors(self._mapped(distinct)[index].reshape(keys.shape))
            # Of 64 MiB only the pages of colors that are met take memory.
            self._table = np.zeros(N_COLORS, np.uint32)
        places = _places_of(image)
        values = self._table[places]
        is_new = values == 0
        if is_new.any():
            new = places[is_new]
            distinct = np.unique(new)
            self._table[distinct] = self._mapped(_keys_at(distinct)) | KNOWN
            values[is_new] = self._table[new]
        return unpack_colors(values)

    def _mapped(self, keys: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Compute the results of distinct keys."""
        return pack_colors(self._compute(unpack_colors(keys)))


def _places_of(image: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the place of each color in the table, where like ones lie together.

    The upper five bits of red, green and blue come before the lower three: the
    colors of a smear then take few pages of memory, which stay in the cache.
    """
    red, green, blue = (
        bits[image[..., channel]] for channel, bits in enumerate(_PLACE_BITS)
    )
    places: NDArray[np.uint32] = red | green | blue
    return places


def _keys_at(places: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the keys, as `pack_colors` makes them, of the colors at some places."""
    keys = np.zeros_like(places)
    for channel in range(3):
        upper = places >> (19 - 5 * channel) & 31
        lower = places >> (6 - 3 * channel) & 7
        keys |= (upper << 3 | lower) << (8 * channel)
    return keys


def _place_bits(channel: int) -> NDArray[np.uint32]:
    """Return what each level of a channel adds to the place of a color."""
    levels = np.arange(256)
    upper, lower = levels >> 3, levels & 7
    return (upper << (19 - 5 * channel) | lower << (6 - 3 * channel)).astype(np.uint32)


_PLACE_BITS = tuple(_place_bits(channel) for channel in range(3))
