"""What is known of the picture in a layer, as far as the layer tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_leukoseg.geometry import PixelSize

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = [
    "DERIVED_KEY",
    "MPP_KEY",
    "PATH_KEY",
    "LayerData",
    "Picture",
    "describe_layer",
    "is_picture",
    "layer_path",
    "spatial",
]

LayerData = tuple[Any, dict[str, Any], str]

PATH_KEY = "path"
"""Entry of a layer's metadata: path of the source."""

DERIVED_KEY = "leukoseg_derived"
"""Entry of the metadata of a layer that shows a picture changed, and is none itself."""

MPP_KEY = "mpp"
"""Entry of a layer's metadata: µm per pixel of level 0, or none."""


@dataclass(frozen=True)
class Picture:
    """What is known of a picture.

    Parameters
    ----------
    name : str
        Short name for people.
    shape : tuple of int
        Rows and columns of level 0.
    path : Path or None
        Source, none where the picture exists in the viewer only.
    format_name : str
        File format, for people.
    mpp : float or None
        µm per pixel, none if unknown.
    has_own_mpp : bool
        Whether the pixel size is stated by the file, and not by the user.
    objective_power : float or None
        Magnification of the objective, none if unknown.
    fingerprint : str
        Fingerprint of the source; empty where there is none.
    """

    name: str
    shape: tuple[int, int]
    path: Path | None = None
    format_name: str = ""
    mpp: float | None = None
    has_own_mpp: bool = False
    objective_power: float | None = None
    fingerprint: str = ""


def spatial(mpp: float | None) -> dict[str, Any]:
    """Return scale and units of a layer with that pixel size."""
    if mpp is None:
        return {"scale": (1.0, 1.0), "units": ("pixel", "pixel")}
    return {"scale": (mpp, mpp), "units": ("um", "um")}


def is_picture(layer: Layer) -> bool:
    """Whether a layer shows one picture that could be segmented."""
    is_derived = DERIVED_KEY in layer.metadata
    return isinstance(layer, Image) and layer.ndim == 2 and not is_derived


def layer_path(layer: Layer) -> Path | None:
    """Return the file a layer was read from, if it was and is still there."""
    stated = layer.metadata.get(PATH_KEY) or layer.source.path
    if not stated:
        return None
    path = Path(stated)
    return path if path.exists() else None


def describe_layer(layer: Image) -> Picture:
    """Tell what a layer says of its picture, without opening its source."""
    stated = layer.metadata.get(MPP_KEY)
    return Picture(
        name=layer.name,
        shape=_layer_shape(layer),
        path=layer_path(layer),
        mpp=stated if stated is not None else _mpp_of_layer(layer),
    )


def _layer_shape(layer: Image) -> tuple[int, int]:
    """Return rows and columns of level 0."""
    rows, columns = (int(n) for n in layer.level_shapes[0][:2])
    return rows, columns


def _mpp_of_layer(layer: Image) -> float | None:
    """Return the pixel size that scale and units of a layer state."""
    units = layer.units
    if not all(unit.is_compatible_with("um") for unit in units):
        return None
    rows, columns = (
        float((scale * unit).to("um").magnitude)
        for scale, unit in zip(layer.scale, units, strict=True)
    )
    size = PixelSize.believable(rows, columns)
    return None if size is None else size.um
