"""Resizing by region: right on flat and sloped pictures, however it is cut."""

from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.geometry import Region, Size
from napari_leukoseg.slide import resample as module
from napari_leukoseg.slide.resample import Box, halve, resample


def resized(image: np.ndarray, box: Box, size: Size) -> np.ndarray:
    def read(region: Region) -> np.ndarray:
        assert region.intersection(Region.of_shape(image.shape)) == region
        return np.ascontiguousarray(image[region.slices])

    return resample(read, Size(*image.shape[:2]), box, size)


def box_of(region: Region) -> Box:
    return Box(*map(float, region.bounds))


def ramp(rows: int, columns: int) -> np.ndarray:
    """Slope down the rows: the value at height y is ``255 * y / rows``."""
    values = np.round(255 * (np.arange(rows) + 0.5) / rows)
    return np.tile(values.astype(np.uint8)[:, None, None], (1, columns, 3))


@pytest.mark.parametrize("shape", [(2, 2), (64, 32), (7, 9), (1, 5), (1, 1)])
def test_halving_averages_squares(shape) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    padded = np.pad(image, ((0, shape[0] % 2), (0, shape[1] % 2), (0, 0)), mode="edge")
    rows, columns = padded.shape[0] // 2, padded.shape[1] // 2
    expected = padded.reshape(rows, 2, columns, 2, 3).mean(axis=(1, 3))
    assert np.abs(halve(image) - expected).max() <= 0.5


@pytest.mark.parametrize("factor", [0.05, 0.3, 0.5, 0.77, 1.0, 2.3])
def test_a_plain_picture_stays_plain(factor) -> None:
    image = np.full((120, 90, 3), 77, np.uint8)
    size = Size(round(100 * factor), round(60 * factor))
    assert (resized(image, box_of(Region(7, 3, 100, 60)), size) == 77).all()


@pytest.mark.parametrize("factor", [0.11, 0.25, 0.37, 0.5, 0.8, 1.7])
@pytest.mark.parametrize("start", [20, 21.3, 23.8])
@pytest.mark.parametrize("is_turned", [False, True])
def test_positions_are_kept(factor, start, is_turned) -> None:
    """Half a pixel of shift would change the ramp by one in value."""
    image, n_out = ramp(120, 60), round(80 * factor)
    height = start + (np.arange(n_out) + 0.5) * 80 / n_out
    box, size = Box(start, 5, start + 80, 45), Size(n_out, 9)
    if is_turned:
        image = image.transpose(1, 0, 2)
        box, size = Box(5, start, 45, start + 80), Size(9, n_out)
    found = resized(image, box, size)[..., 0]
    difference = found.mean(axis=0 if is_turned else 1) - 255 * height / 120
    assert abs(difference.mean()) < 0.5  # bias of rounding, twice
    assert np.abs(difference).max() < 1.3


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_whole_factors_average_whole_squares(draw_image, n) -> None:
    image = draw_image(60, 90)
    found = resized(image, box_of(Region.of_shape(image.shape)), Size(60 // n, 90 // n))
    expected = image.reshape(60 // n, n, 90 // n, n, 3).mean(axis=(1, 3))
    assert np.abs(found - expected).max() <= 0.6  # the library rounds its divisors


@pytest.mark.parametrize("factor", [0.5, 0.25, 0.4])
def test_tiles_of_a_grid_make_the_whole(draw_image, factor) -> None:
    """Sampling points of a tile are those of the picture; so are its colors."""
    image = draw_image(200, 160)
    size = Size(round(200 * factor), round(160 * factor))
    whole = resized(image, box_of(Region.of_shape(image.shape)), size)
    for row, column in ((0, 0), (40, 40), (120, 80), (160, 120)):
        tile = Region(row, column, 40, 40)
        side = round(40 * factor)
        top, left = round(row * factor), round(column * factor)
        part = resized(image, box_of(tile), Size(side, side)).astype(int)
        assert np.abs(part - whole[top : top + side, left : left + side]).max() <= 1


@pytest.mark.parametrize("factor", [0.5, 0.37, 0.13, 1.4])
@pytest.mark.parametrize("start", [(0, 0), (5.7, 9.2)])
def test_pieces_do_not_show(monkeypatch, draw_image, factor, start) -> None:
    image = draw_image(180, 240)
    box = Box(*start, start[0] + 170, start[1] + 230)
    size = Size(round(170 * factor), round(230 * factor))
    whole = resized(image, box, size).astype(int)
    monkeypatch.setattr(module, "_PIECE_SIDE_PX", 50)
    assert np.abs(resized(image, box, size) - whole).max() <= 1


def test_source_pixels_in_flight_are_bounded() -> None:
    seen = []

    def read(region: Region) -> np.ndarray:
        seen.append(region.size.area)
        return np.zeros((region.height, region.width, 3), np.uint8)

    side = 12_000
    image = resample(read, Size(side, side), Box(0, 0, side, side), Size(60, 60))
    assert image.shape == (60, 60, 3)
    assert max(seen) < (module._PIECE_SIDE_PX * 1.2) ** 2
