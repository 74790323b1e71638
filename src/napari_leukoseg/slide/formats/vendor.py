"""Scanner formats through OpenSlide.

Only the levels and three properties are read: label and macro pictures and
everything said of the patient stay in the file.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
import openslide

from napari_leukoseg.slide.color import composite
from napari_leukoseg.slide.faults import Unreadable
from napari_leukoseg.slide.fingerprint import fingerprint_file, fingerprint_text
from napari_leukoseg.slide.pyramid import PyramidReader, SlideInfo
from napari_leukoseg.slide.resolution import mpp_from_spacing
from napari_leukoseg.slide.sources import LevelSource

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.geometry import Region

__all__ = ["detect_vendor", "find_dicom_slide", "open_vendor"]

_NAMES = {
    "aperio": "Aperio SVS",
    "dicom": "DICOM",
    "hamamatsu": "Hamamatsu",
    "leica": "Leica SCN",
    "mirax": "MIRAX",
    "philips-tiff": "Philips TIFF",
    "sakura": "Sakura SVSLIDE",
    "synthetic": "OpenSlide synthetic",
    "trestle": "Trestle",
    "ventana": "Ventana BIF",
    "zeiss": "Zeiss CZI",
}
_SPREAD_VENDORS = frozenset({"dicom", "mirax"})
_SPREAD_SUFFIXES = frozenset({".vms", ".vmu"})  # Hamamatsu's older formats
_DICOM_MARK = b"DICM"  # at byte 128
_DICOM_HEADER_BYTES = 64 << 10


def detect_vendor(path: Path) -> str | None:
    """Return OpenSlide's name of a file's format, or none."""
    return openslide.OpenSlide.detect_format(path)


def open_vendor(path: Path) -> PyramidReader:
    """Open a slide that OpenSlide reads."""
    with ExitStack() as stack:
        slide = stack.enter_context(openslide.OpenSlide(path))
        vendor = slide.properties.get(openslide.PROPERTY_NAME_VENDOR, "")
        sources = [_VendorLevel(slide, level) for level in range(slide.level_count)]
        quick_hash = slide.properties.get(openslide.PROPERTY_NAME_QUICKHASH1)
        dimensions = slide.level_dimensions

        def fingerprint() -> str:
            # Where a slide is many files, any of them says little of the others.
            is_spread = vendor in _SPREAD_VENDORS or path.suffix in _SPREAD_SUFFIXES
            if is_spread and quick_hash:
                return fingerprint_text(vendor, quick_hash, dimensions)
            return fingerprint_file(path)

        return PyramidReader(
            path,
            _info(slide, vendor),
            sources,
            fingerprint=fingerprint,
            resources=stack,
        )


def _info(slide: openslide.OpenSlide, vendor: str) -> SlideInfo:
    """Metadata that OpenSlide has in common for all formats."""
    row, column, power = (
        _number(slide.properties.get(name))
        for name in (
            openslide.PROPERTY_NAME_MPP_Y,
            openslide.PROPERTY_NAME_MPP_X,
            openslide.PROPERTY_NAME_OBJECTIVE_POWER,
        )
    )
    mpp = mpp_from_spacing(row, column, "µm") if row and column else None
    return SlideInfo(_NAMES.get(vendor, vendor), mpp, power)


def _number(value: str | None) -> float | None:
    """Positive number, or none."""
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if number > 0 else None


class _VendorLevel(LevelSource):
    """One level of an OpenSlide slide; OpenSlide caches the tiles."""

    def __init__(self, slide: openslide.OpenSlide, level: int) -> None:
        columns, rows = slide.level_dimensions[level]
        super().__init__((rows, columns))
        self._slide = slide
        self._level = level
        # OpenSlide's own factor, by which it converts positions back.
        self._downsample = slide.level_downsamples[level]
        color = slide.properties.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR)
        red, green, blue = bytes.fromhex(color or "ffffff")
        self._background = red, green, blue

    def read(self, region: Region) -> NDArray[np.uint8]:
        """Read a region; places without a picture take the slide's background."""
        if region.is_empty:
            return np.empty((region.height, region.width, 3), np.uint8)
        image = self._slide.read_region(
            (
                round(region.column * self._downsample),
                round(region.row * self._downsample),
            ),
            self._level,
            (region.width, region.height),
        )
        pixels = np.asarray(image)  # (M, N, RGBA), straight alpha
        if image.getchannel("A").getextrema() == (255, 255):
            return pixels[..., :3].copy()
        return composite(pixels[..., :3], pixels[..., 3], background=self._background)


def find_dicom_slide(folder: Path) -> Path | None:
    """Return a file of the one DICOM slide in a folder, or none.

    Raises
    ------
    Unreadable
        If the folder holds files of several slides.
    """
    files = sorted(file for file in folder.iterdir() if file.is_file())
    files = [file for file in files if _is_dicom(file)]
    slides = [file for file in files if detect_vendor(file) == "dicom"]
    if not slides:
        return None
    with openslide.OpenSlide(slides[0]) as slide:
        series = slide.properties.get("dicom.SeriesInstanceUID", "")
    others = [file.name for file in files if series.encode() not in _head(file)]
    if others:
        raise Unreadable(
            f"the folder holds several DICOM series ({slides[0].name}, {others[0]}); "
            "give one file of the slide that you mean."
        )
    return slides[0]


def _is_dicom(path: Path) -> bool:
    """Whether a file starts as DICOM files do."""
    with path.open("rb") as file:
        file.seek(128)
        return file.read(4) == _DICOM_MARK


def _head(path: Path) -> bytes:
    """First part of a file, where DICOM has its identifiers."""
    with path.open("rb") as file:
        return file.read(_DICOM_HEADER_BYTES)
