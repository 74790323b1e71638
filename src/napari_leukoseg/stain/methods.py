"""All stain methods by name, and normalizers from plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain.errors import StainReferenceError
from napari_leukoseg.stain.histogram import HistogramNormalizer
from napari_leukoseg.stain.learned import LearnedNormalizer, LearnedSettings
from napari_leukoseg.stain.learned_source import LearnedStatistics
from napari_leukoseg.stain.macenko import MacenkoNormalizer, MacenkoSettings
from napari_leukoseg.stain.normalizer import Method, Variant
from napari_leukoseg.stain.reinhard import ReinhardNormalizer
from napari_leukoseg.stain.retinex import (
    RetinexMode,
    RetinexNormalizer,
    RetinexSettings,
)
from napari_leukoseg.stain.statistics import MomentStatistics, RetinexStatistics
from napari_leukoseg.stain.vahadane import VahadaneNormalizer, VahadaneSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_leukoseg.stain.normalizer import Normalizer
    from napari_leukoseg.stain.pointwise import PointwiseNormalizer
    from napari_leukoseg.stain.statistics import Statistics

__all__ = [
    "POINTWISE",
    "REFERENCED",
    "make_normalizer",
    "make_pointwise",
    "normalizer_from_dict",
    "reference_key",
    "statistics_from_dict",
]

POINTWISE: Mapping[Method, type[PointwiseNormalizer[Any]]] = {
    Method.REINHARD: ReinhardNormalizer,
    Method.MACENKO: MacenkoNormalizer,
    Method.VAHADANE: VahadaneNormalizer,
    Method.HISTOGRAM: HistogramNormalizer,
}
"""Methods that give each color one result, by statistics of source and reference."""

REFERENCED = (*POINTWISE, Method.LEARNED)
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
    if method is Method.LEARNED:
        return LearnedNormalizer(variant)
    return make_pointwise(method, variant)


def make_pointwise(method: Method, variant: Variant) -> PointwiseNormalizer[Any]:
    """Return one of the pointwise methods; see `make_normalizer`."""
    return POINTWISE[method](variant)


def reference_key(method: Method, variant: Variant) -> tuple[Method, Variant]:
    """Return by which method and variant a reference of a method is measured."""
    if method is Method.LEARNED:
        return Method.REINHARD, Variant.SMEAR
    return method, variant


def statistics_from_dict(method: Method, data: Mapping[str, Any]) -> Statistics:
    """Read how a picture is stained, as a method measured it.

    Raises
    ------
    StainReferenceError
        If the data are something else.
    """
    if method is Method.LEARNED:
        return LearnedStatistics.from_dict(data)
    if method is Method.RETINEX:
        return RetinexStatistics.from_dict(data)
    return POINTWISE[method].statistics_type.from_dict(data)


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
        stored, variant = data["reference"], Variant(data["variant"])
        if method is Method.LEARNED:
            look = None if stored is None else MomentStatistics.from_dict(stored)
            return LearnedNormalizer(variant, look, LearnedSettings(**settings))
        kind, more = POINTWISE[method], {}
        if method in _SETTINGS:
            more["settings"] = _SETTINGS[method](**settings)
        reference = None if stored is None else kind.statistics_type.from_dict(stored)
        return kind(variant, reference, **more)
    except SettingsError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise StainReferenceError(
            f"The data of a stain method are damaged ({error}); choose method and "
            "reference again."
        ) from error
