"""Masks in the colors of the classes, as PNG pictures of the size of the slide."""

from __future__ import annotations

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case import LABEL_NAMES
from napari_leukoseg.errors import ExportError
from napari_leukoseg.export.files import SOFTWARE, check_free, replaced_when_complete
from napari_leukoseg.export.progress import expect_steps, take_step
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

    from napari_leukoseg.case import Case
    from napari_leukoseg.classes import ClassScheme

__all__ = ["write_palette_masks"]

BAND_BYTES = 2**26
"""Classes that are held at a time."""

BLOCK_PX = 1024
"""Width of the part of a band whose labels are held at a time."""

BAND_ROWS = 512

MAX_SIDE_PX = 2**31 - 1
"""Longest side of a PNG."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE_COLOR = 3


def write_palette_masks(
    case: Case, folder: Path, stem: str, *, overwrite: bool = False
) -> list[Path]:
    """Write whole cells, nuclei and cytoplasm as palette pictures.

    A pixel's value is the id of its cell's class, and its color that of the class;
    background is 0 and black. In the default scheme these are the colors of the LISC
    masks that FlexUNet uses: basophil blue, eosinophil green, lymphocyte yellow,
    monocyte cyan, neutrophil red.

    Parameters
    ----------
    case : Case
        Case to export.
    folder : Path
        Made if missing.
    stem : str
        Begin of the names.
    overwrite : bool, optional
        Whether files of the same names are replaced.

    Returns
    -------
    paths : list of Path
        ``<stem>_cell.png``, ``<stem>_nucleus.png`` and ``<stem>_cytoplasm.png``.

    Raises
    ------
    ExportError
        If files exist that may not be replaced, the slide is too large for PNG, or
        the folder cannot be written to.
    """
    if max(case.shape) > MAX_SIDE_PX:
        raise ExportError(
            f"The slide of {case.shape[0]}x{case.shape[1]} pixels is too large for "
            "PNG; export as ome-tiff or ome-zarr."
        )
    parts = ("cell", *LABEL_NAMES)
    paths = [folder / f"{stem}_{part}.png" for part in parts]
    check_free(paths, overwrite=overwrite)
    with ExitStack() as stack:
        pictures = []
        for path in paths:
            partial = stack.enter_context(replaced_when_complete(path))
            file = stack.enter_context(partial.open("wb"))
            pictures.append(_PalettePicture(file, case.shape, case.scheme))
        threads = stack.enter_context(ThreadPoolExecutor(len(pictures)))
        for band in _bands(case, threads):
            list(threads.map(_PalettePicture.append, pictures, band))
        for picture in pictures:
            picture.finish()
    return paths


def _bands(
    case: Case, threads: Executor
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield the class ids of cells, nuclei and cytoplasm in bands from above."""
    whole = Region.of_shape(case.shape)
    # A run in progress draws ids that the table does not have yet: the last is 0.
    lut = np.append(case.class_lut(), np.uint8(0))
    n_rows = min(BAND_ROWS, max(1, BAND_BYTES // (3 * whole.width)))
    expect_steps(-(-whole.height // n_rows))
    for row in range(0, whole.height, n_rows):
        band = Region(row, 0, n_rows, whole.width).intersection(whole)
        read = partial(_read_classes, case, band, lut)
        nucleus, cytoplasm = threads.map(read, LABEL_NAMES)
        yield np.maximum(nucleus, cytoplasm), nucleus, cytoplasm
        take_step()


def _read_classes(
    case: Case, band: Region, lut: NDArray[np.uint8], name: str
) -> NDArray[np.uint8]:
    """Read the class ids of a band, in blocks that fit the processor's cache."""
    classes = np.empty((band.height, band.width), np.uint8)
    for column in range(0, band.width, BLOCK_PX):
        block = Region(band.row, column, band.height, BLOCK_PX).intersection(band)
        labels = case.read_labels(name, block)
        lut.take(labels, mode="clip", out=classes[:, block.column : block.column_stop])
    return classes


class _PalettePicture:
    """PNG that is written band by band, which picture libraries cannot."""

    def __init__(
        self, file: BinaryIO, shape: tuple[int, int], scheme: ClassScheme
    ) -> None:
        self._file = file
        # Most of a row repeats what stands left of it, which is all that this looks
        # for: in two thirds of the time it packs class ids as small as any other.
        self._packer: Any = zlib.compressobj(strategy=zlib.Z_RLE)
        file.write(SIGNATURE)
        rows, columns = shape
        header = struct.pack(">IIBBBBB", columns, rows, 8, PALETTE_COLOR, 0, 0, 0)
        _write_chunk(file, b"IHDR", header)
        _write_chunk(file, b"tEXt", f"Software\0{SOFTWARE}".encode("latin-1"))
        _write_chunk(file, b"PLTE", _palette(scheme))

    def append(self, band: NDArray[np.uint8]) -> None:
        """Add rows of class ids."""
        # Each row begins with its filter: 0, none.
        lines = np.pad(band, ((0, 0), (1, 0)))
        _write_chunk(self._file, b"IDAT", self._packer.compress(lines.tobytes()))

    def finish(self) -> None:
        """End the picture."""
        _write_chunk(self._file, b"IDAT", self._packer.flush())
        _write_chunk(self._file, b"IEND", b"")


def _write_chunk(file: BinaryIO, kind: bytes, data: bytes) -> None:
    """Write one chunk of a PNG, unless it is a piece of the picture without data."""
    if kind == b"IDAT" and not data:
        return
    checksum = zlib.crc32(kind + data)
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum))


def _palette(scheme: ClassScheme) -> bytes:
    """Return the colors up to the highest class id."""
    colors = bytearray(3 * (1 + max(c.id for c in scheme)))
    for cell_class in scheme:
        place = 3 * cell_class.id
        colors[place : place + 3] = bytes.fromhex(cell_class.color[1:])
    return bytes(colors)
