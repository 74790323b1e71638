"""Networks that predict color, and their folders."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from napari_leukoseg.errors import ModelError, SettingsError
from napari_leukoseg.stain.colorizer import (
    BUNDLED_COLORIZER,
    CARD_NAME,
    COLORIZERS,
    WEIGHTS_NAME,
    ColorizerCard,
    build_colorizer,
    load_colorizer,
    save_colorizer,
)
from napari_leukoseg.stain.colorizer_base import light_to_darkness, paint

SMALL = {"channels": (4, 6, 8), "n_heads": 2, "radius": 1}
CARD = ColorizerCard("small", "local", SMALL, "wright-giemsa", (45.0, 53.0))

NARROW_BYTES = 6_000_000


@pytest.fixture
def network():
    """Return a small network with random weights."""
    torch.manual_seed(0)
    return build_colorizer("local", SMALL).eval()


def test_published_network_has_the_published_weights():
    with torch.device("meta"):
        network = build_colorizer("published")
        shape = network(torch.zeros(1, 1, 224, 224)).shape
    parameters = list(network.parameters())
    running = [b for name, b in network.named_buffers() if "running" in name]
    assert sum(p.numel() for p in [*parameters, *running]) == 12_721_954
    assert sum(p.numel() for p in parameters if p.requires_grad) == 5_086_306
    assert shape == (1, 2, 224, 224)


def test_narrow_network_is_small_and_bundled():
    network = build_colorizer("local")
    assert 2 * sum(p.numel() for p in network.parameters()) < NARROW_BYTES
    assert (BUNDLED_COLORIZER / WEIGHTS_NAME).stat().st_size < NARROW_BYTES
    card = load_colorizer().card
    assert (card.architecture, card.look) == ("local", "wright-giemsa")
    assert card.training["data"]
    assert card.metrics


@pytest.mark.parametrize("architecture", COLORIZERS)
def test_blocks_of_the_grid_agree_with_the_whole(architecture, network):
    """What lies beyond `context_px` does not matter."""
    if architecture == "published":
        torch.manual_seed(0)
        network = build_colorizer("published", {"block": 2}).eval()
    darkness = torch.rand(1, 1, 160, 192)
    grid, context = network.grid_px, network.context_px
    assert grid % network.stride == 0
    start = -(-context // grid) * grid
    row, column = grid, 2 * grid
    with torch.no_grad():
        whole = paint(darkness, network(darkness))
        part = darkness[:, :, row:, column:]
        painted = paint(part, network(part))
    inner = painted[:, :, start:, start:]
    assert inner.numel()
    expected = whole[:, :, row + start :, column + start :]
    torch.testing.assert_close(inner, expected, rtol=1e-4, atol=1e-3)


def test_attention_sees_its_neighborhood_alone(network):
    attention = network.attention
    features = torch.randn(1, 8, 20, 7)
    changed = features.clone()
    changed[:, 0, 10, 3] += 1.0
    with torch.no_grad():
        difference = (attention(changed) - attention(features)).abs().amax(1)[0]
    is_near = torch.zeros(20, 7, dtype=torch.bool)
    is_near[9:12, 2:5] = True
    assert (difference[~is_near] == 0).all()
    assert (difference[is_near] > 0).all()


def test_ground_has_no_color_and_edges_stay_sharp():
    darkness = torch.zeros(1, 1, 8, 8)
    darkness[..., 3:] = 1.0
    chroma = paint(darkness, torch.full((1, 4, 4, 4), 0.5))
    assert chroma.shape == (1, 2, 8, 8)
    assert (chroma[..., :3] == 0).all()
    assert (chroma[..., 3:] > 100).all()


def test_darkness_is_relative_to_ground_and_nuclei():
    light = torch.tensor([110.0, 100.0, 75.0, 50.0])
    assert light_to_darkness(light, 0.5).tolist() == [0.0, 0.0, 0.5, 1.0]


def test_saved_colorizer_is_read_back(network, tmp_path):
    card = save_colorizer(tmp_path, network, CARD)
    again = load_colorizer(tmp_path)
    assert again.card == replace(card, settings=again.card.settings)
    assert not any(p.requires_grad for p in again.network.parameters())
    darkness = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(
            again.network(darkness), network(darkness), rtol=0, atol=1e-2
        )
    assert load_colorizer(tmp_path) is again


def break_weights(folder):
    (folder / WEIGHTS_NAME).write_bytes(b"other")


def break_card(folder):
    (folder / CARD_NAME).write_text("{}")


def change_network(folder):
    card = json.loads((folder / CARD_NAME).read_text())
    card["settings"]["channels"] = [4, 6, 10]
    (folder / CARD_NAME).write_text(json.dumps(card))


def change_architecture(folder):
    card = json.loads((folder / CARD_NAME).read_text())
    card["architecture"] = "magic"
    (folder / CARD_NAME).write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_weights, "is not the file"),
        (break_card, "not the card"),
        (change_network, "do not fit"),
        (change_architecture, "no colorizing network 'magic'"),
        (lambda folder: (folder / CARD_NAME).unlink(), "is no colorizer"),
        (lambda folder: (folder / WEIGHTS_NAME).unlink(), "cannot be read"),
    ],
)
def test_damaged_colorizer_is_refused(damage, message, network, tmp_path):
    save_colorizer(tmp_path, network, CARD)
    damage(tmp_path)
    with pytest.raises(ModelError, match=message):
        load_colorizer(tmp_path)


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("magic", {}),
        ("local", {"channels": (4,)}),
        ("local", {"channels": (4, 6), "n_heads": 4}),
        ("local", {"radius": 0}),
        ("local", {"width": 3}),
        ("published", {"block": 0}),
    ],
)
def test_networks_that_cannot_be_are_refused(architecture, settings):
    with pytest.raises(SettingsError):
        build_colorizer(architecture, settings)
