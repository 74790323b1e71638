from __future__ import annotations

import json
import shutil

import pytest

from napari_leukoseg.segment import card, library, model


@pytest.fixture
def bundled(tmp_path, color_model, monkeypatch):
    """Return the folder of the bundled models, with one of two letters each."""
    folder = tmp_path / "weights"
    for name in ("aa", "bb"):
        shutil.copytree(color_model, folder / name)
    monkeypatch.setattr(card, "bundled_folder", lambda: folder)
    monkeypatch.setattr(library, "library_folder", lambda: tmp_path / "own")
    return folder


def test_list_for_programs(leukoseg, bundled):
    cards = json.loads(leukoseg("models", "list", "--json").out)
    assert [card["name"] for card in cards] == ["aa", "bb"]
    assert cards[0]["architecture"] == "residual-unet"
    assert cards[0]["classes"][0] == "neutrophil"
    assert cards[0]["bytes"] == (bundled / "aa" / model.WEIGHTS_NAME).stat().st_size
    assert {"description", "metrics", "training", "weights_sha256"} < cards[0].keys()


def test_list_for_people(leukoseg, bundled):
    described = json.loads((bundled / "aa" / model.CARD_NAME).read_text())
    described["metrics"] = {
        "protocol": "by field",
        "jtsc": {"cells": 12, "cell_dice_per_picture": 0.97654, "recall": 1.0},
    }
    (bundled / "aa" / model.CARD_NAME).write_text(json.dumps(described))
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


def test_own_models_are_kept_given_away_and_removed(
    leukoseg, bundled, color_model, tmp_path
):
    outcome = leukoseg("models", "import", color_model, "--name", "mine")
    assert outcome.status == 0
    assert str(tmp_path / "own" / "mine") in outcome.out
    names = [c["name"] for c in json.loads(leukoseg("models", "list", "--json").out)]
    assert names == ["aa", "bb", "mine"]
    file = tmp_path / "mine.leukoseg-model"
    assert leukoseg("models", "export", "mine", "--out", file).status == 0
    assert leukoseg("models", "remove", "mine").status == 0
    assert leukoseg("models", "import", file).status == 0
    facts = json.loads(leukoseg("models", "info", "mine", "--json").out)
    assert facts["name"] == "mine"
    assert facts["classes"][0] == "neutrophil"
    assert "architecture" in leukoseg("models", "info", "mine").out


def test_mistakes_with_own_models_are_one_line(
    leukoseg, bundled, color_model, tmp_path
):
    for arguments, message in (
        (("import", tmp_path / "absent"), "not a model file"),
        (("import", color_model, "--name", "aa"), "choose another name"),
        (("export", "absent", "--out", tmp_path / "x"), "no model 'absent'"),
        (("remove", "aa"), "cannot be removed"),
        (("info", "absent"), "neither a folder nor one of"),
    ):
        outcome = leukoseg("models", *arguments)
        assert outcome.status == 1
        assert message in outcome.err
        assert outcome.err.count("\n") == 1


def test_models_that_cannot_run_are_not_kept(leukoseg, bundled, color_model, tmp_path):
    odd = shutil.copytree(color_model, tmp_path / "odd")
    described = json.loads((odd / model.CARD_NAME).read_text())
    described["architecture"] = "unknown"
    (odd / model.CARD_NAME).write_text(json.dumps(described))
    outcome = leukoseg("models", "import", odd, "--name", "mine")
    assert outcome.status == 1
    assert "'unknown' is unknown" in outcome.err
    assert not list((tmp_path / "own").iterdir())


def test_tuned_models_tell_where_they_come_from(leukoseg, bundled):
    path = bundled / "aa" / model.CARD_NAME
    described = json.loads(path.read_text())
    tuning = {
        "lineage": [{"name": "default", "weights_sha256": "f" * 64}],
        "cells": {"1": 20, "7": 4},
        "fields": 8,
        "fields_kept_aside": 2,
    }
    described["training"] = {"finetuning": tuning}
    described["metrics"] = {"finetuning": {"reason": "It is better."}}
    path.write_text(json.dumps(described))
    out = leukoseg("models", "info", "aa").out
    assert "default (ffffffffffff…)" in out
    assert "24 reviewed cells, 2 of 8 fields kept aside" in out
    assert "It is better." in out
