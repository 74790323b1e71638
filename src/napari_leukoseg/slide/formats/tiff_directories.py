"""Proves that the directories of a TIFF are whole before anyone relies on them.

tifffile passes over tags and pages that lie beyond the end of a truncated file.
What is left may open as another picture: without its description, an OME-TIFF
of three channels is a grey one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from napari_leukoseg.slide.faults import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_directories"]

_BIG_TIFF = 43
_MAX_DIRECTORIES = 1000

# Bytes by field type, TIFF 6.0 section 2 and the BigTIFF supplement.
_TYPE_BYTES = dict(
    zip(range(1, 14), (1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), strict=True)
) | {16: 8, 17: 8, 18: 8}

# Layout of pixels; description, resolution, palette, code tables; where pixels lie.
_LAYOUT_TAGS = (256, 257, 258, 259, 262, 277, 278, 284, 322, 323, 338, 339)
_VALUE_TAGS = (270, 282, 283, 320, 347)
_PLACE_TAGS = (273, 279, 324, 325, 330)
_VITAL_TAGS = frozenset((*_LAYOUT_TAGS, *_VALUE_TAGS, *_PLACE_TAGS))


@dataclass(frozen=True)
class _Layout:
    """How classic and big TIFF write their directories, as `struct` formats."""

    byte_order: str
    count: str
    entry: str
    offset: str

    def unpack(self, file: IO[bytes], code: str) -> tuple[int, ...]:
        """Read numbers where the file stands."""
        layout = struct.Struct(self.byte_order + code)
        data = file.read(layout.size)
        if len(data) < layout.size:
            raise Unreadable(
                "it ends before its directory of pages, so it is truncated; copy it "
                "again."
            )
        return layout.unpack(data)


def check_directories(file: IO[bytes]) -> None:
    """Walk the pages and refuse a file that ends before what they point at.

    Raises
    ------
    Unreadable
        If the file is truncated.
    """
    file_bytes = file.seek(0, 2)
    layout, offset = _read_header(file)
    seen: set[int] = set()
    while offset and offset not in seen and len(seen) < _MAX_DIRECTORIES:
        seen.add(offset)
        file.seek(offset)
        (n_entries,) = layout.unpack(file, layout.count)
        last = max(_value_ends(file, layout, n_entries), default=0)
        (offset,) = layout.unpack(file, layout.offset)
        if last > file_bytes:
            raise Unreadable(
                f"it has {file_bytes} bytes and a directory of its pages points at "
                f"byte {last}, so it is truncated; copy it again."
            )


def _read_header(file: IO[bytes]) -> tuple[_Layout, int]:
    """Byte order, kind of TIFF, and place of the first directory."""
    file.seek(0)
    byte_order = "<" if file.read(2) == b"II" else ">"
    classic = _Layout(byte_order, "H", "HHII", "I")
    (version,) = classic.unpack(file, "H")
    if version != _BIG_TIFF:
        return classic, classic.unpack(file, "I")[0]
    big = _Layout(byte_order, "Q", "HHQQ", "Q")
    return big, big.unpack(file, "HHQ")[2]


def _value_ends(file: IO[bytes], layout: _Layout, n_entries: int) -> Iterator[int]:
    """Yield where the value of each vital tag ends, if it lies elsewhere."""
    inline_bytes = struct.calcsize(layout.offset)
    for _ in range(n_entries):
        tag, kind, count, value = layout.unpack(file, layout.entry)
        n_bytes = count * _TYPE_BYTES.get(kind, 0)
        if tag in _VITAL_TAGS and n_bytes > inline_bytes:
            yield value + n_bytes
