"""Model folders: safetensors weights beside a card that says what they are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import safetensors
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.card import (
    CARD_NAME,
    WEIGHTS_NAME,
    ModelCard,
    bundled_models,
    read_card,
)
from napari_leukoseg.segment.classifier import PREFIX, CellClassifier
from napari_leukoseg.segment.library import read_model_files, resolve_model
from napari_leukoseg.segment.networks import SegmentationNetwork, build_network

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "CARD_NAME",
    "WEIGHTS_NAME",
    "Model",
    "ModelCard",
    "bundled_models",
    "load_model",
    "read_card",
    "save_model",
]


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its weights, ready to predict, and its card.

    Parameters
    ----------
    card : ModelCard
        What it is.
    network : SegmentationNetwork
        Segments, and gives evidence of classes.
    classifier : CellClassifier, optional
        Has a say in the class of each cell that was segmented.
    """

    card: ModelCard
    network: SegmentationNetwork
    classifier: CellClassifier | None = None

    def standardize(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn RGB, shape (..., 3), into what the network expects."""
        mean = np.asarray(self.card.image_mean, np.float32)
        std = np.asarray(self.card.image_std, np.float32)
        standardized: NDArray[np.float32] = (
            image.astype(np.float32) / np.float32(255) - mean
        ) / std
        return standardized


def read_weights(folder: Path, content: bytes) -> dict[str, torch.Tensor]:
    """Take the weights out of the file of a model folder."""
    try:
        return load_tensors(content)
    except safetensors.SafetensorError as error:
        path = folder / WEIGHTS_NAME
        raise ModelError(f"{path} is not a safetensors file: {error}.") from error


def load_model(name: str | Path) -> Model:
    """Load a model by name or from a folder.

    Parameters
    ----------
    name : str or Path
        Name of a bundled model or of one in the user's library, or a folder with a
        card and weights.

    Returns
    -------
    model : Model
        On the CPU, in float32, in evaluation mode.

    Raises
    ------
    ModelError
        If the folder is incomplete, its digest does not match, its weights
        do not fit the architecture, or only a pickle is there.
    """
    folder = resolve_model(name)
    card, content = read_model_files(folder)
    network = build_network(card.architecture, card.settings)
    weights = read_weights(folder, content)
    described = {k: weights.pop(k).numpy() for k in [*weights] if k.startswith(PREFIX)}
    try:
        network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
        )
    except RuntimeError as error:
        raise ModelError(
            f"The weights in {folder} do not fit the architecture "
            f"{card.architecture!r} of its card: {str(error).splitlines()[-1].strip()}"
        ) from error
    classifier = CellClassifier.from_arrays(described) if described else None
    return Model(card, network.eval(), classifier)


def save_model(
    folder: Path,
    network: SegmentationNetwork,
    card: ModelCard,
    classifier: CellClassifier | None = None,
) -> Model:
    """Write weights in half precision, then the card with their digest.

    Parameters
    ----------
    folder : Path
        Made if absent.
    network : SegmentationNetwork
        Source of the weights.
    card : ModelCard
        Its digest is filled in.
    classifier : CellClassifier, optional
        Kept in the same file.

    Returns
    -------
    model : Model
        As `load_model` would read it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {} if classifier is None else classifier.to_arrays()
    tensors = {
        **network.state_dict(),
        **{name: torch.from_numpy(array) for name, array in arrays.items()},
    }
    weights = {
        name: (tensor.half() if tensor.is_floating_point() else tensor)
        .detach()
        .cpu()
        .contiguous()
        for name, tensor in tensors.items()
    }
    content = save_tensors(weights)
    card = replace(card, weights_sha256=hashlib.sha256(content).hexdigest())
    (folder / WEIGHTS_NAME).write_bytes(content)
    (folder / CARD_NAME).write_text(
        json.dumps(card.to_dict(), indent=2) + "\n", encoding="utf-8"
    )
    return Model(card, network.eval(), classifier)
