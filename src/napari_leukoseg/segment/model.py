"""Model folders: safetensors weights beside a card that says what they are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.networks import SegmentationNetwork, build_network

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
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

CARD_NAME = "model.json"
WEIGHTS_NAME = "weights.safetensors"

UNSAFE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")
"""Weights that may run code when they are read; never opened."""


@dataclass(frozen=True)
class ModelCard:
    """What a model is, what it was trained on, and how good it was found.

    Parameters
    ----------
    name : str
        Short name, as given to ``--model``.
    architecture : str
        Key of `segment.networks.ARCHITECTURES`.
    settings : mapping
        Settings of that architecture.
    class_ids : tuple of int
        Class id of each channel of evidence.
    cell_diameter_px : float
        Working scale: diameter at which the network sees a white cell.
    image_mean, image_std : tuple of float
        Standardization of RGB in 0 to 1, by channel.
    weights_sha256 : str
        Digest of the weights file, in hexadecimal.
    description : str, optional
        One or two sentences for people.
    temperature : float, optional
        Divides the pooled class evidence, so that probabilities are calibrated.
    training : mapping, optional
        Data sets with digests and licenses, seed, steps.
    metrics : mapping, optional
        Figures with their protocol.
    """

    name: str
    architecture: str
    settings: Mapping[str, Any]
    class_ids: tuple[int, ...]
    cell_diameter_px: float
    image_mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    image_std: tuple[float, float, float] = (0.25, 0.25, 0.25)
    weights_sha256: str = ""
    description: str = ""
    temperature: float = 1.0
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelCard:
        """Build from the content of a card file."""
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items()
        }
        return cls(**values)


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its weights, ready to predict, and its card."""

    card: ModelCard
    network: SegmentationNetwork

    def standardize(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn RGB, shape (..., 3), into what the network expects."""
        mean = np.asarray(self.card.image_mean, np.float32)
        std = np.asarray(self.card.image_std, np.float32)
        standardized: NDArray[np.float32] = (
            image.astype(np.float32) / np.float32(255) - mean
        ) / std
        return standardized


def bundled_folder() -> Path:
    """Return the folder of the models inside the package."""
    return Path(str(resources.files("napari_leukoseg.segment"))) / "weights"


def bundled_models() -> dict[str, Path]:
    """Return the folder of each bundled model, by name."""
    return {card.parent.name: card.parent for card in find_cards(bundled_folder())}


def find_cards(folder: Path) -> list[Path]:
    """List the model cards one level below `folder`."""
    return sorted(folder.glob(f"*/{CARD_NAME}"))


def resolve_model(name: str | Path) -> Path:
    """Return the folder of a bundled model's name, or of a path."""
    bundled = bundled_models()
    if str(name) in bundled:
        return bundled[str(name)]
    folder = Path(name)
    if folder.suffix.lower() in UNSAFE_SUFFIXES:
        raise ModelError(
            f"{folder} is a pickle, which can run code when it is read; give a "
            f"folder with {WEIGHTS_NAME} and {CARD_NAME} instead."
        )
    if not folder.is_dir():
        raise ModelError(
            f"Model {str(name)!r} is neither a folder nor one of {', '.join(bundled)}."
        )
    return folder


def read_card(folder: Path) -> ModelCard:
    """Read and check the card of a model folder.

    Raises
    ------
    ModelError
        If there is no card, or it lacks something.
    """
    path = folder / CARD_NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return ModelCard.from_dict(data)
    except FileNotFoundError as error:
        raise ModelError(
            f"{folder} is not a model folder: it has no {CARD_NAME}."
        ) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is not a readable model card: {error}.") from error


def read_weights(folder: Path, expected_sha256: str) -> dict[str, torch.Tensor]:
    """Read the weights of a model folder if they are those of its card."""
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        pickles = [p.name for p in folder.iterdir() if p.suffix in UNSAFE_SUFFIXES]
        hint = (
            f"; {pickles[0]} is a pickle, which is never loaded, since it can run code"
            if pickles
            else ""
        )
        raise ModelError(f"{folder} has no {WEIGHTS_NAME}{hint}.")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected_sha256:
        raise ModelError(
            f"{path} is not the file that its card names (SHA-256 {digest[:12]}… "
            f"instead of {expected_sha256[:12]}…); install or copy the model again."
        )
    try:
        return load_tensors(content)
    except safetensors.SafetensorError as error:
        raise ModelError(f"{path} is not a safetensors file: {error}.") from error


def load_model(name: str | Path) -> Model:
    """Load a model by bundled name or from a folder.

    Parameters
    ----------
    name : str or Path
        Name of a bundled model, or a folder with a card and weights.

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
    card = read_card(folder)
    network = build_network(card.architecture, card.settings)
    weights = read_weights(folder, card.weights_sha256)
    try:
        network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
        )
    except RuntimeError as error:
        raise ModelError(
            f"The weights in {folder} do not fit the architecture "
            f"{card.architecture!r} of its card: {str(error).splitlines()[-1].strip()}"
        ) from error
    return Model(card, network.eval())


def save_model(folder: Path, network: SegmentationNetwork, card: ModelCard) -> Model:
    """Write weights in half precision, then the card with their digest.

    Parameters
    ----------
    folder : Path
        Made if absent.
    network : SegmentationNetwork
        Source of the weights.
    card : ModelCard
        Its digest is filled in.

    Returns
    -------
    model : Model
        As `load_model` would read it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: (tensor.half() if tensor.is_floating_point() else tensor)
        .detach()
        .cpu()
        .contiguous()
        for name, tensor in network.state_dict().items()
    }
    content = save_tensors(weights)
    card = replace(card, weights_sha256=hashlib.sha256(content).hexdigest())
    (folder / WEIGHTS_NAME).write_bytes(content)
    (folder / CARD_NAME).write_text(
        json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8"
    )
    return Model(card, network.eval())
