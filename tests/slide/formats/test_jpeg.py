"""JPEG headers, color spaces, and what is refused before it is decoded."""

from __future__ import annotations

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.errors import SlideError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide


def encoded(image: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}])
def test_decoded_as_pillow_does(tmp_path, image, options) -> None:
    path = tmp_path / "field.jpg"
    path.write_bytes(encoded(image, **options))
    with open_slide(path) as slide, Image.open(path) as picture:
        found = slide.read_region(Region.of_shape(slide.shape)).astype(int)
        assert np.abs(found - np.asarray(picture)).max() <= 2


def test_adobe_ink_is_inverted_in_ycck_too(tmp_path, image) -> None:
    """Photoshop stores CMYK as YCCK; the marker says so."""
    cmyk = np.dstack((image, image[::-1, ::-1, 0] // 4))
    path = tmp_path / "ink.jpg"
    data = imagecodecs.jpeg8_encode(
        255 - cmyk, level=97, colorspace="CMYK", outcolorspace="YCCK"
    )
    path.write_bytes(data)
    ink = cmyk / 255
    expected = 255 * (1 - ink[..., :3]) * (1 - ink[..., 3:])
    with open_slide(path) as slide:
        found = slide.read_region(Region.of_shape(slide.shape))
    assert np.abs(found - expected).mean() < 3


def test_a_thumbnail_inside_is_not_the_end(tmp_path, image) -> None:
    """An embedded preview has an end marker of its own."""
    exif = b"Exif\0\0" + encoded(image[:40, :40])
    data = encoded(image, exif=exif)
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: len(data) - 1000])
    with pytest.raises(SlideError, match="truncated"):
        open_slide(path)


def with_size(data: bytes, marker: int, rows: int, columns: int) -> bytes:
    place = data.index(bytes((0xFF, marker))) + 5
    return data[:place] + struct.pack(">HH", rows, columns) + data[place + 4 :]


@pytest.mark.parametrize(
    ("options", "marker", "side"),
    [({}, 0xC0, 20_000), ({"progressive": True}, 0xC2, 11_000)],
)
def test_too_large_for_memory_is_refused_at_once(
    tmp_path, image, options, marker, side
) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(with_size(encoded(image, **options), marker, side, side))
    with pytest.raises(SlideError, match=r"large\.jpg .* 1\.\d GiB .* convert"):
        open_slide(path)


@pytest.mark.parametrize(
    ("density", "mpp"),
    [((40_000, 2), 0.25), ((50_800, 1), 0.5), ((300, 1), None), ((40_000, 0), None)],
)
def test_jfif_density(tmp_path, image, density, mpp) -> None:
    value, unit = density
    data = encoded(image)
    place = data.index(b"JFIF\0") + 7
    data = data[:place] + struct.pack(">BHH", unit, value, value) + data[place + 5 :]
    path = tmp_path / "scaled.jpg"
    path.write_bytes(data)
    with open_slide(path) as slide:
        assert slide.mpp == (pytest.approx(mpp) if mpp else None)
