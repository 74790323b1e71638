from __future__ import annotations

import json
import shutil

import pytest

from napari_leukoseg.segment import model


@pytest.fixture
def bundled(tmp_path, color_model, monkeypatch):
    """Return the folder of the bundled models, with one of two letters each."""
    folder = tmp_path / "weights"
    for name in ("aa", "bb"):
        shutil.copytree(color_model, folder / name)
    monkeypatch.setattr(model, "bundled_folder", lambda: folder)
    return folder


def test_list_for_programs(leukoseg, bundled):
    cards = json.loads(leukoseg("models", "list", "--json").out)
    assert [card["name"] for card in cards] == ["aa", "bb"]
    assert cards[0]["architecture"] == "residual-unet"
    assert cards[0]["classes"][0] == "neutrophil"
    assert cards[0]["bytes"] == (bundled / "aa" / model.WEIGHTS_NAME).stat().st_size
    assert {"description", "metrics", "training", "weights_sha256"} < cards[0].keys()


def test_list_for_people(leukoseg, bundled):
    card = json.loads((bundled / "aa" / model.CARD_NAME).read_text())
    card["metrics"] = {
        "protocol": "by field",
        "jtsc": {"cells": 12, "cell_dice_per_picture": 0.97654, "recall": 1.0},
    }
    (bundled / "aa" / model.CARD_NAME).write_text(json.dumps(card))
    out = leukoseg("models", "list").out
    assert "on jtsc" in out
    assert "cell Dice 0.977, recall 1.000\n" in out


def test_verify(leukoseg, bundled):
    outcome = leukoseg("models", "verify")
    assert outcome.status == 0
    assert outcome.out.count("sound") == 2


def test_verify_names_the_altered_model_and_checks_the_rest(leukoseg, bundled):
    weights = bundled / "aa" / model.WEIGHTS_NAME
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    outcome = leukoseg("models", "verify")
    assert outcome.status == 1
    assert str(weights) in outcome.err
    assert "bb: sound" in outcome.out


def test_installation_without_models_is_explained(leukoseg, bundled):
    shutil.rmtree(bundled)
    for command in ("list", "verify"):
        outcome = leukoseg("models", command)
        assert outcome.status == 1
        assert "no model" in outcome.err
