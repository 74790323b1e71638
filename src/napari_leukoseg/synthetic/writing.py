"""Writes drawn fields, with their labels, and drawn slides with a pyramid."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from PIL import Image

from napari_leukoseg.errors import SampleError
from napari_leukoseg.geometry import Region
from napari_leukoseg.synthetic.files import (
    DrawProgress,
    checked_path,
    is_ome_name,
    partial_file,
    stem_of,
)
from napari_leukoseg.synthetic.pyramid import (
    SOFTWARE,
    ome_metadata,
    plan_levels,
    pyramid_tiles,
    resolution_tags,
    write_generic_pyramid,
    write_ome_pyramid,
)
from napari_leukoseg.synthetic.smear import BLOCK_PX, Smear
from napari_leukoseg.synthetic.tile_sink import TileSink

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.synthetic.settings import SmearSettings
    from napari_leukoseg.synthetic.smear import DrawnRegion

__all__ = ["DRAWN_FIELD_SUFFIXES", "DRAWN_SLIDE_SUFFIXES", "write_field", "write_slide"]

DRAWN_FIELD_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
DRAWN_SLIDE_SUFFIXES = (".ome.tif", ".ome.tiff", ".tif", ".tiff")

MAX_FIELD_PX = 200_000_000
"""Largest field; it is held in memory whole, with its labels."""

FIELD_JPEG_QUALITY = 92


def write_field(
    path: str | Path, settings: SmearSettings, *, with_labels: bool = False
) -> Generator[DrawProgress, None, list[Path]]:
    """Draw a field and write it as a picture.

    Parameters
    ----------
    path : str or Path
        Ends in one of `DRAWN_FIELD_SUFFIXES`. PNG, BMP and TIFF keep every pixel,
        JPEG does not. PNG and TIFF carry the pixel size as resolution.
    settings : SmearSettings
        What to draw.
    with_labels : bool, optional
        Also write ``<stem>_nucleus.tif`` and ``<stem>_cytoplasm.tif`` (uint32
        cell ids) and ``<stem>_class.tif`` (uint8 class ids) beside it.

    Yields
    ------
    DrawProgress
        After every row of blocks. Closing the generator writes nothing.

    Returns
    -------
    paths : list of Path
        The files written.

    Raises
    ------
    SampleError
        If the name, the size or the folder does not allow it.
    """
    path = checked_path(path, DRAWN_FIELD_SUFFIXES)
    rows, columns = settings.shape
    if rows * columns > MAX_FIELD_PX:
        raise SampleError(
            f"A field of {rows}x{columns} pixels is too large to hold in memory; "
            f"give at most {MAX_FIELD_PX // 1_000_000} megapixels, or draw a slide."
        )
    smear = Smear(settings)
    bands = []
    starts = range(0, rows, BLOCK_PX)
    for done, row in enumerate(starts, start=1):
        bands.append(smear.draw(Region(row, 0, min(BLOCK_PX, rows - row), columns)))
        yield DrawProgress(done, len(starts))
    with partial_file(path) as temporary:
        image = np.concatenate([band.image for band in bands])
        _save_picture(temporary, path, image, smear.mpp)
    if not with_labels:
        return [path]
    return [path, *_save_labels(path, bands, smear.mpp)]


def _save_labels(path: Path, bands: list[DrawnRegion], mpp: float) -> list[Path]:
    """Write the three label planes beside a field; return their paths."""
    planes: dict[str, list[NDArray[np.generic]]] = {
        "nucleus": [band.nucleus for band in bands],
        "cytoplasm": [band.cytoplasm for band in bands],
        "class": [band.classes for band in bands],
    }
    written = []
    for name, parts in planes.items():
        beside = path.with_name(f"{stem_of(path)}_{name}.tif")
        plane = np.concatenate(parts)
        with partial_file(beside) as temporary:
            tifffile.imwrite(
                temporary, plane, compression="zlib", **resolution_tags(mpp)
            )
        written.append(beside)
    return written


def _save_picture(file: Path, path: Path, image: NDArray[np.uint8], mpp: float) -> None:
    """Write `file` in the format that `path`, its later name, calls for."""
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        is_ome = is_ome_name(path)
        tifffile.imwrite(
            file,
            image,
            photometric="rgb",
            compression="zlib",
            predictor=True,
            software=SOFTWARE,
            ome=is_ome,
            metadata=ome_metadata(mpp) if is_ome else None,
            **resolution_tags(mpp),
        )
        return
    picture = Image.fromarray(image)
    if suffix == ".png":
        dots_per_inch = 25_400 / mpp
        picture.save(file, "PNG", dpi=(dots_per_inch, dots_per_inch), optimize=True)
    elif suffix == ".bmp":
        picture.save(file, "BMP")
    else:
        picture.save(file, "JPEG", quality=FIELD_JPEG_QUALITY)


def write_slide(
    path: str | Path, settings: SmearSettings
) -> Generator[DrawProgress, None, Path]:
    """Draw a slide and write it as a tiled BigTIFF with a pyramid.

    Drawn and written tile by tile: memory does not grow with the slide. While
    it is written, its folder holds temporary files of about one byte a pixel.

    Parameters
    ----------
    path : str or Path
        ``.ome.tif`` gives OME-TIFF with its coarser levels in SubIFDs,
        ``.tif`` a generic pyramid of successive pages. Tiles are JPEG.
    settings : SmearSettings
        What to draw.

    Yields
    ------
    DrawProgress
        After every tile. Closing the generator leaves no file.

    Returns
    -------
    path : Path
        The file written.

    Raises
    ------
    SampleError
        If the name or the folder does not allow it, or the disk is full.
    """
    path = checked_path(path, DRAWN_SLIDE_SUFFIXES)
    smear = Smear(settings)
    levels = plan_levels(smear.shape)
    total = sum(level.n_tiles for level in levels)
    write_tiles = partial(
        write_ome_pyramid if is_ome_name(path) else write_generic_pyramid,
        levels=levels,
        mpp=smear.mpp,
    )
    with partial_file(path) as temporary:
        tiles = pyramid_tiles(smear, levels, path.parent)
        with closing(tiles), TileSink(partial(write_tiles, temporary)) as sink:
            for done, tile in enumerate(tiles, start=1):
                sink.put(tile)
                yield DrawProgress(done, total)
            sink.finish()
    return path
