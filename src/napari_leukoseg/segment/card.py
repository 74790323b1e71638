"""Cards of models, and where models are found; loads no torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_leukoseg.classes import DEFAULT_SCHEME, ClassScheme
from napari_leukoseg.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CARD_NAME",
    "DEFAULT_MODEL",
    "UNSAFE_SUFFIXES",
    "WEIGHTS_NAME",
    "ModelCard",
    "bundled_models",
    "check_digest",
    "read_card",
]

DEFAULT_MODEL = "default"
"""Bundled model that is used where no other is named."""

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
    stain : str, optional
        Stain step that pictures go through before the network, as
        `stain.StainChoice.parse` reads it; empty for none.
    training : mapping, optional
        Data sets with digests and licenses, seed, steps.
    metrics : mapping, optional
        Figures with their protocol.
    own_classes : tuple of mapping, optional
        Laboratory's own classes among `class_ids`, as `CellClass` has them.
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
    stain: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    own_classes: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelCard:
        """Build from the content of a card file."""
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items()
        }
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of a card file."""
        return asdict(self)

    @property
    def scheme(self) -> ClassScheme:
        """Classes that all share, with the model's own ones.

        Raises
        ------
        ModelError
            If the own ones are not described as classes are.
        """
        own = [*DEFAULT_SCHEME.to_dict()["classes"], *self.own_classes]
        try:
            return ClassScheme.from_dict({"classes": own})
        except SettingsError as error:
            raise ModelError(f"The card of model {self.name!r}: {error}") from error


def bundled_folder() -> Path:
    """Return the folder of the models inside the package."""
    return Path(str(resources.files("napari_leukoseg.segment"))) / "weights"


def bundled_models() -> dict[str, Path]:
    """Return the folder of each bundled model by name, the default model first."""
    folders = {card.parent.name: card.parent for card in find_cards(bundled_folder())}
    names = sorted(folders, key=lambda name: (name != DEFAULT_MODEL, name))
    return {name: folders[name] for name in names}


def find_cards(folder: Path) -> list[Path]:
    """List the model cards one level below `folder`."""
    return sorted(folder.glob(f"*/{CARD_NAME}"))


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


def check_digest(path: Path, content: bytes, expected_sha256: str) -> None:
    """Refuse weights that are not those of their card.

    Parameters
    ----------
    path : Path
        Weights file, for the message.
    content : bytes
        What it holds.
    expected_sha256 : str
        Digest that the card gives.

    Raises
    ------
    ModelError
        If it is another one.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected_sha256:
        raise ModelError(
            f"{path} is not the file that its card names (SHA-256 {digest[:12]}… "
            f"instead of {expected_sha256[:12]}…); install or copy the model again."
        )
