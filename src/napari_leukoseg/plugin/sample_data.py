"""Sample data for *File ▸ Open Sample*: drawn on demand, or fetched once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import pooch
from napari.utils import progress

from napari_leukoseg import __version__
from napari_leukoseg.errors import SampleError
from napari_leukoseg.slide import open_slide
from napari_leukoseg.synthetic import (
    DrawProgress,
    SmearSettings,
    write_field,
    write_slide,
)

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["bcisc_field", "drawn_field", "drawn_slide"]

LayerData = tuple[Any, dict[str, Any], str]

SEED = 12

BCISC_URL = (
    "https://raw.githubusercontent.com/fpklipic/BCISC/"
    "9e08a0e1e4b4042543a45ae75e76672a0d0da3e2/original-images"
)
"""Folder of the published fields, at the commit that holds them."""

BCISC_URL_VARIABLE = "LEUKOSEG_BCISC_URL"
"""Environment variable that names a mirror of `BCISC_URL`."""

BCISC_FILE = "neut/7-1.jpg"
BCISC_SHA256 = "18a405711c4f48320df9c35ea5993883fa763cb59ef548e4e18f14819daadd0d"

TIMEOUT_S = 30


def drawn_field(*, folder: Path | None = None) -> list[LayerData]:
    """Return a drawn camera field with white cells of several types.

    Parameters
    ----------
    folder : Path, optional
        Where to keep it; the user's cache folder if not given.

    Returns
    -------
    layers : list of (data, attributes, type)
        One napari Image layer, scaled in µm.

    Raises
    ------
    SampleError
        If the folder cannot be written.
    """
    path = _cached(folder, f"drawn-field-{__version__}.png")
    if not path.exists():
        settings = SmearSettings.for_field((1536, 2048), SEED)
        _run(write_field(path, settings), "Drawing a field")
    return [_image_layer(path, "Drawn field")]


def drawn_slide(
    *, folder: Path | None = None, shape: tuple[int, int] = (6144, 6144)
) -> list[LayerData]:
    """Return a drawn slide with a pyramid; the first time takes some seconds.

    Parameters
    ----------
    folder : Path, optional
        Where to keep it; the user's cache folder if not given.
    shape : tuple of int, optional
        Rows and columns in pixels.

    Returns
    -------
    layers : list of (data, attributes, type)
        One multiscale napari Image layer, scaled in µm.

    Raises
    ------
    SampleError
        If the folder cannot be written.
    """
    size = f"{shape[0]}x{shape[1]}"
    name = f"drawn-slide-{size}-{__version__}.ome.tif"
    path = _cached(folder, name)
    if not path.exists():
        settings = SmearSettings.for_slide(shape, SEED)
        _run(write_slide(path, settings), "Drawing a slide")
    return [_image_layer(path, "Drawn slide")]


def bcisc_field(
    *, folder: Path | None = None, base_url: str | None = None
) -> list[LayerData]:
    """Return a photographed field of the BCISC data set, fetched when first asked.

    Parameters
    ----------
    folder : Path, optional
        Where to keep it; the user's cache folder if not given.
    base_url : str, optional
        Mirror of the data set's ``original-images`` folder; the environment
        variable ``LEUKOSEG_BCISC_URL`` or the data set's repository if not
        given.

    Returns
    -------
    layers : list of (data, attributes, type)
        One napari Image layer in pixels: the picture states no pixel size.

    Raises
    ------
    SampleError
        If it cannot be fetched, or is not the file that was published.

    Notes
    -----
    Apache-2.0; Fan et al., "LeukocyteMask: An automated localization and
    segmentation method for leukocyte in blood smear images using deep neural
    networks", Journal of Biophotonics 12, 2019.
    """
    base_url = base_url or os.environ.get(BCISC_URL_VARIABLE) or BCISC_URL
    url = f"{base_url.rstrip('/')}/{BCISC_FILE}"
    path = _cached(folder, "bcisc-" + BCISC_FILE.replace("/", "-"))
    try:
        pooch.retrieve(
            url,
            known_hash=f"sha256:{BCISC_SHA256}",
            fname=path.name,
            path=path.parent,
            downloader=pooch.HTTPDownloader(timeout=TIMEOUT_S),
        )
    except (OSError, ValueError) as error:
        raise SampleError(
            f"The BCISC field could not be fetched from {url} ({error}). Check the "
            f"connection to the internet, or set {BCISC_URL_VARIABLE} to the address "
            "of a mirror."
        ) from error
    return [_image_layer(path, "BCISC field")]


def _cached(folder: Path | None, name: str) -> Path:
    """Return the place of a sample."""
    folder = folder or platformdirs.user_cache_path("napari-leukoseg") / "samples"
    return folder / name


def _run(steps: Generator[DrawProgress, None, object], what: str) -> None:
    """Draw with a progress bar in the viewer."""
    with progress(desc=what) as bar:
        for step in steps:
            bar.total = step.total
            bar.update()


def _image_layer(path: Path, name: str) -> LayerData:
    """Open a picture as a lazy layer; it stays open while the layer lives."""
    slide = open_slide(path)
    levels = [slide.level_array(level) for level in range(len(slide.levels))]
    attributes: dict[str, Any] = {
        "name": name,
        "rgb": True,
        "multiscale": len(levels) > 1,
        "metadata": {"path": str(path)},
    }
    if slide.mpp is not None:
        attributes["scale"] = (slide.mpp, slide.mpp)
        attributes["units"] = ("um", "um")
    return levels if len(levels) > 1 else levels[0], attributes, "image"
