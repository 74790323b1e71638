"""Published weights of encoders: from a file, or fetched and checked."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING

import platformdirs
import safetensors
import torch
from safetensors.torch import load_file
from torch import nn

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.networks.resnet import ResNet50Encoder
from napari_leukoseg.segment.networks.vgg import Vgg16Encoder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "PUBLISHED_WEIGHTS",
    "PublishedWeights",
    "fetch_weights",
    "find_encoder",
    "load_pretrained_encoder",
    "read_tensors",
]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of RGB in 0 to 1, with which the weights were made."""

HEADS = ("classifier.", "aux_classifier.")
"""Names of what comes after the encoder in weights of DeepLabV3."""

ENCODER_NAMES = (Vgg16Encoder.weights_name, ResNet50Encoder.weights_name)

TIMEOUT_S = 60


@dataclass(frozen=True)
class PublishedWeights:
    """Weights at an address.

    Parameters
    ----------
    url : str
        Where they are published.
    sha256 : str
        Their digest in hexadecimal, or its first digits.
    """

    url: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Last part of the address."""
        return self.url.rsplit("/", 1)[-1]


PUBLISHED_WEIGHTS = {
    # File names end with the first eight digits of the digest.
    name: PublishedWeights(f"https://download.pytorch.org/models/{file}", file[-12:-4])
    for name, file in {
        "vgg16": "vgg16-397923af.pth",
        "resnet50": "resnet50-0676ba61.pth",
        "deeplabv3-resnet50": "deeplabv3_resnet50_coco-cd0a2569.pth",
    }.items()
}
"""Weights of torchvision, by encoder (ImageNet) and of DeepLabV3 (COCO)."""


def fetch_weights(source: PublishedWeights, folder: Path | None = None) -> Path:
    """Download weights, unless they are there, and check their digest.

    Parameters
    ----------
    source : PublishedWeights
        Address and digest.
    folder : Path, optional
        Where to keep them; the user's cache folder if not given.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    ModelError
        If they cannot be fetched, or are not those that were published.
    """
    import pooch  # only those who train ask for it

    folder = folder or platformdirs.user_cache_path("napari-leukoseg") / "pretrained"
    path = folder / source.file_name
    try:
        pooch.retrieve(
            source.url,
            known_hash=None,
            fname=path.name,
            path=folder,
            downloader=pooch.HTTPDownloader(timeout=TIMEOUT_S),
        )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise ModelError(
            f"Weights could not be fetched from {source.url} ({error}). Check the "
            "connection to the internet, or fetch them elsewhere and give the file."
        ) from error
    if not digest.startswith(source.sha256):
        path.unlink()
        raise ModelError(
            f"{source.url} gave a file with SHA-256 {digest[:12]}… instead of "
            f"{source.sha256[:12]}…, which was removed; try again, or give a file."
        )
    return path


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read named tensors from a safetensors file or from PyTorch's own format.

    Of the latter, which is a pickle, nothing but tensors is accepted.

    Raises
    ------
    ModelError
        If the file is absent or holds anything else.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
        pickle.UnpicklingError,
        safetensors.SafetensorError,
    ) as error:
        raise ModelError(
            f"{path} cannot be read as weights ({str(error).splitlines()[0]}); give "
            "a .safetensors file, or a .pth file with tensors only."
        ) from error
    if not isinstance(tensors, dict) or not all(
        isinstance(value, torch.Tensor) for value in tensors.values()
    ):
        raise ModelError(
            f"{path} holds more than named tensors; give the state dict alone."
        )
    return tensors


def find_encoder(network: nn.Module) -> Vgg16Encoder | ResNet50Encoder | None:
    """Return the part of a network that has published weights, if there is one."""
    for module in network.modules():
        if isinstance(module, Vgg16Encoder | ResNet50Encoder):
            return module
    return None


def load_pretrained_encoder(
    network: nn.Module, source: Path | PublishedWeights | None = None
) -> tuple[str, ...]:
    """Copy published weights into a network's encoder.

    From weights of DeepLabV3, layers after the encoder are copied too where the
    network has such, of the same shape: all but the last ones.

    Parameters
    ----------
    network : Module
        Changed in place.
    source : Path or PublishedWeights, optional
        File with torchvision's names, or what to fetch; the ImageNet weights of
        the encoder if not given.

    Returns
    -------
    names : tuple of str
        Tensors that were copied, as the file names them.

    Raises
    ------
    ModelError
        If the network has no such encoder, or a narrower one than published, or
        the weights cannot be had or do not fit.
    """
    encoder = find_encoder(network)
    if encoder is None:
        raise ModelError(
            f"{type(network).__name__} has no encoder with published weights; train "
            f"it from scratch, or choose a network with {' or '.join(ENCODER_NAMES)}."
        )
    if not encoder.is_published_width:
        raise ModelError(
            f"The encoder has {encoder.channels[0]} channels in its first stage, but "
            "published weights are for 64; set width to 64, or train from scratch."
        )
    if source is None:
        source = PUBLISHED_WEIGHTS[encoder.weights_name]
    path = fetch_weights(source) if isinstance(source, PublishedWeights) else source
    given = {k.removeprefix("backbone."): v for k, v in read_tensors(path).items()}
    lacking = absent_names(encoder, given)
    if lacking:
        raise ModelError(
            f"{path} has no {lacking[0]} of the shape that {encoder.weights_name} "
            f"needs; give torchvision's weights of {encoder.weights_name}."
        )
    names = copy_fitting(encoder, given)
    heads = {name: v for name, v in given.items() if name.startswith(HEADS)}
    return names + copy_fitting(network, heads)


def absent_names(
    module: nn.Module, given: Mapping[str, torch.Tensor]
) -> tuple[str, ...]:
    """Tensors of a module that are not given in its shape.

    Counts of batches may lack: old files have none, and nothing reads them.
    """
    return tuple(
        name
        for name, own in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
        and (name not in given or given[name].shape != own.shape)
    )


def copy_fitting(
    module: nn.Module, given: Mapping[str, torch.Tensor]
) -> tuple[str, ...]:
    """Copy the tensors that a module has in the same shape; give their names."""
    own = module.state_dict()
    fitting = {k: v for k, v in given.items() if k in own and v.shape == own[k].shape}
    module.load_state_dict(fitting, strict=False)
    return tuple(fitting)
