"""All stain methods by name, and normalizers from plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain.errors import StainReferenceError
from napari_leukoseg.stain.histogram import HistogramNormalizer
from napari_leukoseg.stain.macenko import MacenkoNormalizer, MacenkoSettings
from napari_leukoseg.stain.normalizer import Method, Variant
from napari_leukoseg.stain.reinhard import ReinhardNormalizer
from napari_leukoseg.stain.retinex import (
    RetinexMode,
    RetinexNormalizer,
    RetinexSettings,
)
from napari_leukoseg.stain.vahadane import VahadaneNormalizer, VahadaneSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_leukoseg.stain.normalizer import Normalizer
    from napari_leukoseg.stain.pointwise import PointwiseNormalizer

__all__ = [
    "REFERENCED",
    "make_normalizer",
    "make_referenced",
    "normalizer_from_dict",
]

REFERENCED: Mapping[Method, type[PointwiseNormalizer[Any]]] = {
    Method.REINHARD: ReinhardNormalizer,
    Method.MACENKO: MacenkoNormalizer,
    Method.VAHADANE: VahadaneNormalizer,
    Method.HISTOGRAM: HistogramNormalizer,
}
"""Methods that take a picture to the look of a reference."""

_SETTINGS = {Method.MACENKO: MacenkoSettings, Method.VAHADANE: VahadaneSettings}


def make_normalizer(
    method: Method | str, variant: Variant | str = Variant.SMEAR
) -> Normalizer:
    """Return a method with its usual settings, not fitted to a reference.

    Parameters
    ----------
    method : Method or str
        Which one.
    variant : Variant or str, optional
        For smears, or as published; ``retinex`` works on red, green and blue for
        smears, and on hue and saturation, which shifts colors, as published.

    Raises
    ------
    SettingsError
        If there is no such method or variant.
    """
    try:
        method, variant = Method(method), Variant(variant)
    except ValueError as error:
        raise SettingsError(
            f"There is no such stain method ({error}); choose one of "
            f"{', '.join(Method)}, and {' or '.join(Variant)}."
        ) from error
    if method is Method.RETINEX:
        is_published = variant is Variant.PUBLISHED
        mode = RetinexMode.PAPER if is_published else RetinexMode.RGB
        return RetinexNormalizer(RetinexSettings(mode))
    return make_referenced(method, variant)


def make_referenced(method: Method, variant: Variant) -> PointwiseNormalizer[Any]:
    """Return one of the methods that take a reference; see `make_normalizer`."""
    return REFERENCED[method](variant)


def normalizer_from_dict(data: Mapping[str, Any]) -> Normalizer:
    """Make a normalizer from what its `to_dict` gave.

    Raises
    ------
    StainReferenceError
        If the data are something else.
    SettingsError
        If a setting is out of range.
    """
    try:
        method = Method(data["method"])
        settings = dict(data["settings"])
        if method is Method.RETINEX:
            return RetinexNormalizer(RetinexSettings(**settings))
        kind, more = REFERENCED[method], {}
        if method in _SETTINGS:
            more["settings"] = _SETTINGS[method](**settings)
        stored = data["reference"]
        reference = None if stored is None else kind.statistics_type.from_dict(stored)
        return kind(Variant(data["variant"]), reference, **more)
    except SettingsError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise StainReferenceError(
            f"The data of a stain method are damaged ({error}); choose method and "
            "reference again."
        ) from error
