"""Writes a slide, as it is read, to a picture file with a pyramid."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.errors import ExportError
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.slide import SlideReader

    Shape = tuple[int, int]

__all__ = ["PictureFormat", "WriteProgress", "write_picture"]

TILE_PX = 512
"""Side of a tile or chunk; few are held at a time, whatever the size."""

COARSEST_PX = 1024
"""A pyramid ends at the first level that is no longer than this."""

MAX_PNG_PX = 100_000_000
"""Largest PNG picture, since it has to be held in memory whole."""

CLASSIC_TIFF_PX = 900_000_000
"""Picture whose pyramid surely fits the 32-bit offsets of a classic TIFF."""

TOLD_EVERY_S = 0.1

SOFTWARE = "napari-leukoseg"

_OME_VERSION = "0.5"


class PictureFormat(StrEnum):
    """What a picture can be written as; all keep every pixel."""

    PNG = "png"
    TIFF = "tiff"
    ZARR = "zarr"

    @property
    def suffix(self) -> str:
        """End of the file's name."""
        return {"png": ".png", "tiff": ".ome.tif", "zarr": ".ome.zarr"}[self.value]


@dataclass(frozen=True)
class WriteProgress:
    """How much is written.

    Parameters
    ----------
    done, total : int
        Tiles.
    """

    done: int
    total: int


def write_picture(
    slide: SlideReader, path: Path, picture_format: PictureFormat
) -> Generator[WriteProgress, None, None]:
    """Read a slide tile by tile and write it.

    Memory does not grow with the slide, except for PNG.

    Parameters
    ----------
    slide : SlideReader
        What is written; a `StandardizedSlide` computes as it is read.
    path : Path
        New file, or folder of OME-Zarr.
    picture_format : PictureFormat
        PNG; OME-TIFF or OME-Zarr 0.5 with levels of half the size each.

    Yields
    ------
    WriteProgress
        Ten times a second. Closing the generator leaves an incomplete file.

    Raises
    ------
    ExportError
        If the slide is too large for PNG.
    OSError
        If the file cannot be written.
    """
    task = _Task(slide, path, picture_format)
    with ThreadPoolExecutor(1, thread_name_prefix="picture-writer") as pool:
        written = pool.submit(task.run)
        try:
            while not written.done():
                wait([written], TOLD_EVERY_S)
                yield WriteProgress(task.n_done, task.n_tiles)
            written.result()
        finally:
            task.is_stopped = True


class _StoppedError(Exception):
    """Nobody waits for the file any more."""


class _Task:
    """One file to write; runs in a thread of its own, since writers pull tiles."""

    def __init__(
        self, slide: SlideReader, path: Path, picture_format: PictureFormat
    ) -> None:
        rows, columns = slide.shape
        self._slide, self._path, self._format = slide, path, picture_format
        self._shapes = [slide.shape]
        if picture_format is PictureFormat.PNG:
            _check_png(rows * columns)
        else:
            self._shapes = _level_shapes(slide.shape)
        self.n_tiles = sum(1 for s in self._shapes for _ in _tile_regions(s))
        self.n_done = 0
        self.is_stopped = False

    def run(self) -> None:
        """Write the file."""
        {
            PictureFormat.PNG: self._write_png,
            PictureFormat.TIFF: self._write_tiff,
            PictureFormat.ZARR: self._write_zarr,
        }[self._format]()

    def _tiles(self, level: int) -> Iterator[tuple[Region, NDArray[np.uint8]]]:
        """Yield place and pixels of each tile of a level, row by row."""
        step, whole = 2**level, Region.of_shape(self._slide.shape)
        for region in _tile_regions(self._shapes[level]):
            if self.is_stopped:
                raise _StoppedError
            source = region.scaled(step).intersection(whole)
            yield region, self._slide.read_scaled(source, 1 / step)
            self.n_done += 1

    def _write_png(self) -> None:
        """Write one picture, with its pixel size."""
        from PIL import Image, PngImagePlugin

        image = np.empty((*self._slide.shape, 3), np.uint8)
        for region, tile in self._tiles(0):
            image[region.slices] = tile
        tags = PngImagePlugin.PngInfo()
        tags.add_text("Software", SOFTWARE)
        mpp = self._slide.mpp
        more = {} if mpp is None else {"dpi": (25_400 / mpp, 25_400 / mpp)}
        Image.fromarray(image).save(self._path, "PNG", pnginfo=tags, **more)

    def _write_tiff(self) -> None:
        """Write OME-TIFF, its coarser levels as SubIFDs."""
        import tifffile

        mpp = self._slide.mpp
        metadata: dict[str, Any] = {"axes": "YXS"}
        if mpp is not None:
            for axis in "XY":
                metadata[f"PhysicalSize{axis}"] = mpp
                metadata[f"PhysicalSize{axis}Unit"] = "µm"
        first = {"subifds": len(self._shapes) - 1, "metadata": metadata}
        other = {"subfiletype": 1, "metadata": None}
        is_big = self._shapes[0][0] * self._shapes[0][1] > CLASSIC_TIFF_PX
        with tifffile.TiffWriter(self._path, ome=True, bigtiff=is_big) as writer:
            for level, shape in enumerate(self._shapes):
                writer.write(
                    (_filled_up(tile) for _, tile in self._tiles(level)),
                    shape=(*shape, 3),
                    dtype=np.uint8,
                    tile=(TILE_PX, TILE_PX),
                    photometric="rgb",
                    compression="zlib",
                    predictor=True,
                    software=SOFTWARE,
                    **_resolution(None if mpp is None else mpp * 2**level),
                    **(other if level else first),
                )

    def _write_zarr(self) -> None:
        """Write OME-Zarr, channels first."""
        import zarr
        from zarr.codecs import ZstdCodec

        group = zarr.create_group(
            self._path, attributes={"ome": _ome_attributes(self._slide, self._shapes)}
        )
        for level, shape in enumerate(self._shapes):
            array = group.create_array(
                str(level),
                shape=(3, *shape),
                chunks=(3, TILE_PX, TILE_PX),
                dtype="uint8",
                fill_value=0,
                compressors=ZstdCodec(level=1),
                dimension_names=("c", "y", "x"),
            )
            for region, tile in self._tiles(level):
                array[(slice(None), *region.slices)] = np.moveaxis(tile, 2, 0)


def _check_png(n_pixels: int) -> None:
    """Refuse what does not fit in memory."""
    if n_pixels > MAX_PNG_PX:
        raise ExportError(
            f"A picture of {n_pixels / 1e6:.0f} megapixels is too large for PNG, which "
            f"holds up to {MAX_PNG_PX / 1e6:.0f}; choose tiff or zarr."
        )


def _level_shapes(shape: Shape) -> list[Shape]:
    """Shapes of all levels, half of the one before without what is left over."""
    rows, columns = shape
    shapes = [shape]
    while max(shapes[-1]) > COARSEST_PX:
        step = 2 ** len(shapes)
        shapes.append((max(1, rows // step), max(1, columns // step)))
    return shapes


def _tile_regions(shape: Shape) -> Iterator[Region]:
    """Regions of the tiles of a level, row by row."""
    whole = Region.of_shape(shape)
    for row in range(0, shape[0], TILE_PX):
        for column in range(0, shape[1], TILE_PX):
            yield Region(row, column, TILE_PX, TILE_PX).intersection(whole)


def _filled_up(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a whole tile, as TIFF stores them at the picture's end too."""
    rows, columns = tile.shape[:2]
    if (rows, columns) == (TILE_PX, TILE_PX):
        return tile
    return np.pad(tile, ((0, TILE_PX - rows), (0, TILE_PX - columns), (0, 0)), "edge")


def _resolution(mpp: float | None) -> dict[str, Any]:
    """TIFF resolution tags of a pixel size; unknown is one without unit."""
    if mpp is None:
        return {"resolution": (1, 1), "resolutionunit": "NONE"}
    return {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}


def _ome_attributes(slide: SlideReader, shapes: list[Shape]) -> dict[str, Any]:
    """Return the description of an OME-Zarr 0.5 picture."""
    unit = {} if slide.mpp is None else {"unit": "micrometer"}
    size = slide.mpp or 1.0
    datasets = []
    for level in range(len(shapes)):
        step = 2.0**level
        # A mean of n pixels lies (n - 1) / 2 pixels after the first one's center.
        offset = size * (step - 1.0) / 2.0
        transformations = [
            {"type": "scale", "scale": [1.0, size * step, size * step]},
            {"type": "translation", "translation": [0.0, offset, offset]},
        ]
        datasets.append(
            {"path": str(level), "coordinateTransformations": transformations}
        )
    axes = [
        {"name": "c", "type": "channel"},
        *({"name": axis, "type": "space", **unit} for axis in "yx"),
    ]
    multiscale = {"name": slide.path.name, "axes": axes, "datasets": datasets}
    return {"version": _OME_VERSION, "multiscales": [multiscale], "omero": _omero()}


def _omero() -> dict[str, Any]:
    """Return rendering settings that make viewers show the picture as RGB."""
    window = {"min": 0, "max": 255, "start": 0, "end": 255}
    return {
        "channels": [
            {"label": label, "color": color, "active": True, "window": window}
            for label, color in (
                ("red", "FF0000"),
                ("green", "00FF00"),
                ("blue", "0000FF"),
            )
        ],
        "rdefs": {"model": "color"},
    }
