"""Labels of a case as one OME-TIFF file with pyramids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tifffile

from napari_leukoseg.case import level_shapes
from napari_leukoseg.export.files import SOFTWARE, replaced_when_complete
from napari_leukoseg.export.tiles import (
    CLASSIC_TIFF_BYTES,
    TILE_PX,
    expect_tiles,
    label_layers,
    label_tiles,
    resolution_tags,
)

if TYPE_CHECKING:
    from pathlib import Path

    from napari_leukoseg.case import Case

__all__ = ["write_ome_tiff"]

BYTES_PER_PIXEL = 12
"""Of the three pictures with their pyramids: 9, and a third more."""


def write_ome_tiff(case: Case, path: Path) -> None:
    """Write nucleus, cytoplasm and class labels as three images of one OME-TIFF.

    Images are called ``nucleus``, ``cytoplasm`` (uint32 cell ids) and ``class``
    (uint8 class ids); 0 is background. Those of a slide have the levels of the case,
    each with every second pixel of the one before.

    Parameters
    ----------
    case : Case
        Case to export.
    path : Path
        File to make or to replace; its folder is made if missing.

    Raises
    ------
    ExportError
        If the folder cannot be written to.
    """
    shapes = level_shapes(case.shape)
    is_big = case.shape[0] * case.shape[1] * BYTES_PER_PIXEL > CLASSIC_TIFF_BYTES
    with (
        replaced_when_complete(path) as partial,
        tifffile.TiffWriter(partial, ome=True, bigtiff=is_big) as writer,
    ):
        layers = label_layers(case)
        expect_tiles(shapes, len(layers))
        for name, (dtype, read) in layers.items():
            for level, shape in enumerate(shapes):
                writer.write(
                    label_tiles(shape, dtype, read, level),
                    shape=shape,
                    dtype=dtype,
                    tile=(TILE_PX, TILE_PX),
                    photometric="minisblack",
                    compression="zlib",
                    software=SOFTWARE,
                    **resolution_tags(case.mpp and case.mpp * 2**level),
                    **(_image(name, case.mpp, len(shapes)) if level == 0 else _LEVEL),
                )


_LEVEL: dict[str, Any] = {"subfiletype": 1, "metadata": None}


def _image(name: str, mpp: float | None, n_levels: int) -> dict[str, Any]:
    """Return what the writer is told of a new image."""
    metadata: dict[str, Any] = {"axes": "YX", "Name": name}
    if mpp is not None:
        for axis in "XY":
            metadata[f"PhysicalSize{axis}"] = mpp
            metadata[f"PhysicalSize{axis}Unit"] = "µm"
    return {"subifds": n_levels - 1, "metadata": metadata}
