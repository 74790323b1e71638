"""Published weights come from a file or an address, and only if they fit."""

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.networks import NARROW, build_network
from napari_leukoseg.segment.networks.pretrained import (
    PUBLISHED_WEIGHTS,
    PublishedWeights,
    fetch_weights,
    find_encoder,
    load_pretrained_encoder,
    read_tensors,
)
from napari_leukoseg.segment.networks.resnet import ResNet50Encoder
from napari_leukoseg.segment.networks.vgg import Vgg16Encoder

HEADS = ("classifier", "aux_classifier")


@pytest.fixture
def mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Path, list[str]]]:
    """Local server of a folder, and an empty cache: address, folder, requests."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            asked.append(self.path)

    monkeypatch.setattr(
        platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name
    )
    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder, asked
        server.shutdown()
        thread.join()


def one_value(shape: torch.Size, value: float) -> torch.Tensor:
    """Tensor of equal values, of which a .pth file keeps only one."""
    return torch.tensor([value]).expand(shape)


def stand_in(module: nn.Module, value: float) -> dict[str, torch.Tensor]:
    """Weights such as `module` has, less the counts that old files lack."""
    return {
        name: one_value(tensor.shape, value)
        for name, tensor in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def empty(name: str, settings: dict[str, Any]) -> nn.Module:
    """Network of full size, made quickly."""
    with torch.device("meta"):
        network = build_network(name, settings)
    network.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.zero_()
    return network


def test_encoder_names_are_those_of_torchvision() -> None:
    with torch.device("meta"):
        vgg, resnet = Vgg16Encoder().state_dict(), ResNet50Encoder().state_dict()
    convs = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    assert list(vgg) == [f"features.{i}.{k}" for i in convs for k in ("weight", "bias")]
    assert vgg["features.28.weight"].shape == (512, 512, 3, 3)
    assert resnet["conv1.weight"].shape == (64, 3, 7, 7)
    assert resnet["layer1.0.downsample.0.weight"].shape == (256, 64, 1, 1)
    assert resnet["layer3.5.conv2.weight"].shape == (256, 256, 3, 3)
    assert resnet["layer4.2.bn3.running_var"].shape == (2048,)
    # 25,557,032 as published, less the fully connected layer.
    with torch.device("meta"):
        parameters = list(ResNet50Encoder().parameters())
    assert sum(p.numel() for p in parameters) == 25_557_032 - 2048 * 1000 - 1000


def test_weights_are_fetched_checked_and_copied(
    mirror: tuple[str, Path, list[str]],
) -> None:
    address, folder, asked = mirror
    network = empty("cbam-unet", {})
    encoder = find_encoder(network)
    assert isinstance(encoder, Vgg16Encoder)
    weights = stand_in(encoder, 0.25)
    weights["classifier.0.weight"] = one_value(torch.Size((4096, 25088)), 1.0)
    torch.save(weights, folder / "vgg16.pth")
    digest = hashlib.sha256((folder / "vgg16.pth").read_bytes()).hexdigest()
    source = PublishedWeights(f"{address}/vgg16.pth", digest[:8])
    names = load_pretrained_encoder(network, source)
    assert set(names) == set(encoder.state_dict())
    for name, tensor in network.state_dict().items():
        assert (tensor == (0.25 if name.startswith("encoder.") else 0)).all()
    load_pretrained_encoder(network, source)
    assert asked == ["/vgg16.pth"]  # kept


def test_deeplab_takes_all_but_its_last_layers(tmp_path: Path) -> None:
    network = empty("hematology-mil", {})
    weights = stand_in(network, 0.25)
    for head in HEADS:
        weights[f"{head}.4.weight"] = one_value(torch.Size((21, 256, 1, 1)), 1.0)
        weights[f"{head}.4.bias"] = one_value(torch.Size((21,)), 1.0)
    torch.save(weights, tmp_path / "deeplab.pth")
    load_pretrained_encoder(network, tmp_path / "deeplab.pth")
    last = {f"{h}.4.{k}" for h in HEADS for k in ("weight", "bias")}
    for name, tensor in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert (tensor == (0 if name in last else 0.25)).all(), name


def test_weights_of_another_encoder_are_refused(tmp_path: Path) -> None:
    network = empty("fcn", {"hidden_channels": 8})
    with torch.device("meta"):
        other = stand_in(ResNet50Encoder(), 1.0)
    torch.save(other, tmp_path / "resnet.pth")
    with pytest.raises(ModelError, match=r"no features\.0\.weight .* vgg16"):
        load_pretrained_encoder(network, tmp_path / "resnet.pth")
    assert not any(p.any() for p in network.parameters())


@pytest.mark.parametrize("name", ["cbam-unet", "hematology-mil", "pspnet", "fcn"])
def test_narrow_encoders_are_refused_before_anything_is_fetched(name: str) -> None:
    with pytest.raises(ModelError, match=r"first stage.*set width to 64"):
        load_pretrained_encoder(build_network(name, NARROW[name]))


@pytest.mark.parametrize("name", ["residual-unet", "unet", "stain-standardized"])
def test_networks_without_such_an_encoder_are_refused(name: str) -> None:
    network = build_network(name, NARROW[name])
    assert find_encoder(network) is None
    with pytest.raises(ModelError, match="no encoder with published weights"):
        load_pretrained_encoder(network)


def test_an_altered_file_is_refused_and_removed(
    mirror: tuple[str, Path, list[str]], tmp_path: Path
) -> None:
    address, folder, _ = mirror
    (folder / "weights.pth").write_bytes(b"something else")
    source = PublishedWeights(f"{address}/weights.pth", "0" * 8)
    with pytest.raises(ModelError, match="instead of 00000000"):
        fetch_weights(source, tmp_path / "kept")
    assert not list((tmp_path / "kept").iterdir())


def test_an_absent_address_is_named(mirror: tuple[str, Path, list[str]]) -> None:
    source = PublishedWeights(f"{mirror[0]}/absent.pth", "")
    with pytest.raises(ModelError, match=r"absent\.pth .*give the file"):
        fetch_weights(source)


def test_tensors_are_read_from_both_formats(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(3.0)}
    save_file(tensors, tmp_path / "a.safetensors")
    torch.save(tensors, tmp_path / "a.pth")
    for name in ("a.safetensors", "a.pth"):
        torch.testing.assert_close(read_tensors(tmp_path / name), tensors)


def test_what_is_no_weights_is_refused(tmp_path: Path) -> None:
    torch.save({"network": {"a": torch.zeros(1)}}, tmp_path / "nested.pth")
    with pytest.raises(ModelError, match="state dict alone"):
        read_tensors(tmp_path / "nested.pth")
    torch.save(nn.ReLU(), tmp_path / "code.pth")
    for name in ("text.pth", "text.safetensors"):
        (tmp_path / name).write_text("no weights")
    for name in ("code.pth", "text.pth", "text.safetensors", "absent.pth"):
        with pytest.raises(ModelError, match="cannot be read as weights"):
            read_tensors(tmp_path / name)


def test_every_encoder_has_published_weights() -> None:
    for encoder in (Vgg16Encoder, ResNet50Encoder):
        source = PUBLISHED_WEIGHTS[encoder.weights_name]
        assert source.file_name == f"{encoder.weights_name}-{source.sha256}.pth"
        assert len(source.sha256) == 8
