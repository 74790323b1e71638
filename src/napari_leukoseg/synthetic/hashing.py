"""Random numbers that depend only on a seed and a place on the slide."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Purpose", "hash_place", "place_rng", "uniform_at", "word_at"]


class Purpose(IntEnum):
    """Keeps apart the numbers that different things draw at one place."""

    COUNT = 0
    SITE = 1
    CELL = 2
    RED_CELL = 3
    PLATELET = 4
    RED_CELL_STOCK = 5
    PLATELET_STOCK = 6
    GROUND = 7
    SENSOR = 8


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64-bit words (finalizer of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def hash_place(*parts: ArrayLike) -> NDArray[np.uint64]:
    """Hash integers to one 64-bit word for each broadcast element.

    Parameters
    ----------
    *parts : array_like of int
        Seed, purpose and place; may be negative; shapes broadcast.

    Returns
    -------
    words : ndarray of uint64, at least one-dimensional
    """
    words = np.zeros(1, dtype=np.uint64)
    for part in parts:
        step = np.atleast_1d(np.asarray(part, dtype=np.int64)).view(np.uint64)
        words = _mix((words ^ step) + np.uint64(0x9E3779B97F4A7C15))
    return words


def uniform_at(*parts: ArrayLike) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each broadcast element of `parts`."""
    return (hash_place(*parts) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def word_at(*parts: int) -> int:
    """Return 64 random bits that belong to one place."""
    return int(hash_place(*parts)[0])


def place_rng(*parts: int) -> np.random.Generator:
    """Return a generator that belongs to one place."""
    return np.random.default_rng(word_at(*parts))
