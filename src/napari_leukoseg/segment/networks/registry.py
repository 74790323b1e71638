"""Architectures by name, so that a model folder can say which one it holds."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.networks.cbam_unet import CbamUNet, CbamUNetSettings
from napari_leukoseg.segment.networks.click_net import ClickNet, ClickNetSettings
from napari_leukoseg.segment.networks.deeplabv3plus import (
    DeepLabV3Plus,
    DeepLabV3PlusSettings,
)
from napari_leukoseg.segment.networks.fcn import Fcn8s, Fcn8sSettings
from napari_leukoseg.segment.networks.flexunet import FlexUNet, FlexUNetSettings
from napari_leukoseg.segment.networks.hematology_mil import (
    HematologyMilNet,
    HematologyMilSettings,
)
from napari_leukoseg.segment.networks.mtl_nucleus import (
    MtlNucleusNet,
    MtlNucleusSettings,
)
from napari_leukoseg.segment.networks.pspnet import PspNet, PspNetSettings
from napari_leukoseg.segment.networks.residual_unet import (
    ResidualUNet,
    ResidualUNetSettings,
)
from napari_leukoseg.segment.networks.stain_standardized import (
    StainStandardizedNet,
    StainStandardizedSettings,
)
from napari_leukoseg.segment.networks.unet import UNet, UNetSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_leukoseg.segment.networks.base import SegmentationNetwork

__all__ = ["ARCHITECTURES", "NARROW", "PROMPTED", "build_network"]

ARCHITECTURES: dict[str, tuple[type[SegmentationNetwork], type[Any]]] = {
    "residual-unet": (ResidualUNet, ResidualUNetSettings),
    "stain-standardized": (StainStandardizedNet, StainStandardizedSettings),
    "flexunet": (FlexUNet, FlexUNetSettings),
    "cbam-unet": (CbamUNet, CbamUNetSettings),
    "mtl-nucleus": (MtlNucleusNet, MtlNucleusSettings),
    "hematology-mil": (HematologyMilNet, HematologyMilSettings),
    "unet": (UNet, UNetSettings),
    "deeplabv3plus": (DeepLabV3Plus, DeepLabV3PlusSettings),
    "pspnet": (PspNet, PspNetSettings),
    "fcn": (Fcn8s, Fcn8sSettings),
}
"""Network and settings class of each architecture."""

PROMPTED: dict[str, tuple[type[SegmentationNetwork], type[Any]]] = {
    "click-net": (ClickNet, ClickNetSettings),
}
"""Those that outline the one cell a person points at, and no others."""

NARROW: dict[str, dict[str, Any]] = {
    "residual-unet": {"stem_channels": 12, "channels": (24, 40, 80, 136)},
    "stain-standardized": {"width": 8},
    "flexunet": {"base_filters": 6, "n_levels": 6},
    "cbam-unet": {"width": 14, "reduction": 4},
    "mtl-nucleus": {"width": 8, "n_layers": 3},
    "hematology-mil": {"width": 12, "head_channels": 40, "auxiliary": False},
    "unet": {"width": 12, "batch_norm": True},
    "deeplabv3plus": {"width": 12, "head_channels": 40},
    "pspnet": {"width": 10},
    "fcn": {"width": 14, "hidden_channels": 64},
}
"""Settings with which each takes at most 3 MB in half precision and can be trained
on a CPU in minutes."""


def build_network(name: str, settings: Mapping[str, Any]) -> SegmentationNetwork:
    """Build an untrained network from its name and settings alone.

    Raises
    ------
    ModelError
        If the name or a setting is unknown.
    """
    architectures = ARCHITECTURES | PROMPTED
    if name not in architectures:
        raise ModelError(
            f"Architecture {name!r} is unknown; there is {', '.join(architectures)}."
        )
    network, settings_class = architectures[name]
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
