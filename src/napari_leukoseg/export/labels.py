"""Label pictures of a case as TIFF files of the size of the slide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tifffile

from napari_leukoseg.export.files import SOFTWARE, replaced_when_complete
from napari_leukoseg.export.tiles import (
    CLASSIC_TIFF_BYTES,
    TILE_PX,
    label_layers,
    label_tiles,
    resolution_tags,
)

if TYPE_CHECKING:
    from pathlib import Path

    from napari_leukoseg.case import Case

__all__ = ["write_label_tiffs"]


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
    paths = []
    n_pixels = case.shape[0] * case.shape[1]
    for name, (dtype, read) in label_layers(case).items():
        path = folder / f"{stem}_{name}.tif"
        is_big = n_pixels * dtype.itemsize > CLASSIC_TIFF_BYTES
        with (
            replaced_when_complete(path) as partial,
            tifffile.TiffWriter(partial, bigtiff=is_big) as writer,
        ):
            writer.write(
                label_tiles(case.shape, dtype, read),
                shape=case.shape,
                dtype=dtype,
                tile=(TILE_PX, TILE_PX),
                photometric="minisblack",
                compression="zlib",
                metadata=None,
                software=SOFTWARE,
                **resolution_tags(case.mpp),
            )
        paths.append(path)
    return paths
