"""Segmentation networks: one module each, all with the same named outputs."""

from napari_leukoseg.segment.networks.base import NetworkOutput, SegmentationNetwork
from napari_leukoseg.segment.networks.registry import (
    ARCHITECTURES,
    NARROW,
    build_network,
)
from napari_leukoseg.segment.networks.residual_unet import (
    ResidualUNet,
    ResidualUNetSettings,
)

__all__ = [
    "ARCHITECTURES",
    "NARROW",
    "NetworkOutput",
    "ResidualUNet",
    "ResidualUNetSettings",
    "SegmentationNetwork",
    "build_network",
]
