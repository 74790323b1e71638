"""Levels that a file lacks are derived; stored ones are used where they belong."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from napari_leukoseg.errors import SlideError
from napari_leukoseg.geometry import Region, Size
from napari_leukoseg.slide import open_slide, pyramid
from napari_leukoseg.slide.cache import BlockCache
from napari_leukoseg.slide.faults import Unreadable
from napari_leukoseg.slide.pyramid import PyramidReader, SlideInfo
from napari_leukoseg.slide.resample import halve
from napari_leukoseg.slide.sources import BlockSource


def slide_of(*shapes: tuple[int, int], on_load=None) -> PyramidReader:
    """Slide of blank levels."""

    def load(region: Region) -> np.ndarray:
        if on_load is not None:
            on_load(region)
        return np.full((region.height, region.width, 3), 200, np.uint8)

    cache = BlockCache(1 << 26)
    return PyramidReader(
        Path("blank.tif"),
        SlideInfo("blank"),
        [BlockSource(shape, Size(256, 256), load, cache) for shape in shapes],
        fingerprint=lambda: "0",
        resources=ExitStack(),
    )


def test_a_field_needs_no_further_level() -> None:
    assert [level.shape for level in slide_of((1536, 2048)).levels] == [(1536, 2048)]


def test_a_large_flat_picture_gets_levels_down_to_a_screen() -> None:
    levels = slide_of((20_000, 50_001)).levels
    assert [level.downsample for level in levels] == [1, 2, 4, 8, 16, 32, 64]
    assert levels[1].shape == (10_000, 25_001)
    assert max(levels[-1].shape) <= 1024


def test_levels_are_added_above_the_stored_ones() -> None:
    levels = slide_of((40_000, 80_000), (10_000, 20_000)).levels
    assert [level.downsample for level in levels] == [1, 4, 8, 16, 32, 64, 128]


@pytest.mark.parametrize(
    ("stored", "factors"),
    [
        ([(1000, 2001), (500, 1000)], [1, 2]),
        ([(1003, 2001), (250, 500), (62, 125)], [1, 4, 16]),
        ([(1000, 2000), (1000, 2000)], [1]),
        ([(1000, 2000), (300, 300)], [1]),  # a label, not a level
        ([(1000, 2000), (500, 1000), (700, 1400)], [1, 2]),
        ([(1000, 2000), (300, 600)], [1, 1000 / 300]),
    ],
)
def test_stored_levels_are_reduced_copies(stored, factors) -> None:
    found = [level.downsample for level in slide_of(*stored).levels]
    assert found == pytest.approx(factors)


def test_nothing_to_see() -> None:
    with pytest.raises(Unreadable, match="0×30"):
        slide_of((0, 30))


def test_only_the_blocks_below_are_decoded() -> None:
    loaded: list[Region] = []
    slide = slide_of((20_000, 20_000), on_load=loaded.append)
    slide.read_region(Region(1000, 1000, 100, 100), level=2)
    assert sum(region.size.area for region in loaded) <= (4 * 1024) ** 2
    slide.close()


def test_derived_levels_of_a_file_are_averages(
    monkeypatch, write_stored, draw_image
) -> None:
    monkeypatch.setattr(pyramid, "MAX_TOP_SIDE_PX", 100)
    monkeypatch.setattr(pyramid, "_DERIVED_TOP_SIDE_PX", 40)
    image = draw_image(203, 151)
    for name in ("field.png", "strips.tif", "tiles.tif", "rows.tif", "new.ome.zarr"):
        with open_slide(write_stored(name, image)) as slide:
            top = len(slide.levels) - 1
            assert max(slide.levels[top].shape) <= 40
            below = slide.read_region(Region.of_shape(slide.levels[-2].shape), top - 1)
            last = slide.read_region(Region.of_shape(slide.levels[-1].shape), top)
            np.testing.assert_array_equal(last, halve(below))


def test_scaled_reading_takes_the_coarsest_level_that_is_fine_enough(
    monkeypatch,
) -> None:
    slide = slide_of((4000, 4000), (2000, 2000), (1000, 1000))
    used = []
    read = slide._read

    def note(region: Region, level: int) -> np.ndarray:
        used.append(level)
        return read(region, level)

    monkeypatch.setattr(slide, "_read", note)
    for factor in (2, 1, 0.7, 0.52, 0.5, 0.4, 0.26, 0.25, 0.01):
        slide.read_scaled(Region(8, 16, 400, 400), factor)
    assert used == [0, 0, 0, 0, 1, 1, 1, 2, 2]


def test_levels_show_the_same_place() -> None:
    """Reading small from a level and from the picture itself agree."""
    row, column = np.mgrid[:800, :600]
    fine = np.dstack((row // 4, column // 4, row // 8 + column // 8)).astype(np.uint8)
    levels = [fine, halve(fine), halve(halve(fine))]
    sources = [
        BlockSource(
            level.shape[:2],
            Size(64, 64),
            lambda region, level=level: level[region.slices].copy(),
            BlockCache(1 << 24),
        )
        for level in levels
    ]
    flat, deep = (
        PyramidReader(
            Path("ramp.tif"),
            SlideInfo("ramp"),
            chosen,
            fingerprint=lambda: "0",
            resources=ExitStack(),
        )
        for chosen in (sources[:1], sources)
    )
    region = Region(37, 51, 700, 500)
    for factor in (0.5, 0.31, 0.25, 0.2):
        one = flat.read_scaled(region, factor).astype(int)
        assert np.abs(one - deep.read_scaled(region, factor)).max() <= 1


def test_a_region_that_a_rounded_level_lacks_takes_the_nearest_pixel() -> None:
    slide = slide_of((1003, 1003), (250, 250))
    image = slide.read_scaled(Region(1000, 1000, 3, 3), 0.25)
    assert image.shape == (1, 1, 3)
    assert (image == 200).all()


def test_damage_found_later_names_the_file() -> None:
    def fail(region: Region) -> None:
        raise RuntimeError(f"codec: bad data in {region}\nand more")

    slide = slide_of((30, 30), on_load=fail)
    with pytest.raises(SlideError, match=r"blank\.tif cannot be read \(codec: bad"):
        slide.read_region(Region(0, 0, 3, 3))
