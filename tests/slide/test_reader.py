"""The contract that every slide keeps, whatever its format."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_leukoseg.errors import SettingsError, SlideError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import SlideReader, open_slide

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def slide(stored) -> Iterator[SlideReader]:
    with open_slide(stored.path) as slide:
        yield slide


def whole(slide: SlideReader, level: int = 0) -> np.ndarray:
    return slide.read_region(Region.of_shape(slide.levels[level].shape), level)


def test_level_0_is_the_stored_picture(slide, stored) -> None:
    image = whole(slide)
    assert slide.shape == stored.image.shape[:2]
    assert image.dtype == np.uint8
    difference = np.abs(image.astype(int) - stored.image)
    assert difference.max() <= stored.tolerance


def test_levels_shrink_from_downsample_1(slide) -> None:
    factors = [level.downsample for level in slide.levels]
    assert factors[0] == 1.0
    assert factors == sorted(set(factors))
    for level in slide.levels:
        for full, reduced in zip(slide.shape, level.shape, strict=True):
            assert abs(full / level.downsample - reduced) <= 1


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_region_is_a_cut_of_the_level(slide, data) -> None:
    index = data.draw(st.integers(0, len(slide.levels) - 1))
    rows, columns = slide.levels[index].shape
    row, row_stop = sorted(data.draw(st.integers(0, rows)) for _ in range(2))
    column, column_stop = sorted(data.draw(st.integers(0, columns)) for _ in range(2))
    region = Region.from_bounds(row, column, row_stop, column_stop)
    part = slide.read_region(region, index)
    assert part.flags.c_contiguous
    assert part.flags.writeable
    np.testing.assert_array_equal(part, whole(slide, index)[region.slices])


def test_writing_into_a_region_changes_no_later_one(slide) -> None:
    before = whole(slide)
    slide.read_region(Region(0, 0, 70, 70))[:] = 0
    np.testing.assert_array_equal(whole(slide), before)


OUTSIDE = [
    (Region(-1, 0, 5, 5), 0),
    (Region(0, 147, 5, 5), 0),
    (Region(199, 0, 5, 5), 0),
    (Region(0, 0, 1, 1), 9),
    (Region(0, 0, 1, 1), -1),
]


def test_what_lies_outside_is_refused(slide) -> None:
    for region, level in OUTSIDE:
        with pytest.raises(SettingsError, match=slide.path.name):
            slide.read_region(region, level)


def test_scaled_size_is_rounded(slide) -> None:
    for factor in (0.004, 0.1, 0.37, 0.5, 1.0, 1.6):
        scaled = slide.read_scaled(Region(3, 5, 121, 90), factor)
        rows, columns = max(1, round(121 * factor)), max(1, round(90 * factor))
        assert scaled.shape == (rows, columns, 3)
        assert scaled.dtype == np.uint8


def test_an_empty_region_gives_an_empty_picture(slide) -> None:
    assert slide.read_scaled(Region(3, 5, 0, 90), 0.5).size == 0


def test_factor_1_changes_nothing(slide) -> None:
    region = Region(3, 5, 121, 90)
    np.testing.assert_array_equal(
        slide.read_scaled(region, 1.0), slide.read_region(region)
    )


def test_impossible_factors_are_refused(slide) -> None:
    for factor in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SettingsError, match="factor"):
            slide.read_scaled(Region(0, 0, 10, 10), factor)


def test_overview_fits_and_looks_alike(slide, stored) -> None:
    overview = slide.overview(64)
    assert max(overview.shape) == 64
    np.testing.assert_allclose(
        overview.mean(axis=(0, 1)), stored.image.mean(axis=(0, 1)), atol=3
    )
    assert slide.overview(10_000).shape == stored.image.shape


def test_threads_read_what_one_thread_reads(slide) -> None:
    regions = [Region(r, c, 60, 50) for r in range(0, 140, 20) for c in (0, 40, 90)]
    expected = [slide.read_region(region) for region in regions]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(slide.read_region, regions))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_fingerprint_is_of_the_content(slide, stored, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / f"renamed{stored.path.suffix}"
    moved.parent.mkdir()
    copy = shutil.copytree if stored.path.is_dir() else shutil.copyfile
    copy(stored.path, moved)
    with open_slide(moved) as other:
        assert other.fingerprint == slide.fingerprint
    assert len(slide.fingerprint) == 64


def test_a_closed_slide_says_so_and_holds_no_file(stored) -> None:
    slide = open_slide(stored.path)
    slide.read_region(Region(0, 0, 4, 4))
    slide.close()
    slide.close()
    names = [file.path for file in psutil.Process().open_files()]
    assert not [name for name in names if stored.path.name in name]
    with pytest.raises(SlideError, match="closed"):
        slide.read_region(Region(0, 0, 4, 4))


def test_a_forgotten_slide_releases_its_file(stored) -> None:
    slide = open_slide(stored.path)
    slide.read_region(Region(0, 0, 4, 4))
    del slide  # the fixture that watches open files does the rest


def test_mpp_can_be_given_and_set(stored) -> None:
    with open_slide(stored.path, mpp=0.5) as slide:
        assert slide.mpp == 0.5
        slide.mpp = 0.25
        assert slide.mpp == 0.25
        with pytest.raises(SettingsError, match="352"):
            slide.mpp = 352.8
    with pytest.raises(SettingsError, match="352"):
        open_slide(stored.path, mpp=352.8)


def test_close_waits_for_a_read_in_flight(stored) -> None:
    slide = open_slide(stored.path)
    started, may_end = threading.Event(), threading.Event()
    read = slide._read

    def slow_read(region: Region, level: int) -> np.ndarray:
        started.set()
        assert may_end.wait(10)
        return read(region, level)

    slide._read = slow_read
    with ThreadPoolExecutor(2) as pool:
        image = pool.submit(slide.read_region, Region(0, 0, 9, 9))
        assert started.wait(10)
        closing = pool.submit(slide.close)
        may_end.set()
        assert image.result(10).shape == (9, 9, 3)
        closing.result(10)
