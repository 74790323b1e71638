"""Finds the slides that a command line means, and leaves out what we wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_leukoseg.errors import SlideError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["RESULT_ENDS", "collect_slides", "is_result", "refuse_result"]

RESULT_ENDS = ("_nucleus.tif", "_cytoplasm.tif", "_class.tif", "_overlay.png")
"""Ends of the names of pictures that are written for a slide."""

HEAD_BYTES = 1024
"""Begin of a picture in which our writers put the software tag."""

ZARR_NAMES = ("zarr.json", ".zgroup", ".zattrs")
"""Files that make a folder a Zarr group."""

_DICOM_SUFFIX = ".dcm"
_PARTED_SUFFIXES = (".vms", ".vmu")  # Hamamatsu: the pictures lie beside, as JPEG


def collect_slides(paths: Iterable[Path]) -> list[Path]:
    """Return the slides that files and folders stand for, each once.

    Parameters
    ----------
    paths : iterable of Path
        Files are taken as they are, so that one that is missing or no picture
        gets its own message. Of a folder, the slides directly in it are taken,
        sorted by name; cases and pictures that we wrote are left out. A folder
        of OME-Zarr or of one DICOM slide is a slide.
    """
    slides = []
    for path in paths:
        # A folder without slides stays, so that opening it says what is wrong.
        is_plain = path.is_dir() and not _is_slide_folder(path)
        slides += (_slides_in(path) if is_plain else []) or [path]
    return list({path.resolve(): path for path in slides}.values())


def refuse_result(path: Path) -> None:
    """Refuse to take a picture that we wrote for a slide.

    Raises
    ------
    SlideError
        If it is one.
    """
    if is_result(path):
        raise SlideError(
            f"{path.name} was written by leukoseg and is no slide; give the slide "
            "that it was made from."
        )


def is_result(path: Path) -> bool:
    """Whether a picture is one that we wrote for a slide, by name and content.

    Names alone would not do: somebody's own picture may be called so. One is ours
    that lies beside its slide or case, or that carries our software tag.
    """
    for end in RESULT_ENDS:
        if path.name.lower().endswith(end):
            stem = path.name[: -len(end)]
            return _has_source(path, stem) or _is_marked(path)
    return False


def _slides_in(folder: Path) -> list[Path]:
    """Return the slides directly in a folder, sorted by name."""
    from napari_leukoseg.slide import SLIDE_SUFFIXES

    try:
        everything = sorted(folder.iterdir(), key=lambda path: path.name.casefold())
    except OSError:
        return []
    members = [
        path
        for path in everything
        if path.name.lower().endswith(SLIDE_SUFFIXES) and not path.name.startswith(".")
    ]
    parted = tuple(p.stem for p in members if p.suffix.lower() in _PARTED_SUFFIXES)
    slides = []
    for path in members:
        if path.is_dir():
            is_wanted = _is_slide_folder(path) and not _is_case(path)
        elif path.suffix.lower() in (".jpg", ".jpeg") and path.stem.startswith(parted):
            is_wanted = False
        else:
            is_wanted = not is_result(path)
        if is_wanted:
            # Files of one DICOM slide lie side by side; their folder is the slide.
            slides.append(folder if path.suffix.lower() == _DICOM_SUFFIX else path)
    return slides


def _is_slide_folder(path: Path) -> bool:
    """Whether a folder is OME-Zarr, or a case, which `open_slide` explains."""
    return any((path / name).is_file() for name in ZARR_NAMES) or _is_case(path)


def _is_case(path: Path) -> bool:
    """Whether a folder is named as cases are."""
    from napari_leukoseg.case import CASE_SUFFIX

    return path.name.lower().endswith(CASE_SUFFIX)


def _has_source(path: Path, stem: str) -> bool:
    """Whether the slide or case that a result is named after lies beside it."""
    from napari_leukoseg.case import CASE_SUFFIX
    from napari_leukoseg.slide import SLIDE_SUFFIXES

    suffixes = (*SLIDE_SUFFIXES, ".ome.tif", ".ome.tiff", CASE_SUFFIX)
    return any(path.with_name(stem + suffix).exists() for suffix in suffixes)


def _is_marked(path: Path) -> bool:
    """Whether a picture carries our software tag."""
    from napari_leukoseg.export.files import SOFTWARE

    try:
        with path.open("rb") as file:
            return SOFTWARE.encode() in file.read(HEAD_BYTES)
    except OSError:
        return False
