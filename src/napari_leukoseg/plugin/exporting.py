"""Pictures that exist in the viewer only, written to a file that can be segmented."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.errors import ExportError, SettingsError
from napari_leukoseg.plugin import places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari.layers import Image
    from numpy.typing import NDArray

__all__ = ["LayerPixels", "export_picture"]

_TILE_PX = 512
_KEEP_DAYS = 60
"""Pictures that were not used for so long are removed from the cache."""


@dataclass(frozen=True, eq=False)
class LayerPixels:
    """Pixels of a layer as the viewer shows them.

    Parameters
    ----------
    name : str
        Becomes the name of the file.
    data : array-like, shape (rows, columns) or (rows, columns, 3 or 4)
        Level 0; read in strips.
    limits : tuple of float or None
        Grey values shown black and white; none for a color picture.
    """

    name: str
    data: Any
    limits: tuple[float, float] | None

    @classmethod
    def of_layer(cls, layer: Image) -> LayerPixels:
        """Take what is needed of a layer, in the interface thread."""
        data = layer.data[0] if layer.multiscale else layer.data
        low, high = layer.contrast_limits
        return cls(layer.name, data, None if layer.rgb else (float(low), float(high)))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.data.shape[0]), int(self.data.shape[1])

    def strips(self) -> Iterator[NDArray[np.uint8]]:
        """Yield full-width RGB strips from top to bottom."""
        for row in range(0, self.shape[0], _TILE_PX):
            strip = np.asarray(self.data[row : row + _TILE_PX])
            yield _to_rgb(strip, self.limits)


def export_picture(pixels: LayerPixels) -> Path:
    """Write a picture to the user's cache, unless it is there already.

    Parameters
    ----------
    pixels : LayerPixels
        What to write.

    Returns
    -------
    path : Path
        TIFF in a folder named by the digest of its pixels, so that the same
        picture gets the same file, and with it the same case.

    Raises
    ------
    ExportError
        If the cache cannot be written.
    SettingsError
        If the layer holds values that are no brightness.
    """
    folder = places.cache_folder() / "pictures"
    try:
        _prune(folder)
        path = folder / _digest(pixels) / f"{_file_stem(pixels.name)}.tif"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, pixels)
        path.parent.touch()
    except OSError as error:
        raise ExportError(
            f"The layer {pixels.name!r} cannot be written to {folder} "
            f"({error.strerror or error}); free space there, or save the layer to a "
            "file and open that."
        ) from error
    return path


def _write(path: Path, pixels: LayerPixels) -> None:
    """Write a tiled TIFF strip by strip, whole or not at all."""
    import tifffile

    draft = path.with_suffix(".partial")
    rows, columns = pixels.shape
    tifffile.imwrite(
        draft,
        _tiles(pixels),
        shape=(rows, columns, 3),
        dtype=np.uint8,
        photometric="rgb",
        tile=(_TILE_PX, _TILE_PX),
        compression="zlib",
        bigtiff=rows * columns * 3 > 2**31,
        metadata=None,
    )
    draft.replace(path)


def _tiles(pixels: LayerPixels) -> Iterator[NDArray[np.uint8]]:
    """Cut strips into tiles, row by row."""
    for strip in pixels.strips():
        for column in range(0, strip.shape[1], _TILE_PX):
            yield np.ascontiguousarray(strip[:, column : column + _TILE_PX])


def _digest(pixels: LayerPixels) -> str:
    """Return a digest of size and pixels."""
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    for strip in pixels.strips():
        digest.update(strip.data)
    return digest.hexdigest()[:32]


def _file_stem(name: str) -> str:
    """Return a name that every file system takes."""
    stem = re.sub(r"[^\w\- ]+", "_", name).strip(" _")
    return stem[:80] or "picture"


def _to_rgb(
    strip: NDArray[Any], limits: tuple[float, float] | None
) -> NDArray[np.uint8]:
    """Return pixels as the viewer shows them."""
    from napari_leukoseg.slide.color import composite

    if limits is not None:
        low, high = limits
        shown = (strip.astype(np.float32) - low) * (255 / max(high - low, 1e-12))
        grey = np.rint(shown.clip(0, 255)).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    eight = _to_8_bits(strip)
    if eight.shape[2] == 4:
        return composite(eight[..., :3], eight[..., 3])
    return np.ascontiguousarray(eight[..., :3])


def _to_8_bits(colors: NDArray[Any]) -> NDArray[np.uint8]:
    """Return color samples in 8 bits, by the rules of the viewer."""
    if colors.dtype == np.uint8:
        return np.asarray(colors, np.uint8)
    if colors.dtype.kind == "f":
        if not np.isfinite(colors).all():
            raise SettingsError(
                "The layer holds values that are no numbers (NaN or infinite), which "
                "have no brightness; replace them, by 0 for instance."
            )
        return np.asarray(np.rint(colors.clip(0, 1) * 255), np.uint8)
    if colors.dtype.kind == "u":
        return np.asarray(colors >> (8 * colors.dtype.itemsize - 8), np.uint8)
    raise SettingsError(
        f"A color layer of {colors.dtype.name} values has no agreed brightness; "
        "convert it to uint8 first."
    )


def _prune(folder: Path) -> None:
    """Remove pictures that were not used for long."""
    oldest = time.time() - _KEEP_DAYS * 86_400
    for entry in folder.glob("*"):
        if entry.stat().st_mtime < oldest:
            shutil.rmtree(entry, ignore_errors=True)
