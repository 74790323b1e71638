"""PNG: decoded in bands of rows, so that size is no matter of memory.

No library at hand decodes PNG rows as a stream. The compressed rows are
inflated as a stream instead, and each band of them is wrapped as a small PNG
of its own; the last row of the band before goes in front, unfiltered, since
the first row of a band may be stored as a difference from it.
"""

from __future__ import annotations

import math
import struct
import zlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import imagecodecs
import numpy as np

from napari_leukoseg.slide.color import Alpha, ColorModel, PixelFormat, composite
from napari_leukoseg.slide.faults import Unreadable
from napari_leukoseg.slide.fingerprint import fingerprint_file
from napari_leukoseg.slide.pyramid import PyramidReader, SlideInfo
from napari_leukoseg.slide.resolution import mpp_from_density
from napari_leukoseg.slide.sources import SpooledSource, check_decode_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["PNG_SIGNATURE", "open_png"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_BAND_BYTES = 16 << 20
_READ_BYTES = 64 << 10
_INFLATE_BYTES = 1 << 20
_TRUNCATED = "it ends before its last row, so it is truncated; copy it again."

# Color types of the PNG specification, section 11.2.1.
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_N_SAMPLES = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}

# How to wrap filtered rows so that the filters' distance in bytes is kept:
# bytes per pixel -> (samples per pixel, bits, color type).
_WRAPPING = {
    1: (1, 8, _GREY),
    2: (2, 8, _GREY_ALPHA),
    3: (3, 8, _RGB),
    4: (4, 8, _RGBA),
    6: (3, 16, _RGB),
    8: (4, 16, _RGBA),
}


@dataclass
class _Header:
    """What the chunks of a PNG say; `data` lists where its IDAT chunks lie."""

    width: int
    height: int
    bits: int
    color_type: int
    is_interlaced: bool
    palette: bytes = b""
    transparency: bytes = b""
    mpp: float | None = None
    data: list[tuple[int, int]] = field(default_factory=list)

    @property
    def n_samples(self) -> int:
        """Samples per pixel."""
        return _N_SAMPLES[self.color_type]

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, without its filter type."""
        return math.ceil(self.width * self.n_samples * self.bits / 8)

    @property
    def pixel_bytes(self) -> int:
        """Distance in bytes that filters look back."""
        return max(1, self.n_samples * self.bits // 8)


def open_png(path: Path) -> PyramidReader:
    """Open a PNG.

    Raises
    ------
    Unreadable
        If it is truncated or cannot be decoded within the memory allowed.
    """
    with path.open("rb") as file:
        header = _read_header(file)
    if header.is_interlaced:
        check_decode_bytes(
            header.height * (header.row_bytes + 3 * header.width), "an interlaced PNG"
        )
    with ExitStack() as stack:
        source = SpooledSource(
            (header.height, header.width), lambda: _decode(path, header)
        )
        stack.callback(source.close)
        return PyramidReader(
            path,
            SlideInfo("PNG", header.mpp),
            [source],
            fingerprint=lambda: fingerprint_file(path),
            resources=stack,
        )


def _read_header(file: IO[bytes]) -> _Header:
    """Walk the chunks, which also proves that the file is complete."""
    end = file.seek(0, 2)
    position = len(PNG_SIGNATURE)
    header: _Header | None = None
    while position + 12 <= end:
        file.seek(position)
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"IEND" and header is not None and header.data:
            return header
        if position + 12 + length > end:
            break
        if kind == b"IHDR":
            header = _parse_ihdr(file.read(length))
        elif header is not None:
            _take_chunk(header, kind, length, file)
        position += 12 + length  # length, type and checksum take twelve bytes
    raise Unreadable(_TRUNCATED)


def _parse_ihdr(data: bytes) -> _Header:
    """Size and sample format."""
    width, height, bits, color_type, _, _, interlace = struct.unpack(">IIBBBBB", data)
    if color_type not in _N_SAMPLES or bits not in (1, 2, 4, 8, 16):
        raise Unreadable(f"color type {color_type} with {bits} bits is not PNG.")
    return _Header(width, height, bits, color_type, bool(interlace))


def _take_chunk(header: _Header, kind: bytes, length: int, file: IO[bytes]) -> None:
    """Note what one chunk says."""
    if kind == b"IDAT":
        header.data.append((file.tell(), length))
    elif kind == b"PLTE":
        header.palette = file.read(length)
    elif kind == b"tRNS":
        header.transparency = file.read(length)
    elif kind == b"pHYs" and length == 9:
        across, down, unit = struct.unpack(">IIB", file.read(9))
        header.mpp = mpp_from_density(down, across, "m" if unit == 1 else None)


def _pixel_format(header: _Header) -> PixelFormat:
    """Color rule of a PNG."""
    if header.color_type == _PALETTE:
        return PixelFormat(ColorModel.PALETTE, palette=_palette(header))
    model = ColorModel.RGB if header.color_type in (_RGB, _RGBA) else ColorModel.GREY
    if header.color_type in (_GREY_ALPHA, _RGBA):
        return PixelFormat(model, header.bits, alpha=Alpha.STRAIGHT)
    n_values = len(header.transparency) // 2
    transparent = struct.unpack(f">{n_values}H", header.transparency[: 2 * n_values])
    return PixelFormat(model, header.bits, transparent=transparent or None)


def _palette(header: _Header) -> NDArray[np.uint8]:
    """Palette on white, (n, 3)."""
    colors = np.frombuffer(header.palette, np.uint8).reshape(-1, 3)
    alpha = np.full(len(colors), 255, np.uint8)
    stated = np.frombuffer(header.transparency, np.uint8)[: len(colors)]
    alpha[: len(stated)] = stated
    return composite(colors, alpha)


def _decode(path: Path, header: _Header) -> Iterator[NDArray[np.uint8]]:
    """Yield bands of RGB rows."""
    if header.is_interlaced:
        yield _decode_whole(path)
        return
    pixel_format = _pixel_format(header)
    previous = b""
    with path.open("rb") as file:
        for band in _filtered_bands(file, header):
            rows = _unfilter(header, band, previous)
            previous = rows[-1].tobytes()
            yield pixel_format.to_rgb(_samples(header, rows))


def _decode_whole(path: Path) -> NDArray[np.uint8]:
    """Decode at once; the decoder resolves palettes and transparent colors."""
    pixels = imagecodecs.png_decode(path.read_bytes())
    n_samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    model = ColorModel.GREY if n_samples < 3 else ColorModel.RGB
    alpha = Alpha.STRAIGHT if n_samples in (2, 4) else Alpha.NONE
    return PixelFormat(model, pixels.dtype.itemsize * 8, alpha=alpha).to_rgb(pixels)


def _filtered_bands(file: IO[bytes], header: _Header) -> Iterator[bytes]:
    """Inflate rows with their filter types, a number of whole rows at a time."""
    row_bytes = header.row_bytes + 1
    band_bytes = max(1, _BAND_BYTES // row_bytes) * row_bytes
    left = header.height * row_bytes
    pending = bytearray()
    for data in _inflate(file, header.data):
        pending += data
        while left and len(pending) >= min(band_bytes, left):
            n_bytes = min(band_bytes, left)
            yield bytes(pending[:n_bytes])
            del pending[:n_bytes]
            left -= n_bytes
    if left:
        raise Unreadable(_TRUNCATED)


def _inflate(file: IO[bytes], data: list[tuple[int, int]]) -> Iterator[bytes]:
    """Inflate the IDAT chunks as one stream, in pieces of bounded size."""
    engine = zlib.decompressobj()
    for offset, length in data:
        file.seek(offset)
        for start in range(0, length, _READ_BYTES):
            compressed = file.read(min(_READ_BYTES, length - start))
            while compressed:
                yield engine.decompress(compressed, _INFLATE_BYTES)
                compressed = engine.unconsumed_tail
    yield engine.flush()


def _unfilter(header: _Header, band: bytes, previous: bytes) -> NDArray[np.uint8]:
    """Undo the row filters of a band, (M, row_bytes) bytes as stored."""
    per_pixel, bits, color_type = _WRAPPING[header.pixel_bytes]
    if previous:
        band = b"\0" + previous + band
    n_rows = len(band) // (header.row_bytes + 1)
    width = header.row_bytes * 8 // (per_pixel * bits)
    decoded = imagecodecs.png_decode(_wrap(band, n_rows, width, bits, color_type))
    if bits == 16:
        decoded = decoded.astype(">u2").view(np.uint8)
    rows = decoded.reshape(n_rows, header.row_bytes)
    return rows[1:] if previous else rows


def _wrap(band: bytes, n_rows: int, width: int, bits: int, color_type: int) -> bytes:
    """Make a PNG of filtered rows."""
    ihdr = struct.pack(">IIBBBBB", width, n_rows, bits, color_type, 0, 0, 0)
    chunks = ((b"IHDR", ihdr), (b"IDAT", zlib.compress(band, 0)), (b"IEND", b""))
    parts = [PNG_SIGNATURE]
    for kind, data in chunks:
        checksum = zlib.crc32(data, zlib.crc32(kind))
        parts += struct.pack(">I", len(data)), kind, data, struct.pack(">I", checksum)
    return b"".join(parts)


def _samples(header: _Header, rows: NDArray[np.uint8]) -> NDArray[Any]:
    """Unpack unfiltered rows of bytes into samples, (M, N, n_samples)."""
    shape = len(rows), header.width, header.n_samples
    if header.bits == 8:
        return rows.reshape(shape)
    if header.bits == 16:
        return np.ascontiguousarray(rows).view(">u2").reshape(shape)
    per_byte = 8 // header.bits
    shifts = np.arange(per_byte - 1, -1, -1, dtype=np.uint8) * header.bits
    unpacked = rows[..., None] >> shifts & ((1 << header.bits) - 1)
    return unpacked.reshape(len(rows), -1)[:, : header.width, None]
