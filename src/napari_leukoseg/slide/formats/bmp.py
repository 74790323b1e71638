"""BMP: plain 24- and 32-bit rows are read where they lie, others decoded."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.BmpImagePlugin import BmpImageFile

from napari_leukoseg.slide.color import Alpha, ColorModel, PixelFormat
from napari_leukoseg.slide.faults import Unreadable
from napari_leukoseg.slide.fingerprint import fingerprint_file
from napari_leukoseg.slide.pyramid import PyramidReader, SlideInfo
from napari_leukoseg.slide.resolution import mpp_from_density
from napari_leukoseg.slide.sources import (
    LevelSource,
    RowLayout,
    RowSource,
    SpooledSource,
    check_decode_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["BMP_SIGNATURE", "open_bmp"]

BMP_SIGNATURE = b"BM"

_PLAIN_SAMPLES = {"BGR": 3, "BGRX": 4}
_DECODE_BYTES_PER_PIXEL = 12  # the library's image, its conversion, our RGB
_INCHES_PER_METER = 39.3701  # as the library rounds it


def open_bmp(path: Path) -> PyramidReader:
    """Open a BMP.

    Raises
    ------
    Unreadable
        If it is truncated, or compressed and too large to decode in memory.
    """
    with ExitStack() as stack:
        # The class itself: `Image.open` would warn of pictures it finds large.
        with path.open("rb") as file, BmpImageFile(file) as image:
            mpp = _mpp(image)
            source = _plain_source(path, image) or _decoded_source(path, image)
        stack.callback(source.close)
        return PyramidReader(
            path,
            SlideInfo("BMP", mpp),
            [source],
            fingerprint=lambda: fingerprint_file(path),
            resources=stack,
        )


def _mpp(image: BmpImageFile) -> float | None:
    """Pixel size; the library gives dpi, the file pixels per meter."""
    across, down = image.info.get("dpi", (0, 0))
    return mpp_from_density(
        round(down * _INCHES_PER_METER), round(across * _INCHES_PER_METER), "m"
    )


def _plain_source(path: Path, image: BmpImageFile) -> LevelSource | None:
    """Rows of uncompressed BGR samples, or none if it stores something else."""
    tile = image.tile[0]
    if tile.codec_name != "raw" or not isinstance(tile.args, tuple):
        return None
    raw_mode, stride, direction = tile.args
    if raw_mode not in _PLAIN_SAMPLES:
        return None
    if tile.offset + stride * image.height > path.stat().st_size:
        raise Unreadable(
            "it ends before its last row, so it is truncated; copy it again."
        )
    layout = RowLayout(
        tile.offset,
        stride,
        np.dtype(np.uint8),
        _PLAIN_SAMPLES[raw_mode],
        is_bottom_up=direction == -1,
    )
    shape = image.height, image.width
    return RowSource(shape, path.open("rb"), (layout,), _bgr_to_rgb)


def _bgr_to_rgb(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Reverse the order of the colors; a fourth byte is padding."""
    return np.ascontiguousarray(samples[..., 2::-1])


def _decoded_source(path: Path, image: BmpImageFile) -> LevelSource:
    """Palette, run-length and bit-field pictures, decoded as a whole."""
    check_decode_bytes(
        image.height * image.width * _DECODE_BYTES_PER_PIXEL, "a BMP of this kind"
    )
    return SpooledSource((image.height, image.width), lambda: _decode(path))


def _decode(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the picture as one band of RGB rows."""
    with path.open("rb") as file, BmpImageFile(file) as image:
        pixels = np.asarray(image.convert("RGBA"))
    yield PixelFormat(ColorModel.RGB, alpha=Alpha.STRAIGHT).to_rgb(pixels)
