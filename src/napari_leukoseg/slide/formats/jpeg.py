"""JPEG: decoded as a whole, since its rows cannot be reached one by one.

The EXIF orientation is not applied: labels lie on the stored pixels, where
every other program that reads the file finds them.
"""

from __future__ import annotations

import mmap
import struct
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import imagecodecs

from napari_leukoseg.slide.color import ColorModel, PixelFormat
from napari_leukoseg.slide.faults import Unreadable
from napari_leukoseg.slide.fingerprint import fingerprint_file
from napari_leukoseg.slide.pyramid import PyramidReader, SlideInfo
from napari_leukoseg.slide.resolution import mpp_from_density
from napari_leukoseg.slide.sources import SpooledSource, check_decode_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["JPEG_SIGNATURE", "open_jpeg"]

JPEG_SIGNATURE = b"\xff\xd8\xff"

_END_OF_IMAGE = b"\xff\xd9"
_START_OF_SCAN = 0xDA
_APP0 = 0xE0
# Frame markers; 0xC4, 0xC8 and 0xCC in their midst are others.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_COEFFICIENT_BYTES = 2
_JFIF_UNITS = {1: "inch", 2: "cm"}
_MODELS = {1: ColorModel.GREY, 3: ColorModel.RGB, 4: ColorModel.CMYK}
_TRUNCATED = "it ends before its last row, so it is truncated; copy it again."


@dataclass
class _Header:
    """What the markers before the first scan say."""

    width: int = 0
    height: int = 0
    bits: int = 8
    n_samples: int = 0
    is_progressive: bool = False
    mpp: float | None = None

    @property
    def decode_bytes(self) -> int:
        """Memory that decoding takes; progressive scans keep all coefficients."""
        sample_bytes = 2 if self.bits > 8 else 1
        if self.is_progressive:
            sample_bytes += _COEFFICIENT_BYTES
        converted = 0 if self.n_samples == 3 and self.bits == 8 else 3
        return self.width * self.height * (self.n_samples * sample_bytes + converted)


def open_jpeg(path: Path) -> PyramidReader:
    """Open a JPEG.

    Raises
    ------
    Unreadable
        If it is truncated, or too large to decode within the memory allowed.
    """
    with path.open("rb") as file:
        header = _read_header(file)
        _check_end(file)
    if header.n_samples not in _MODELS:
        raise Unreadable(f"it has {header.n_samples} samples per pixel; save as RGB.")
    check_decode_bytes(header.decode_bytes, "a JPEG of its size")
    with ExitStack() as stack:
        source = SpooledSource(
            (header.height, header.width), lambda: _decode(path, header)
        )
        stack.callback(source.close)
        return PyramidReader(
            path,
            SlideInfo("JPEG", header.mpp),
            [source],
            fingerprint=lambda: fingerprint_file(path),
            resources=stack,
        )


def _read_header(file: IO[bytes]) -> _Header:
    """Walk the markers up to the first scan, where the file is left standing."""
    header = _Header()
    file.seek(2)
    while True:
        marker = _next_marker(file)
        size = file.read(2)
        if len(size) < 2:
            raise Unreadable(_TRUNCATED)
        data = file.read(struct.unpack(">H", size)[0] - 2)
        if marker in _FRAMES:
            bits, height, width, n_samples = struct.unpack(">BHHB", data[:6])
            header.bits, header.n_samples = bits, n_samples
            header.height, header.width = height, width
            header.is_progressive = marker in _PROGRESSIVE
        elif marker == _APP0 and data[:5] == b"JFIF\0":
            unit, across, down = struct.unpack(">BHH", data[7:12])
            header.mpp = mpp_from_density(down, across, _JFIF_UNITS.get(unit))
        elif marker == _START_OF_SCAN:
            return header


def _next_marker(file: IO[bytes]) -> int:
    """Code of the next marker; fill bytes before it are skipped."""
    byte = file.read(1)
    while byte and byte != b"\xff":
        byte = file.read(1)
    while byte == b"\xff":
        byte = file.read(1)
    if not byte:
        raise Unreadable(_TRUNCATED)
    return byte[0]


def _check_end(file: IO[bytes]) -> None:
    """Refuse a file without an end marker; decoders would fill it up with grey."""
    first_scan = file.tell()
    with closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data:
        if data.rfind(_END_OF_IMAGE, first_scan) < 0:
            raise Unreadable(_TRUNCATED)


def _decode(path: Path, header: _Header) -> Iterator[NDArray[np.uint8]]:
    """Yield the picture as one band of RGB rows."""
    model = _MODELS[header.n_samples]
    # Adobe's programs, and all that followed, store CMYK with zero as full ink.
    pixel_format = PixelFormat(model, header.bits, is_inverted=model is ColorModel.CMYK)
    yield pixel_format.to_rgb(imagecodecs.jpeg8_decode(path.read_bytes()))
