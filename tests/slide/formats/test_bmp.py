"""BMP of every row order and depth."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.errors import SlideError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide


def bitmap(image: np.ndarray, bits: int, *, top_down: bool = False) -> bytes:
    """Uncompressed BMP with rows padded to four bytes."""
    rows, columns = image.shape[:2]
    samples = image[..., ::-1]
    if bits == 32:
        samples = np.dstack((samples, np.full((rows, columns), 7, np.uint8)))
    padding = bytes(-columns * bits // 8 % 4)
    lines = samples if top_down else samples[::-1]
    data = b"".join(line.tobytes() + padding for line in lines)
    height = -rows if top_down else rows
    info = struct.pack("<IiiHHIIiiII", 40, columns, height, 1, bits, *(0,) * 6)
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + info + data


@pytest.mark.parametrize("bits", [24, 32])
@pytest.mark.parametrize("top_down", [False, True])
@pytest.mark.parametrize("columns", [1, 2, 3, 4, 151])
def test_plain_rows(tmp_path, image, bits, top_down, columns) -> None:
    part = np.ascontiguousarray(image[:, :columns])
    path = tmp_path / "plain.bmp"
    path.write_bytes(bitmap(part, bits, top_down=top_down))
    with open_slide(path) as slide:
        np.testing.assert_array_equal(
            slide.read_region(Region.of_shape(slide.shape)), part
        )
        np.testing.assert_array_equal(
            slide.read_region(Region(100, 0, 7, 1)), part[100:107, :1]
        )


def test_stated_alpha_is_composited_on_white(tmp_path, image) -> None:
    rows, columns = image.shape[:2]
    samples = np.dstack((image[..., ::-1], np.full((rows, columns), 128, np.uint8)))
    info = struct.pack("<IiiHHIIiiII", 108, columns, rows, 1, 32, 3, *(0,) * 5)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    data = samples[::-1].tobytes()
    head = b"BM" + struct.pack("<IHHI", 122 + len(data), 0, 0, 122)
    path = tmp_path / "alpha.bmp"
    path.write_bytes(head + info + masks + bytes(52) + data)
    with open_slide(path) as slide:
        found = slide.read_region(Region.of_shape(slide.shape))
    assert np.abs(found - (image * (128 / 255) + 127)).max() <= 1


def test_a_large_palette_picture_is_refused_by_its_size(tmp_path, image) -> None:
    path = tmp_path / "palette.bmp"
    Image.fromarray(image[..., 0]).save(path)
    data = bytearray(path.read_bytes())
    data[18:26] = struct.pack("<ii", 50_000, 20_000)
    path.write_bytes(data)
    with pytest.raises(SlideError, match=r"palette\.bmp .* GiB .* convert"):
        open_slide(path)
