"""Colorizers on disk: safetensors weights beside a card that says what they paint."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from napari_leukoseg.errors import ModelError, SettingsError
from napari_leukoseg.stain.colorizer_local import (
    LocalColorizer,
    LocalColorizerSettings,
)
from napari_leukoseg.stain.colorizer_published import (
    PublishedColorizer,
    PublishedColorizerSettings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_leukoseg.stain.colorizer_base import ColorizerNetwork

__all__ = [
    "BUNDLED_COLORIZER",
    "COLORIZERS",
    "Colorizer",
    "ColorizerCard",
    "build_colorizer",
    "load_colorizer",
    "save_colorizer",
]

CARD_NAME, WEIGHTS_NAME = "colorizer.json", "weights.safetensors"

BUNDLED_COLORIZER = Path(__file__).parent / "weights" / "colorizer"
"""Folder of the colorizer that ships with the package."""

N_KEPT = 4
"""Colorizers kept in memory; views of one slide share one."""

COLORIZERS: Mapping[str, tuple[type[Any], type[Any]]] = {
    "local": (LocalColorizer, LocalColorizerSettings),
    "published": (PublishedColorizer, PublishedColorizerSettings),
}
"""Network and settings of each architecture."""


@dataclass(frozen=True)
class ColorizerCard:
    """What a colorizer is, what it paints, and what it was trained on.

    Parameters
    ----------
    name : str
        For people.
    architecture : str
        Key of `COLORIZERS`.
    settings : mapping
        Settings of that architecture.
    look : str
        Bundled stain reference that it was taught to paint.
    spread : tuple of float
        Spread of a* and b* of nuclei around the ground in that look.
    weights_sha256 : str, optional
        Digest of the weights file, in hexadecimal.
    description : str, optional
        One or two sentences for people.
    training : mapping, optional
        Data sets with digests and licenses, seed, steps.
    metrics : mapping, optional
        Figures with their protocol.
    """

    name: str
    architecture: str
    settings: Mapping[str, Any]
    look: str
    spread: tuple[float, float]
    weights_sha256: str = ""
    description: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spread", tuple(map(float, self.spread)))
        if len(self.spread) != 2 or not all(0 < value < 1e3 for value in self.spread):
            raise ValueError(f"spread is {self.spread}, not two positive numbers")


@dataclass(frozen=True, eq=False)
class Colorizer:
    """A network with its weights, and its card."""

    card: ColorizerCard
    network: ColorizerNetwork


def build_colorizer(
    architecture: str, settings: Mapping[str, Any] | None = None
) -> ColorizerNetwork:
    """Make a network with random weights.

    Parameters
    ----------
    architecture : str
        Key of `COLORIZERS`.
    settings : mapping, optional
        Those that are not as usual.

    Raises
    ------
    SettingsError
        If there is no such architecture or setting.
    """
    if architecture not in COLORIZERS:
        raise SettingsError(
            f"There is no colorizing network {architecture!r}; choose one of "
            f"{', '.join(COLORIZERS)}."
        )
    network_type, settings_type = COLORIZERS[architecture]
    try:
        network: ColorizerNetwork = network_type(settings_type(**(settings or {})))
    except TypeError as error:
        raise SettingsError(
            f"The settings {settings} do not fit the colorizing network "
            f"{architecture!r} ({error}); see {settings_type.__name__}."
        ) from error
    return network


def load_colorizer(
    folder: str | Path = BUNDLED_COLORIZER, device: str = "cpu"
) -> Colorizer:
    """Load a colorizer; an unchanged folder gives the same one again.

    Parameters
    ----------
    folder : str or Path, optional
        With card and weights; the bundled one by default.
    device : str, optional
        Where it shall be.

    Returns
    -------
    colorizer : Colorizer
        In float32, in evaluation mode.

    Raises
    ------
    ModelError
        If the folder is incomplete, or its weights are not those of its card.
    """
    text = read_text(Path(folder) / CARD_NAME)
    return _load(Path(folder), text, device)


@lru_cache(maxsize=N_KEPT)
def _load(folder: Path, card_text: str, device: str) -> Colorizer:
    """Load the colorizer of a card, which names the digest of its weights."""
    card = parse_card(folder / CARD_NAME, card_text)
    weights = read_weights(folder / WEIGHTS_NAME, card.weights_sha256)
    try:
        network = build_colorizer(card.architecture, card.settings)
        network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
        )
    except (SettingsError, RuntimeError) as error:
        raise ModelError(
            f"The weights in {folder} do not fit the network of its card "
            f"({str(error).splitlines()[-1].strip()}); install or copy it again."
        ) from error
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Colorizer(card, network.eval().requires_grad_(False))


def read_text(path: Path) -> str:
    """Read the card of a colorizer as text."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ModelError(
            f"{path.parent} is no colorizer: it has no {path.name}. Give the folder "
            "that leukoseg train wrote."
        ) from error
    except (OSError, UnicodeError) as error:
        raise ModelError(
            f"{path} cannot be read ({error}); install or copy it again."
        ) from error


def parse_card(path: Path, text: str) -> ColorizerCard:
    """Read the card of a colorizer from its text."""
    try:
        return ColorizerCard(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"{path} is not the card of a colorizer ({error}); install or copy it "
            "again."
        ) from error


def read_weights(path: Path, expected_sha256: str) -> dict[str, Any]:
    """Read weights if they are those of the card."""
    try:
        content = path.read_bytes()
        if (digest := hashlib.sha256(content).hexdigest()) != expected_sha256:
            raise ModelError(
                f"{path} is not the file that its card names (SHA-256 {digest[:12]}… "
                f"instead of {expected_sha256[:12]}…); install or copy it again."
            )
        return load_tensors(content)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read as weights ({error}); install or copy it again."
        ) from error


def save_colorizer(
    folder: Path, network: ColorizerNetwork, card: ColorizerCard
) -> ColorizerCard:
    """Write weights in half precision, then the card with their digest.

    Parameters
    ----------
    folder : Path
        Made if absent.
    network : ColorizerNetwork
        Source of the weights.
    card : ColorizerCard
        Its digest is filled in.

    Returns
    -------
    card : ColorizerCard
        As it was written.
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
    text = json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n"
    (folder / CARD_NAME).write_text(text, encoding="utf-8")
    return card
