from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Labels, Points
from PIL import Image as Pillow

from napari_leukoseg.errors import SlideError
from napari_leukoseg.plugin.picture_files import PictureLevel, load_picture, look_up
from napari_leukoseg.plugin.pictures import (
    Picture,
    describe_layer,
    is_picture,
    layer_path,
    spatial,
)


@pytest.fixture
def png(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "x.png"
    Pillow.fromarray(rng.integers(0, 256, (31, 47, 3), np.uint8)).save(path)
    return path


def test_small_picture_is_one_array_in_memory(png: Path) -> None:
    picture, (data, attributes, kind) = load_picture(png)
    assert kind == "image"
    layer = Image(data, **attributes)
    assert layer.data.shape == (31, 47, 3)
    assert isinstance(layer.data, np.ndarray)
    assert not layer.multiscale
    assert str(layer.units[0]) == "pixel"
    assert layer_path(layer) == png
    assert picture.shape == (31, 47)
    assert (picture.mpp, picture.has_own_mpp) == (None, False)
    assert describe_layer(layer).mpp is None


def test_given_pixel_size_is_that_of_the_layer(png: Path) -> None:
    picture, (data, attributes, _) = load_picture(png, 0.2)
    layer = Image(data, **attributes)
    assert picture.mpp == describe_layer(layer).mpp == 0.2
    assert not picture.has_own_mpp
    assert tuple(layer.scale) == (0.2, 0.2)
    assert str(layer.units[0]) == "micrometer"


def test_own_pixel_size_wins(field_png: Path) -> None:
    picture, _ = load_picture(field_png, 0.9)
    assert picture.has_own_mpp
    assert picture.mpp != 0.9


def test_large_picture_is_a_pyramid(big_field: Path) -> None:
    _, (levels, attributes, _) = load_picture(big_field)
    layer = Image(levels, **attributes)
    assert layer.multiscale
    assert isinstance(levels[0], PictureLevel)
    assert isinstance(levels[-1], np.ndarray)
    from copy import deepcopy

    assert deepcopy(levels)[0] is levels[0]


def test_unreadable_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.svs"
    path.write_text("no slide")
    with pytest.raises(SlideError, match=r"x\.svs"):
        load_picture(path)


@pytest.mark.parametrize(
    ("layer", "is_one"),
    [
        (Image(np.zeros((4, 5, 3), np.uint8), rgb=True), True),
        (Image(np.zeros((4, 5))), True),
        (Image(np.zeros((2, 4, 5))), False),
        (Labels(np.zeros((4, 5), int)), False),
        (Points(np.zeros((1, 2))), False),
    ],
)
def test_is_picture(layer: object, is_one: bool) -> None:
    assert is_picture(layer) is is_one


@pytest.mark.parametrize(
    ("scale", "units", "mpp"),
    [
        ((0.25, 0.25), ("um", "um"), 0.25),
        ((2.5e-4, 2.5e-4), ("mm", "mm"), 0.25),
        ((0.25, 0.5), ("um", "um"), None),
        ((40, 40), ("um", "um"), None),
        ((0.25, 0.25), ("pixel", "pixel"), None),
    ],
)
def test_pixel_size_of_scale_and_units(
    scale: tuple[float, float], units: tuple[str, str], mpp: float | None
) -> None:
    layer = Image(np.zeros((4, 5)), scale=scale, units=units)
    found = describe_layer(layer).mpp
    assert found is None if mpp is None else found == pytest.approx(mpp)


def test_look_up_finds_format_and_fingerprint(png: Path) -> None:
    picture = look_up(Picture("x", (31, 47), png))
    assert picture.format_name == "PNG"
    assert picture.fingerprint


@pytest.mark.parametrize("shape", [(31, 46), (1, 1)])
def test_look_up_drops_a_path_of_another_picture(
    png: Path, shape: tuple[int, int]
) -> None:
    assert look_up(Picture("x", shape, png)).path is None


def test_look_up_drops_an_unreadable_path(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(b"II*\0")
    assert look_up(Picture("x", (3, 4), path)).path is None
    assert look_up(Picture("x", (3, 4))).path is None


def test_spatial() -> None:
    assert spatial(None)["units"] == ("pixel", "pixel")
    assert spatial(0.5) == {"scale": (0.5, 0.5), "units": ("um", "um")}
