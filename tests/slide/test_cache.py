"""The cache keeps what was used last, within its bound."""

from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.slide.cache import BlockCache


def block(n_bytes: int) -> np.ndarray:
    return np.zeros(n_bytes, np.uint8)


def test_a_kept_block_is_not_loaded_again() -> None:
    cache = BlockCache(100)
    first = cache.get("a", lambda: block(10))
    assert cache.get("a", lambda: pytest.fail("loaded twice")) is first
    assert not first.flags.writeable


def test_bytes_stay_within_the_bound() -> None:
    cache = BlockCache(100)
    for key in range(50):
        cache.get(key, lambda: block(30))
        assert cache.n_bytes <= 100


def test_the_block_used_longest_ago_goes_first() -> None:
    cache = BlockCache(60)
    for key in ("a", "b", "a", "c"):
        cache.get(key, lambda: block(30))
    loaded = []
    for key in ("a", "c", "b"):
        cache.get(key, lambda key=key: (loaded.append(key), block(30))[1])
    assert loaded == ["b"]


def test_a_block_beyond_the_bound_is_given_but_not_kept() -> None:
    cache = BlockCache(20)
    assert cache.get("a", lambda: block(30)).size == 30
    assert cache.n_bytes == 0


def test_clear_forgets_everything() -> None:
    cache = BlockCache(100)
    cache.get("a", lambda: block(30))
    cache.clear()
    assert cache.n_bytes == 0
