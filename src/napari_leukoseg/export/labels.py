"""Label pictures of a case as TIFF files of the size of the slide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_leukoseg.export.files import SOFTWARE, replaced_when_complete
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

    from napari_leukoseg.case import Case

__all__ = ["write_label_tiffs"]

TILE_PX = 512
"""Side of a tile; few are held at a time, whatever the size of the slide."""

CLASSIC_TIFF_BYTES = 2**32 - 2**25
"""Largest picture that surely fits the 32-bit offsets of a classic TIFF."""


def write_label_tiffs(case: Case, folder: Path, stem: str) -> list[Path]:
    """Write nucleus, cytoplasm and class labels as TIFF files.

    The files are tiled and compressed with Deflate, which every TIFF reader knows.
    Their resolution tag holds the pixel size where it is known.

    Parameters
    ----------
    case : Case
        Case to export.
    folder : Path
        Made if missing; files of the same names are replaced.
    stem : str
        Begin of the names.

    Returns
    -------
    paths : list of Path
        ``<stem>_nucleus.tif`` and ``<stem>_cytoplasm.tif`` (uint32 cell ids) and
        ``<stem>_class.tif`` (uint8 class ids); 0 is background.

    Raises
    ------
    ExportError
        If the folder cannot be written to.
    """
    pictures: tuple[tuple[str, DTypeLike, Callable[[Region], NDArray[Any]]], ...] = (
        ("nucleus", np.uint32, lambda region: case.read_labels("nucleus", region)),
        ("cytoplasm", np.uint32, lambda region: case.read_labels("cytoplasm", region)),
        ("class", np.uint8, case.read_classes),
    )
    paths = []
    for name, dtype, read in pictures:
        path = folder / f"{stem}_{name}.tif"
        with replaced_when_complete(path) as partial:
            _write_tiff(partial, case.shape, np.dtype(dtype), case.mpp, read)
        paths.append(path)
    return paths


def _write_tiff(
    path: Path,
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    mpp: float | None,
    read: Callable[[Region], NDArray[Any]],
) -> None:
    """Write one picture tile by tile."""
    is_big = shape[0] * shape[1] * dtype.itemsize > CLASSIC_TIFF_BYTES
    with tifffile.TiffWriter(path, bigtiff=is_big) as writer:
        writer.write(
            _tiles(shape, dtype, read),
            shape=shape,
            dtype=dtype,
            tile=(TILE_PX, TILE_PX),
            photometric="minisblack",
            compression="zlib",
            metadata=None,
            software=SOFTWARE,
            **_resolution(mpp),
        )


def _tiles(
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    read: Callable[[Region], NDArray[Any]],
) -> Iterator[NDArray[Any]]:
    """Yield whole tiles row by row, those at the end filled up with background."""
    picture = Region.of_shape(shape)
    for row in range(0, shape[0], TILE_PX):
        for column in range(0, shape[1], TILE_PX):
            region = Region(row, column, TILE_PX, TILE_PX).intersection(picture)
            tile = np.zeros((TILE_PX, TILE_PX), dtype)
            tile[: region.height, : region.width] = read(region)
            yield tile


def _resolution(mpp: float | None) -> dict[str, Any]:
    """Return the resolution tags of a pixel size; unknown is one without unit."""
    if mpp is None:
        return {"resolution": (1, 1), "resolutionunit": "NONE"}
    per_cm = 1e4 / mpp
    return {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
