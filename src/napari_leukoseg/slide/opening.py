"""Opens any picture or slide by what it contains, not by what it is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_leukoseg.geometry import PixelSize
from napari_leukoseg.slide.faults import Unreadable, UnsupportedColor, blame

if TYPE_CHECKING:
    from napari_leukoseg.slide.reader import SlideReader

__all__ = ["SLIDE_SUFFIXES", "open_slide"]

SLIDE_SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".bmp",
    ".tif",
    ".tiff",
    ".btf",
    ".tf8",
    ".svs",
    ".svslide",
    ".ndpi",
    ".vms",
    ".vmu",
    ".scn",
    ".mrxs",
    ".bif",
    ".czi",
    ".dcm",
    ".ome.zarr",
    ".zarr",
)
"""Usual endings of what `open_slide` reads, in lower case; the last two are folders."""

CASE_SUFFIX = ".leukoseg.zarr"
"""Ending of our own cases, which hold results and no slide."""

_READABLE = (
    "PNG, JPEG, BMP, TIFF, OME-TIFF, OME-Zarr, DICOM and the scanner formats that "
    "OpenSlide knows"
)
_ZARR_METADATA = frozenset({"zarr.json", ".zgroup", ".zattrs"})
_MIRAX_SUFFIX = ".mrxs"
_SIGNATURE_BYTES = 16


def open_slide(path: str | Path, *, mpp: float | None = None) -> SlideReader:
    """Open a picture or slide as a lazy RGB pyramid.

    The content decides the format. Color becomes 8-bit RGB by the rules of
    `slide.color`; pixel size and objective come from the format's own
    metadata and are none where it says nothing believable.

    Parameters
    ----------
    path : str or Path
        PNG, JPEG, BMP, TIFF, BigTIFF, OME-TIFF; a folder of OME-Zarr 0.4 or
        0.5, or of one DICOM slide; anything that OpenSlide reads.
    mpp : float, optional
        µm per pixel, in place of what the file says.

    Returns
    -------
    slide : SlideReader
        Close it after use; it is a context manager.

    Raises
    ------
    SlideError
        If it does not exist, is damaged, or is not a picture.
    SettingsError
        If `mpp` is not that of a microscope picture.
    """
    path = Path(path).expanduser()
    if mpp is not None:
        PixelSize(mpp)
    with blame(path):
        slide = _open_folder(path) if path.is_dir() else _open_file(path)
    if mpp is not None:
        slide.mpp = mpp
    return slide


def _open_folder(path: Path) -> SlideReader:
    """Open OME-Zarr or DICOM."""
    if path.name.lower().endswith(CASE_SUFFIX):
        raise Unreadable(
            "it is a LeukoSeg case, which holds results; give the slide it was made "
            "from, or open it as a case."
        )
    if any((path / name).is_file() for name in _ZARR_METADATA):
        from napari_leukoseg.slide.formats import ome_zarr  # loads zarr

        return ome_zarr.open_ome_zarr(path)
    from napari_leukoseg.slide.formats import vendor

    dicom = vendor.find_dicom_slide(path)
    if dicom is None:
        raise Unreadable(
            "it is a folder that holds neither OME-Zarr nor a DICOM slide; give a "
            "slide file."
        )
    return vendor.open_vendor(dicom)


def _open_file(path: Path) -> SlideReader:
    """Open by signature."""
    from napari_leukoseg.slide.formats import bmp, jpeg, png, tiff, vendor

    if not path.is_file():
        raise Unreadable("there is no such file; check the path.")
    if path.name in _ZARR_METADATA:
        return _open_folder(path.parent)
    signature = _signature(path)
    if signature.startswith(png.PNG_SIGNATURE):
        return png.open_png(path)
    if signature.startswith(bmp.BMP_SIGNATURE):
        return bmp.open_bmp(path)
    found = vendor.detect_vendor(path)
    if signature.startswith(tiff.TIFF_SIGNATURES) and found in (None, "generic-tiff"):
        return tiff.open_tiff(path)
    if found == "aperio":
        return _open_aperio(path)
    if found is not None:
        return vendor.open_vendor(path)
    if path.suffix.lower() == _MIRAX_SUFFIX:
        raise Unreadable(
            "the folder of the same name that holds the slide's data is missing or "
            "incomplete; copy it next to the file."
        )
    if signature.startswith(jpeg.JPEG_SIGNATURE):
        return jpeg.open_jpeg(path)
    raise Unreadable(f"its content is none of {_READABLE}; convert it to one of these.")


def _signature(path: Path) -> bytes:
    """First bytes of a file."""
    with path.open("rb") as file:
        signature = file.read(_SIGNATURE_BYTES)
    if not signature:
        raise Unreadable("it is empty; copy it again from its source.")
    return signature


def _open_aperio(path: Path) -> SlideReader:
    """Open Aperio SVS as the TIFF it is, where its compression is a common one.

    OpenSlide would shift coarser levels by a fraction of a pixel, and takes
    three times as long; it reads the rest.
    """
    from napari_leukoseg.slide.formats import tiff, vendor

    try:
        return tiff.open_tiff(path)
    except UnsupportedColor:
        return vendor.open_vendor(path)
