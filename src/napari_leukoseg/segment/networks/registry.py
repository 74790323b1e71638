"""Architectures by name, so that a model folder can say which one it holds."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.networks.residual_unet import (
    ResidualUNet,
    ResidualUNetSettings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_leukoseg.segment.networks.base import SegmentationNetwork

__all__ = ["ARCHITECTURES", "build_network"]

ARCHITECTURES = {"residual-unet": (ResidualUNet, ResidualUNetSettings)}
"""Network and settings class of each architecture."""


def build_network(name: str, settings: Mapping[str, Any]) -> SegmentationNetwork:
    """Build an untrained network from its name and settings alone.

    Raises
    ------
    ModelError
        If the name or a setting is unknown.
    """
    if name not in ARCHITECTURES:
        raise ModelError(
            f"Architecture {name!r} is unknown; there is {', '.join(ARCHITECTURES)}."
        )
    network, settings_class = ARCHITECTURES[name]
    known = {field.name for field in fields(settings_class)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ModelError(
            f"Architecture {name!r} has no setting {unknown[0]!r}; "
            f"it has {', '.join(sorted(known))}."
        )
    values: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()
    }
    return network(settings_class(**values))
