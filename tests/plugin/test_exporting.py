from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from napari_leukoseg.errors import ExportError, SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.exporting import LayerPixels, export_picture
from napari_leukoseg.slide import open_slide


def read(path: Path) -> np.ndarray:
    with open_slide(path) as slide:
        return slide.read_region(Region.of_shape(slide.shape))


@pytest.mark.parametrize("shape", [(1, 1), (37, 53), (1100, 30)])
def test_rgb_round_trip(rng: np.random.Generator, shape: tuple[int, int]) -> None:
    image = rng.integers(0, 256, (*shape, 3), np.uint8)
    path = export_picture(LayerPixels.of_layer(Image(image, rgb=True, name="a/b: c")))
    np.testing.assert_array_equal(read(path), image)
    assert path.name == "a_b_ c.tif"


def test_same_pixels_same_file_other_pixels_other_file() -> None:
    image = np.full((20, 30, 3), 7, np.uint8)
    first = export_picture(LayerPixels("x", image, None))
    stamp = first.stat().st_mtime_ns
    assert export_picture(LayerPixels("x", image.copy(), None)) == first
    assert first.stat().st_mtime_ns == stamp
    image[3, 4] = 8
    assert export_picture(LayerPixels("x", image, None)) != first


@pytest.mark.parametrize(
    ("data", "limits", "expected"),
    [
        (np.array([[0, 50, 100, 200]], np.uint16), (0, 100), [0, 128, 255, 255]),
        (np.array([[-1.0, 0.0, 0.5, 1.0]]), (0, 1), [0, 0, 128, 255]),
        (np.array([[False, True]]), (0, 1), [0, 255]),
    ],
)
def test_grey_is_written_as_shown(
    data: np.ndarray, limits: tuple[float, float], expected: list[int]
) -> None:
    path = export_picture(LayerPixels("grey", data, limits))
    np.testing.assert_array_equal(read(path)[0, :, 1], expected)


@pytest.mark.parametrize(
    ("pixel", "expected"),
    [
        (np.array([0, 0.5, 1], np.float32), [0, 128, 255]),
        (np.array([0, 0x8000, 0xFFFF], np.uint16), [0, 128, 255]),
        (np.array([10, 20, 30, 0], np.uint8), [255, 255, 255]),
        (np.array([10, 20, 30, 255], np.uint8), [10, 20, 30]),
    ],
)
def test_colors_are_written_as_shown(pixel: np.ndarray, expected: list[int]) -> None:
    data = np.tile(pixel, (4, 5, 1))
    path = export_picture(LayerPixels("color", data, None))
    np.testing.assert_array_equal(read(path)[2, 3], expected)


def test_signed_colors_are_refused() -> None:
    with pytest.raises(SettingsError, match="int64"):
        export_picture(LayerPixels("x", np.zeros((4, 5, 3), np.int64), None))


def test_lazy_levels_are_read_from_the_finest(rng: np.random.Generator) -> None:
    levels = [rng.integers(0, 256, (s, s, 3), np.uint8) for s in (600, 300)]
    layer = Image(levels, rgb=True, multiscale=True)
    np.testing.assert_array_equal(
        read(export_picture(LayerPixels.of_layer(layer))), levels[0]
    )


def test_unwritable_cache_is_told(home: Path) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(ExportError, match="'x'"):
        export_picture(LayerPixels("x", np.zeros((4, 5, 3), np.uint8), None))


def test_old_pictures_are_removed(home: Any, rng: np.random.Generator) -> None:
    import os

    old = export_picture(LayerPixels("old", np.zeros((4, 5, 3), np.uint8), None))
    os.utime(old.parent, (0, 0))
    new = export_picture(LayerPixels("new", np.ones((4, 5, 3), np.uint8), None))
    assert new.exists()
    assert not old.exists()
