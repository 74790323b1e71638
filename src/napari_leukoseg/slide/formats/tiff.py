"""TIFF, BigTIFF, OME-TIFF and Aperio SVS through tifffile.

Of a z-stack or time series the first plane is read. Three channels that are
stored one by one are red, green and blue; other numbers of channels are
refused. The largest picture of a file is the slide; thumbnails, labels and
macro pictures are never read. The orientation tag is not applied, since labels
lie on the stored pixels.
"""

from __future__ import annotations

import logging
import math
import re
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import tifffile

from napari_leukoseg.slide.cache import BlockCache
from napari_leukoseg.slide.faults import Unreadable
from napari_leukoseg.slide.fingerprint import fingerprint_file
from napari_leukoseg.slide.formats.tiff_directories import check_directories
from napari_leukoseg.slide.formats.tiff_pages import (
    channel_format,
    page_format,
    page_source,
)
from napari_leukoseg.slide.pyramid import PyramidReader, SlideInfo
from napari_leukoseg.slide.resolution import mpp_from_density, mpp_from_spacing
from napari_leukoseg.slide.sources import BLOCK_CACHE_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from napari_leukoseg.slide.color import PixelFormat
    from napari_leukoseg.slide.formats.tiff_pages import Page

__all__ = ["TIFF_SIGNATURES", "open_tiff"]

TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_PAGE_AXES = ("YX", "YXS", "SYX")
_RESOLUTION_UNITS = {2: "inch", 3: "cm", 4: "mm", 5: "µm"}
_APERIO_FIELD = r"\|\s*{}\s*=\s*([0-9.]+)"

# What tifffile finds odd is either harmless or raised as one of our errors.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def open_tiff(path: Path) -> PyramidReader:
    """Open a TIFF of any kind that tifffile decodes.

    Raises
    ------
    Unreadable
        If it is truncated or holds no picture that has a color rule.
    """
    with path.open("rb") as file:
        check_directories(file)
    with ExitStack() as stack:
        tif = stack.enter_context(tifffile.TiffFile(path))
        if not tif.series:
            raise Unreadable("it holds no picture.")
        index, series = max(
            enumerate(tif.series), key=lambda item: (_area(item[1]), -item[0])
        )
        ome = _ome_image(tif, index)
        page_indices = _plane_indices(series)
        pixel_format = _pixel_format(series, page_indices, ome)
        cache = BlockCache(BLOCK_CACHE_BYTES)
        sources = []
        for level in series.levels:
            pages = _pages(tif, level, page_indices)
            sources.append(
                page_source(path, level.keyframe, pages, pixel_format, cache)
            )
            stack.callback(sources[-1].close)
        return PyramidReader(
            path,
            _info(tif, series, ome),
            sources,
            fingerprint=lambda: fingerprint_file(path),
            resources=stack,
        )


def _area(series: tifffile.TiffPageSeries) -> int:
    """Pixels of a plane."""
    return int(series.keyframe.imagelength * series.keyframe.imagewidth)


def _plane_indices(series: tifffile.TiffPageSeries) -> tuple[int, ...]:
    """Pages that make up the first plane: one, or three for R, G and B."""
    axes = series.keyframe.axes
    if axes not in _PAGE_AXES or not series.axes.endswith(axes):
        raise Unreadable(
            f"its axes are {series.axes}, which is no flat picture; save one plane "
            "as RGB."
        )
    leading = series.axes.removesuffix(axes)
    position = leading.find("C")
    n_channels = series.shape[position] if position >= 0 else 1
    if n_channels == 1:
        return (0,)
    if n_channels != 3 or "S" in axes:
        raise Unreadable(
            f"it has {n_channels} channels; only grey or red, green and blue show a "
            "stained smear, so save it as RGB."
        )
    stride = math.prod(series.shape[position + 1 : len(leading)])
    return 0, stride, 2 * stride


def _pages(
    tif: tifffile.TiffFile, level: tifffile.TiffPageSeries, indices: tuple[int, ...]
) -> list[Page]:
    """Pages of a level, all in this file."""
    if max(indices) >= len(level.pages):
        raise Unreadable("planes of its picture are missing; save it again.")
    pages = []
    for index in indices:
        page = level.pages[index]
        if page is None or page.parent is not tif:
            raise Unreadable(
                "its planes are spread over several files; save them as one."
            )
        pages.append(page)
    return pages


def _pixel_format(
    series: tifffile.TiffPageSeries, indices: tuple[int, ...], ome: dict[str, Any]
) -> PixelFormat:
    """Color rule, with the depth that OME states where it is less than stored."""
    if len(indices) == 1:
        pixel_format = page_format(series.keyframe)
    else:
        pixel_format = channel_format(series.keyframe, len(indices))
    bits = _number(_entry(ome, "Pixels").get("SignificantBits"))
    if bits is not None and 8 < bits < pixel_format.bits:
        return replace(pixel_format, bits=int(bits))
    return pixel_format


def _info(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, ome: dict[str, Any]
) -> SlideInfo:
    """Metadata, from whichever convention the file follows."""
    page = series.keyframe
    if tif.is_ome:
        mpp = _ome_mpp(ome) or _tag_mpp(page)
        return SlideInfo("OME-TIFF", mpp, _ome_objective(tif, ome))
    if tif.is_imagej:
        return SlideInfo("TIFF", _imagej_mpp(tif, page))
    if page.description.startswith("Aperio"):
        mpp = _aperio_number(page.description, "MPP")
        return SlideInfo(
            "Aperio SVS",
            mpp_from_spacing(mpp, mpp, "µm") if mpp else None,
            _aperio_number(page.description, "AppMag"),
        )
    return SlideInfo("TIFF", _tag_mpp(page))


def _tag_mpp(page: tifffile.TiffPage, unit: str | None = None) -> float | None:
    """Pixel size by the resolution tags."""
    if 282 not in page.tags or 283 not in page.tags:
        return None
    across, down = page.get_resolution()
    unit = unit or _RESOLUTION_UNITS.get(int(page.tags.valueof(296, default=2)))
    return mpp_from_density(down, across, unit)


def _imagej_mpp(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> float | None:
    """Pixel size by the tags, in the unit that ImageJ writes elsewhere."""
    unit = (tif.imagej_metadata or {}).get("unit")
    return _tag_mpp(page, str(unit) if unit else None)


def _aperio_number(description: str, key: str) -> float | None:
    """Return the number of a field in an Aperio description."""
    found = re.search(_APERIO_FIELD.format(key), description)
    return _number(found[1]) if found else None


def _number(value: object) -> float | None:
    """Positive finite number, or none."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _ome(tif: tifffile.TiffFile) -> dict[str, Any]:
    """OME metadata as nested dictionaries; empty where there is none."""
    if not tif.is_ome or tif.ome_metadata is None:
        return {}
    try:
        return _entry(tifffile.xml2dict(tif.ome_metadata), "OME")
    except (SyntaxError, ValueError):  # malformed XML
        return {}


def _entries(parent: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Child elements of one name, be they none, one or many."""
    children = parent.get(key)
    children = children if isinstance(children, list) else [children]
    return [child for child in children if isinstance(child, dict)]


def _entry(parent: dict[str, Any], key: str) -> dict[str, Any]:
    """First child element of a name, or an empty one."""
    return next(iter(_entries(parent, key)), {})


def _ome_image(tif: tifffile.TiffFile, index: int) -> dict[str, Any]:
    """OME metadata of one picture of the file."""
    images = _entries(_ome(tif), "Image")
    return images[index] if index < len(images) else {}


def _ome_mpp(image: dict[str, Any]) -> float | None:
    """Pixel size by `PhysicalSizeX` and `PhysicalSizeY`, µm unless they say so."""
    pixels = _entry(image, "Pixels")
    sizes = []
    for axis in "YX":
        size = _number(pixels.get(f"PhysicalSize{axis}"))
        unit = str(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        if size is None:
            return None
        sizes.append((size, unit))
    (row, row_unit), (column, column_unit) = sizes
    if row_unit != column_unit:
        return None
    return mpp_from_spacing(row, column, row_unit)


def _ome_objective(tif: tifffile.TiffFile, image: dict[str, Any]) -> float | None:
    """Magnification of the objective that the picture names, else of the first."""
    wanted = _entry(image, "ObjectiveSettings").get("ID")
    objectives = [
        objective
        for instrument in _entries(_ome(tif), "Instrument")
        for objective in _entries(instrument, "Objective")
    ]
    objectives.sort(key=lambda objective: objective.get("ID") != wanted)
    return _number(objectives[0].get("NominalMagnification")) if objectives else None
