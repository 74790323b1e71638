"""`leukoseg finetune`: from drawn fields to a model and its figures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from napari_leukoseg.segment.model import load_model
from napari_leukoseg.synthetic import SmearSettings, write_field
from napari_leukoseg.training.finetuning import FinetuneResult, PresetValues, plan
from napari_leukoseg.training.finetuning import run as tuning
from napari_leukoseg.training.finetuning.method import Method
from napari_leukoseg.training.finetuning.tuner import Tuner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of three drawn pictures with labels."""
    folder = tmp_path_factory.mktemp("fields")
    for number in range(3):
        settings = SmearSettings(
            (160, 200), seed=number, cell_diameter_px=40.0, white_cell_fraction=0.3
        )
        for _ in write_field(folder / f"{number}.png", settings, with_labels=True):
            pass
    return folder


@pytest.fixture
def finetune(
    leukoseg: Callable[..., Any],
    color_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Any]:
    """Return a function that runs a short fine-tuning."""
    method = Method(n_corrected=2, n_held=1, n_drawn=1, drawn_fields=1)
    monkeypatch.setattr(tuning, "METHOD", method)
    monkeypatch.setitem(plan.PRESETS, plan.Preset.QUICK, PresetValues(2, 2, 1e-4))

    def run(*arguments: object) -> Any:
        fixed = ("--base", color_model, "--device", "cpu")
        return leukoseg("finetune", *arguments, *fixed)

    return run


def test_corrections_become_a_model(finetune, fields, tmp_path):
    out, figures = tmp_path / "out", tmp_path / "figures.json"
    outcome = finetune(fields, "--out", out, "--name", "mine", "--json", figures)
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert lines[0].startswith("Reviewed cells: ")
    assert "fields" in lines[1]
    assert [line.split(":")[0] for line in lines[2:5]] == [
        "base",
        "epoch 1/2",
        "epoch 2/2",
    ]
    assert any(line.startswith("Verdict: no clear difference.") for line in lines)
    assert load_model(out / "model").card.name == "mine"
    result = FinetuneResult.from_dict(json.loads(figures.read_text()))
    assert result.model == out / "model"


def test_problems_and_refusals_are_lines(finetune, tmp_path):
    outcome = finetune(tmp_path / "absent", "--out", tmp_path / "out")
    assert outcome.status == 1
    first, second = outcome.err.splitlines()
    assert "moved or deleted" in first
    assert "no corrected case" in second
    assert not (tmp_path / "out").exists()


def test_stopping_tells_what_is_kept(finetune, fields, tmp_path, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tuner, "step", stop)
    outcome = finetune(fields, "--out", tmp_path / "out")
    assert outcome.status == 130
    assert "nothing is kept" in outcome.err


def test_wrong_settings_are_one_line(finetune, fields, tmp_path):
    outcome = finetune(fields, "--out", tmp_path / "out", "--kept-aside", "2")
    assert outcome.status == 1
    assert "between 0 and 1" in outcome.err
