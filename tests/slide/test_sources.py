"""Level sources: blocks on demand, decoded once, derived, and their bounds."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from napari_leukoseg.geometry import Region, Size
from napari_leukoseg.slide import sources
from napari_leukoseg.slide.cache import BlockCache
from napari_leukoseg.slide.faults import Unreadable
from napari_leukoseg.slide.resample import halve
from napari_leukoseg.slide.sources import (
    BlockSource,
    SpooledSource,
    check_decode_bytes,
    gridded,
    halved,
)

SHAPES = [(1, 1), (1, 200), (64, 64), (65, 63), (130, 97)]


def whole(source: sources.LevelSource) -> np.ndarray:
    return source.read(Region.of_shape(source.shape))


def in_blocks(image: np.ndarray, block: Size, counter: Counter | None = None):
    def load(region: Region) -> np.ndarray:
        if counter is not None:
            counter[region] += 1
        return image[region.slices].copy()

    return BlockSource(image.shape[:2], block, load, BlockCache(1 << 24))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("block", [Size(64, 64), Size(10, 33), Size(500, 500)])
def test_blocks_make_the_level(draw_image, shape, block) -> None:
    image = draw_image(*shape)
    counter: Counter = Counter()
    source = in_blocks(image, block, counter)
    np.testing.assert_array_equal(whole(source), image)
    np.testing.assert_array_equal(whole(source), image)
    assert set(counter.values()) == {1}
    assert sum(region.size.area for region in counter) == shape[0] * shape[1]


def bands_of(image: np.ndarray, height: int = 30):
    return lambda: (image[r : r + height] for r in range(0, len(image), height))


@pytest.mark.parametrize("memory", [0, 1 << 30], ids=["disk", "memory"])
@pytest.mark.parametrize("shape", SHAPES)
def test_bands_are_decoded_once(monkeypatch, draw_image, shape, memory) -> None:
    monkeypatch.setattr(sources, "MAX_MEMORY_BYTES", memory)
    image = draw_image(*shape)
    decoded = []

    def decode():
        decoded.append(True)
        return bands_of(image)()

    source = SpooledSource(shape, decode)
    assert not decoded
    np.testing.assert_array_equal(whole(source), image)
    region = Region(shape[0] // 2, shape[1] // 3, shape[0] // 3, shape[1] // 3)
    np.testing.assert_array_equal(source.read(region), image[region.slices])
    assert len(decoded) == 1
    assert (source._rows is not None) == (memory == 0)
    source.close()


@pytest.mark.parametrize("memory", [0, 1 << 30], ids=["disk", "memory"])
def test_missing_rows_are_refused_and_leave_no_file(
    monkeypatch, draw_image, memory
) -> None:
    monkeypatch.setattr(sources, "MAX_MEMORY_BYTES", memory)
    source = SpooledSource((100, 20), bands_of(draw_image(70, 20)))
    with pytest.raises(Unreadable, match="70 of 100 rows"):
        source.prepare()


def test_a_full_temporary_folder_is_named(monkeypatch, draw_image) -> None:
    monkeypatch.setattr(sources, "MAX_MEMORY_BYTES", 0)
    monkeypatch.setattr(
        sources.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000)
    )
    source = SpooledSource((70, 20), bands_of(draw_image(70, 20)))
    with pytest.raises(Unreadable, match=r"temporary folder .* 0\.0 GiB free"):
        source.prepare()


def test_what_fits_no_memory_is_refused_with_numbers_and_a_remedy() -> None:
    check_decode_bytes(sources.MAX_DECODE_BYTES, "a JPEG")
    with pytest.raises(Unreadable, match=r"a JPEG .* 3\.0 GiB .* 1 GiB .* convert"):
        check_decode_bytes(3 << 30, "a JPEG")


@pytest.mark.parametrize(
    ("shape", "block", "kind"),
    [
        ((900, 900), Size(64, 64), BlockSource),
        ((900, 900), Size(10, 900), SpooledSource),
        ((900, 900), Size(900, 1000), SpooledSource),
        ((9000, 9000), Size(4000, 4000), SpooledSource),
    ],
)
def test_how_blocks_are_read_follows_their_size(shape, block, kind) -> None:
    source = gridded(shape, block, pytest.fail, BlockCache(0), bytes_per_pixel=3)
    assert type(source) is kind


def test_blocks_that_fit_no_memory_are_refused() -> None:
    side = 20_000
    with pytest.raises(Unreadable, match="20000×20000"):
        gridded(
            (side, side),
            Size(side, side),
            pytest.fail,
            BlockCache(0),
            bytes_per_pixel=3,
        )


def test_levels_that_share_a_cache_do_not_mix(draw_image) -> None:
    cache = BlockCache(1 << 24)
    images = [draw_image(90, 70, seed=seed) for seed in (1, 2)]
    levels = [
        BlockSource((90, 70), Size(32, 32), lambda r, i=i: i[r.slices].copy(), cache)
        for i in images
    ]
    for _ in range(2):
        for level, image in zip(levels, images, strict=True):
            np.testing.assert_array_equal(whole(level), image)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_halved_level_is_the_whole_level_halved(
    monkeypatch, draw_image, shape
) -> None:
    monkeypatch.setattr(sources, "_HALVED_BLOCK", Size(16, 16))
    image = draw_image(*shape)
    above = halved(in_blocks(image, Size(50, 50)))
    np.testing.assert_array_equal(whole(above), halve(image))
    np.testing.assert_array_equal(whole(halved(above)), halve(halve(image)))
