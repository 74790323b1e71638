"""What a network starts from."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_leukoseg.errors import ModelError, SettingsError
from napari_leukoseg.segment.model import load_model
from napari_leukoseg.segment.networks import build_network
from napari_leukoseg.segment.networks.pretrained import PUBLISHED_WEIGHTS
from napari_leukoseg.training.config import DataSource, TrainingConfig
from napari_leukoseg.training.starting import probe, published, start_network

CONFIG = TrainingConfig("small", (DataSource("labels", "."),))


def test_scratch_is_said(caplog: pytest.LogCaptureFixture) -> None:
    config = replace(CONFIG, network={"channels": [8, 8], "depths": [1, 1]})
    with caplog.at_level(logging.INFO, "napari_leukoseg"):
        start_network(config)
    assert "small trains from scratch" in caplog.text


def test_initial_gives_all_weights(
    color_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    card = load_model(color_model).card
    config = replace(CONFIG, network=dict(card.settings), initial=str(color_model))
    with caplog.at_level(logging.INFO, "napari_leukoseg"):
        network = start_network(config)
    assert not caplog.text
    expected = load_model(color_model).network.state_dict()
    torch.testing.assert_close(network.state_dict(), expected, rtol=0, atol=0)


def test_initial_with_other_layers_is_refused(color_model: Path) -> None:
    config = replace(CONFIG, initial=str(color_model))
    with pytest.raises(ModelError, match="other layers"):
        start_network(config)


def test_pretrained_names_weights() -> None:
    assert published("imagenet") is None  # those of the encoder
    name = "deeplabv3-resnet50"
    assert published(name) == PUBLISHED_WEIGHTS[name]
    assert published("weights/vgg16.pth") == Path("weights/vgg16.pth")


def test_pretrained_without_a_fitting_encoder_is_refused(tmp_path: Path) -> None:
    narrow = replace(CONFIG, architecture="fcn", network={"width": 2})
    with pytest.raises(ModelError, match="published weights are for 64"):
        start_network(replace(narrow, pretrained=str(tmp_path / "vgg16.pth")))


def test_probe_changes_nothing() -> None:
    network = build_network("unet", {"width": 2, "batch_norm": True})
    before = {k: v.clone() for k, v in network.state_dict().items()}
    random = torch.get_rng_state()
    output = probe(network, 32)
    assert output.semantic.shape == (1, 3, 32, 32)
    assert network.training
    assert torch.equal(torch.get_rng_state(), random)
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)
    with pytest.raises(SettingsError, match="multiples of 16"):
        probe(network, 40)
