"""What the weights of a network start from."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_leukoseg.errors import ModelError, SettingsError
from napari_leukoseg.segment.model import load_model
from napari_leukoseg.segment.networks import build_network
from napari_leukoseg.segment.networks.pretrained import (
    PUBLISHED_WEIGHTS,
    load_pretrained_encoder,
)

if TYPE_CHECKING:
    from napari_leukoseg.segment.networks import NetworkOutput, SegmentationNetwork
    from napari_leukoseg.segment.networks.pretrained import PublishedWeights
    from napari_leukoseg.training.config import TrainingConfig

__all__ = ["probe", "start_from", "start_network"]

logger = logging.getLogger(__name__)


def start_network(config: TrainingConfig) -> SegmentationNetwork:
    """Build the network of a run with the weights that it starts from.

    Parameters
    ----------
    config : TrainingConfig
        `initial` gives all weights, `pretrained` those of the encoder; without
        them they are random, which is logged.

    Raises
    ------
    ModelError
        If the weights cannot be read, or do not fit.
    """
    network = build_network(config.architecture, config.network)
    if config.initial:
        start_from(network, config.initial)
    elif config.pretrained:
        load_pretrained_encoder(network, published(config.pretrained))
    else:
        logger.info(
            "%s trains from scratch: neither initial nor pretrained names weights.",
            config.name,
        )
    return network


def published(name: str) -> Path | PublishedWeights | None:
    """Return the weights of a name; none are those of the encoder on ImageNet."""
    if name == "imagenet":
        return None
    return PUBLISHED_WEIGHTS.get(name) or Path(name)


def start_from(network: SegmentationNetwork, name: str) -> None:
    """Copy the weights of a model of the same architecture and settings.

    Parameters
    ----------
    network : SegmentationNetwork
        Takes the weights.
    name : str
        Bundled model or model folder.

    Raises
    ------
    ModelError
        If it is no model, or one with other layers.
    """
    base = load_model(name)
    try:
        network.adopt(base.network.state_dict())
    except RuntimeError as error:
        raise ModelError(
            f"A run cannot start from {name}: its network has other layers; give a "
            "model of the same architecture and settings."
        ) from error


@torch.no_grad()
def probe(network: SegmentationNetwork, size_px: int) -> NetworkOutput:
    """Predict an empty crop, to see what the network gives.

    Parameters
    ----------
    network : SegmentationNetwork
        Not changed.
    size_px : int
        Side of the crops that it shall learn from.

    Raises
    ------
    SettingsError
        If crops of that size do not fit the network.
    """
    if size_px % network.stride:
        raise SettingsError(
            f"crops.size_px is {size_px}, but the network takes multiples of "
            f"{network.stride}; give such a one."
        )
    output: NetworkOutput = network.eval()(torch.zeros(1, 3, size_px, size_px))
    network.train()
    return output
