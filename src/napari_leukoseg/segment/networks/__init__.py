"""Segmentation networks: one module each, all with the same named outputs."""

from napari_leukoseg.segment.networks.base import NetworkOutput, SegmentationNetwork
from napari_leukoseg.segment.networks.click_net import ClickNet, ClickNetSettings
from napari_leukoseg.segment.networks.registry import (
    ARCHITECTURES,
    NARROW,
    PROMPTED,
    build_network,
)
from napari_leukoseg.segment.networks.residual_unet import (
    ResidualUNet,
    ResidualUNetSettings,
)

__all__ = [
    "ARCHITECTURES",
    "NARROW",
    "PROMPTED",
    "ClickNet",
    "ClickNetSettings",
    "NetworkOutput",
    "ResidualUNet",
    "ResidualUNetSettings",
    "SegmentationNetwork",
    "build_network",
]
