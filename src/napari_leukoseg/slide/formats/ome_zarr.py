"""OME-Zarr 0.4 and 0.5 folders.

Of a z-stack or time series the first plane is read; one channel is grey, three
are red, green and blue. Where a folder holds several pictures (the layout of
bioformats2raw), the first is read.
"""

from __future__ import annotations

import json
import math
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from napari_leukoseg.geometry import Size
from napari_leukoseg.slide.cache import BlockCache
from napari_leukoseg.slide.color import ColorModel, PixelFormat, check_samples
from napari_leukoseg.slide.faults import Unreadable
from napari_leukoseg.slide.fingerprint import fingerprint_files
from napari_leukoseg.slide.pyramid import PyramidReader, SlideInfo
from napari_leukoseg.slide.resolution import mpp_from_spacing
from napari_leukoseg.slide.sources import BLOCK_CACHE_BYTES, LevelSource, gridded

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.geometry import Region

__all__ = ["open_ome_zarr"]

_DEFAULT_AXES = "tczyx"
_SERIES_LAYOUT = "bioformats2raw.layout"
_MIN_BLOCK_PX = 256


def open_ome_zarr(path: Path) -> PyramidReader:
    """Open the picture of an OME-Zarr folder.

    Raises
    ------
    Unreadable
        If it holds no picture, or one that cannot be shown as RGB.
    """
    root, ome = _image_group(path)
    multiscale = ome["multiscales"][0]
    datasets = multiscale["datasets"]
    axes = _axes(multiscale)
    version = multiscale.get("version") or ome.get("version") or ""
    group = _open_group(root)
    with ExitStack() as stack:
        cache = BlockCache(BLOCK_CACHE_BYTES)
        sources = []
        for dataset in datasets:
            array = group[dataset["path"]]
            if not isinstance(array, zarr.Array):
                raise Unreadable(f"its level {dataset['path']} is no array.")
            sources.append(_level_source(array, axes, cache))
            stack.callback(sources[-1].close)
        return PyramidReader(
            path,
            SlideInfo(f"OME-Zarr {version}".strip(), _mpp(multiscale, axes)),
            sources,
            fingerprint=lambda: _fingerprint(root, datasets),
            resources=stack,
        )


def _open_group(path: Path) -> zarr.Group:
    """Open a Zarr group of either format."""
    is_v3 = (path / "zarr.json").exists()
    return zarr.open_group(str(path), mode="r", zarr_format=3 if is_v3 else 2)


def _ome(path: Path) -> dict[str, Any]:
    """OME attributes of a group, which 0.5 keeps under a key of their own."""
    attributes = _open_group(path).attrs.asdict()
    ome = attributes.get("ome", attributes)
    return ome if isinstance(ome, dict) else {}


def _image_group(path: Path) -> tuple[Path, dict[str, Any]]:
    """Folder and attributes of the picture that an OME-Zarr folder holds."""
    ome = _ome(path)
    if _SERIES_LAYOUT in ome and not ome.get("multiscales"):
        path = path / "0"
        ome = _ome(path)
    for key, meaning in (
        ("plate", "a plate of many fields; give the folder of one field"),
        ("well", "a well of many fields; give the folder of one field"),
        ("image-label", "labels, not a picture; give the picture's folder"),
    ):
        if key in ome:
            raise Unreadable(f"it is {meaning}.")
    if not (ome.get("multiscales") and ome["multiscales"][0].get("datasets")):
        raise Unreadable(
            "it is a Zarr folder without an OME picture; give the folder whose "
            "metadata has 'multiscales'."
        )
    return path, ome


def _axes(multiscale: dict[str, Any]) -> str | None:
    """One letter per axis, or none where the metadata is older than axes."""
    axes = multiscale.get("axes")
    if axes is None:
        return None
    return "".join(a if isinstance(a, str) else str(a["name"]) for a in axes)


def _level_source(
    array: zarr.Array[Any], axes: str | None, cache: BlockCache
) -> LevelSource:
    """Make a level of an array."""
    axes = axes or _DEFAULT_AXES[-array.ndim :]
    if len(axes) != array.ndim or not {"y", "x"} <= set(axes):
        raise Unreadable(f"its axes are {axes!r}, which is no picture.")
    sizes = dict(zip(axes, array.shape, strict=True))
    chunks = dict(zip(axes, array.chunks, strict=True))
    n_channels = sizes.get("c", 1)
    if n_channels not in (1, 3):
        raise Unreadable(
            f"it has {n_channels} channels; only grey or red, green and blue show a "
            "stained smear, so save it as RGB."
        )
    check_samples(array.dtype)
    model = ColorModel.RGB if n_channels == 3 else ColorModel.GREY
    pixel_format = PixelFormat(model, array.dtype.itemsize * 8)

    def load(region: Region) -> NDArray[np.uint8]:
        return pixel_format.to_rgb(_read(array, axes, region))

    return gridded(
        (sizes["y"], sizes["x"]),
        Size(_block_side(chunks["y"]), _block_side(chunks["x"])),
        load,
        cache,
        bytes_per_pixel=n_channels * array.dtype.itemsize,
    )


def _block_side(chunk: int) -> int:
    """Whole chunks, but not so few that calls outweigh decoding."""
    return chunk * math.ceil(_MIN_BLOCK_PX / chunk)


def _read(array: zarr.Array[Any], axes: str, region: Region) -> NDArray[Any]:
    """Read a region of the first plane, (M, N, n_channels)."""
    rows, columns = region.slices
    chosen: dict[str, Any] = {"y": rows, "x": columns, "c": slice(None)}
    samples = np.asarray(array[tuple(chosen.get(axis, 0) for axis in axes)])
    kept = [axis for axis in axes if axis in chosen]
    if "c" not in kept:
        samples, kept = samples[..., None], [*kept, "c"]
    return samples.transpose([kept.index(axis) for axis in "yxc"])


def _mpp(multiscale: dict[str, Any], axes: str | None) -> float | None:
    """Pixel size of level 0 by its scale transformations and the axes' units."""
    if axes is None:
        return None
    units = {
        a["name"]: a.get("unit") for a in multiscale["axes"] if isinstance(a, dict)
    }
    scale = np.ones(len(axes))
    for owner in (multiscale["datasets"][0], multiscale):
        for transformation in owner.get("coordinateTransformations") or ():
            if transformation.get("type") == "scale":
                scale *= np.asarray(transformation["scale"], float)
    row, column = (float(scale[axes.index(axis)]) for axis in "yx")
    if units.get("y") != units.get("x"):
        return None
    return mpp_from_spacing(row, column, units.get("y"))


def _fingerprint(root: Path, datasets: list[dict[str, Any]]) -> str:
    """Hash the levels; labels that someone adds to the folder do not count."""
    files = [
        file
        for dataset in datasets
        for file in (root / dataset["path"]).rglob("*")
        if file.is_file()
    ]
    return fingerprint_files(root, files, json.dumps(datasets, sort_keys=True))
