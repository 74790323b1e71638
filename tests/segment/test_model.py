"""Model folders round-trip, and altered or unsafe ones are refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.model import (
    CARD_NAME,
    WEIGHTS_NAME,
    bundled_models,
    load_model,
    read_card,
    save_model,
)


@pytest.fixture
def folder(color_model: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(color_model, tmp_path / "model"))


def edit_card(folder: Path, **values: object) -> None:
    card = json.loads((folder / CARD_NAME).read_text())
    (folder / CARD_NAME).write_text(json.dumps(card | values))


def test_saved_model_loads_with_equal_weights(
    color_model: Path, tmp_path: Path
) -> None:
    model = load_model(color_model)
    save_model(tmp_path / "again", model.network, model.card)
    again = load_model(tmp_path / "again")
    assert again.card == model.card
    for name, tensor in model.network.state_dict().items():
        torch.testing.assert_close(again.network.state_dict()[name], tensor)
    assert not again.network.training


def test_standardize_uses_the_card(color_model: Path) -> None:
    model = load_model(color_model)
    grey = np.full((2, 2, 3), 255, np.uint8)
    np.testing.assert_allclose(model.standardize(grey), (1 - 0.5) / 0.25)


def test_altered_weights_are_refused(folder: Path) -> None:
    weights = folder / WEIGHTS_NAME
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256"):
        load_model(folder)


def test_weights_of_another_architecture_are_refused(folder: Path) -> None:
    edit_card(
        folder, settings={"stem_channels": 20, "channels": [8, 8], "depths": [1, 1]}
    )
    with pytest.raises(ModelError, match="do not fit"):
        load_model(folder)


def test_pickles_are_never_opened(folder: Path) -> None:
    pickle = folder / "weights.pth"
    (folder / WEIGHTS_NAME).rename(pickle)
    with pytest.raises(ModelError, match="pickle"):
        load_model(folder)
    with pytest.raises(ModelError, match="pickle"):
        load_model(pickle)


@pytest.mark.parametrize("content", ["", "[]", '{"name": "x"}', '{"odd": 1}'])
def test_unreadable_cards_are_refused(folder: Path, content: str) -> None:
    (folder / CARD_NAME).write_text(content)
    with pytest.raises(ModelError, match="model card"):
        load_model(folder)


def test_missing_parts_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither a folder nor one of"):
        load_model(tmp_path / "absent")
    (folder / CARD_NAME).unlink()
    with pytest.raises(ModelError, match=CARD_NAME):
        load_model(folder)


@pytest.mark.parametrize("name", bundled_models())
def test_bundled_models_load_and_say_what_they_are(name: str) -> None:
    model = load_model(name)
    assert model.card.name == name
    assert model.card.description
    assert model.card.training["data"]
    assert model.card.metrics


def test_bundled_weights_are_small() -> None:
    assert "default" in bundled_models()
    sizes = {n: (f / WEIGHTS_NAME).stat().st_size for n, f in bundled_models().items()}
    assert sizes["default"] <= 8e6
    assert sum(sizes.values()) <= 30e6
    assert read_card(bundled_models()["default"]).class_ids == (1, 2, 3, 4, 5)
