"""PNG decoded in bands is PNG decoded at once."""

from __future__ import annotations

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.errors import SlideError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide, sources
from napari_leukoseg.slide.formats import png


def read(path) -> np.ndarray:
    with open_slide(path) as slide:
        return slide.read_region(Region.of_shape(slide.shape))


def samples(n_samples: int, bits: int, shape=(61, 83)) -> np.ndarray:
    """Slopes with noise, so that encoders choose every kind of row filter."""
    rng = np.random.default_rng(n_samples)
    slope = np.add.outer(np.arange(shape[0]) ** 2, 3 * np.arange(shape[1]))[..., None]
    noise = rng.integers(0, 1 << bits - 3, (*shape, n_samples))
    dtype = np.uint8 if bits <= 8 else np.uint16
    return np.squeeze((slope + noise) % (1 << bits)).astype(dtype)


@pytest.mark.parametrize("band_bytes", [1, 1000, 1 << 24])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("n_samples", [1, 2, 3, 4])
def test_bands_join_to_the_picture(
    tmp_path, monkeypatch, band_bytes, bits, n_samples
) -> None:
    monkeypatch.setattr(png, "_BAND_BYTES", band_bytes)
    path = tmp_path / "picture.png"
    path.write_bytes(imagecodecs.png_encode(samples(n_samples, bits)))
    np.testing.assert_array_equal(read(path), png._decode_whole(path))


@pytest.mark.parametrize("band_bytes", [1, 100, 1 << 24])
@pytest.mark.parametrize("width", [1, 7, 8, 9, 83])
def test_bands_of_packed_bits(tmp_path, monkeypatch, band_bytes, width) -> None:
    monkeypatch.setattr(png, "_BAND_BYTES", band_bytes)
    path = tmp_path / "bits.png"
    mask = np.random.default_rng(0).random((29, width)) > 0.5
    Image.fromarray(mask).save(path)
    np.testing.assert_array_equal(read(path)[..., 0], mask * 255)


def test_a_picture_too_large_for_memory_goes_to_disk(
    tmp_path, monkeypatch, draw_image
) -> None:
    monkeypatch.setattr(sources, "MAX_MEMORY_BYTES", 1000)
    monkeypatch.setattr(png, "_BAND_BYTES", 5000)
    image = draw_image(120, 90)
    Image.fromarray(image).save(tmp_path / "large.png")
    np.testing.assert_array_equal(read(tmp_path / "large.png"), image)


def chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def interlaced(image: np.ndarray) -> bytes:
    """Encode by Adam7, which no library here writes."""
    rows, columns = image.shape[:2]
    starts = ((0, 0), (0, 4), (4, 0), (0, 2), (2, 0), (0, 1), (1, 0))
    steps = ((8, 8), (8, 8), (8, 4), (4, 4), (4, 2), (2, 2), (2, 1))
    data = b""
    for (row, column), (down, across) in zip(starts, steps, strict=True):
        for line in image[row::down, column::across]:
            data += b"\0" + line.tobytes() if line.size else b""
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 1)
    return b"".join(
        (
            png.PNG_SIGNATURE,
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(data)),
            chunk(b"IEND", b""),
        )
    )


def test_interlaced_rows(tmp_path, image) -> None:
    path = tmp_path / "interlaced.png"
    path.write_bytes(interlaced(image))
    np.testing.assert_array_equal(read(path), image)


def test_an_interlaced_picture_too_large_is_refused(tmp_path, monkeypatch) -> None:
    path = tmp_path / "interlaced.png"
    data = bytearray(interlaced(np.zeros((8, 8, 3), np.uint8)))
    data[16:24] = struct.pack(">II", 50_000, 20_000)
    path.write_bytes(data)
    with pytest.raises(SlideError, match=r"interlaced PNG .* 5\.6 GiB .* convert"):
        open_slide(path)


def test_many_small_data_chunks_are_one_stream(tmp_path, image) -> None:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    whole = buffer.getvalue()
    start = whole.index(b"IDAT") - 4
    (length,) = struct.unpack(">I", whole[start : start + 4])
    data = whole[start + 8 : start + 8 + length]
    parts = [chunk(b"IDAT", data[i : i + 777]) for i in range(0, length, 777)]
    path = tmp_path / "parts.png"
    path.write_bytes(whole[:start] + b"".join(parts) + whole[start + 12 + length :])
    np.testing.assert_array_equal(read(path), image)


def test_data_that_ends_early_is_truncated(tmp_path, image) -> None:
    header = struct.pack(">IIBBBBB", 151, 203, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in image[:150])
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows))
    path = tmp_path / "short.png"
    path.write_bytes(png.PNG_SIGNATURE + b"".join(chunks) + chunk(b"IEND", b""))
    with pytest.raises(SlideError, match="truncated"):
        open_slide(path)


@pytest.mark.parametrize(("unit", "mpp"), [(1, 0.25), (0, None)])
def test_pixels_per_meter(tmp_path, image, unit, mpp) -> None:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    whole = buffer.getvalue()
    physical = chunk(b"pHYs", struct.pack(">IIB", 4_000_000, 4_000_000, unit))
    path = tmp_path / "scaled.png"
    path.write_bytes(whole[:33] + physical + whole[33:])
    with open_slide(path) as slide:
        assert slide.mpp == mpp
