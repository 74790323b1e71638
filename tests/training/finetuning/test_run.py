"""A fine-tuning from corrections to a verdict: repeated, stopped, and gone wrong."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from napari_leukoseg.case import Case
from napari_leukoseg.classes import CellClass
from napari_leukoseg.correct import AssignClass, change_scheme
from napari_leukoseg.errors import DataError, DeviceError, SettingsError
from napari_leukoseg.segment.classifier import Examples
from napari_leukoseg.segment.model import load_model, save_model
from napari_leukoseg.segment.morphology import feature_names
from napari_leukoseg.training.classifier_fit import FitSettings, fit_classifier
from napari_leukoseg.training.classifying import ClassifierSettings
from napari_leukoseg.training.finetuning import (
    FinetuneProgress,
    FinetuneResult,
    FinetuneSettings,
    Stage,
    finetune,
    run,
    survey_sources,
)
from napari_leukoseg.training.finetuning.method import Method
from napari_leukoseg.training.finetuning.tuner import Tuner

FEW_TREES = FitSettings(trees=5)

pytestmark = pytest.mark.usefixtures("one_thread", "small_batches")


@pytest.fixture
def small_batches(monkeypatch):
    """Take few crops a step."""
    method = Method(
        n_corrected=2,
        n_held=1,
        n_drawn=1,
        drawn_fields=1,
        classifier=ClassifierSettings(variations=1, fit=FEW_TREES),
    )
    monkeypatch.setattr(run, "METHOD", method)


@pytest.fixture(scope="session")
def taught_model(color_model, tmp_path_factory):
    """The model that knows colors, with a classifier that was taught noise."""
    model, rng = load_model(color_model), np.random.default_rng(0)
    cells = [
        (rng.normal(0, 1, len(feature_names())), class_id)
        for class_id in model.card.class_ids
        for _ in range(8)
    ]
    taught = Examples.of(cells, 0)
    classifier = fit_classifier(
        taught,
        FEW_TREES,
        class_ids=model.card.class_ids,
        trust=0.5,
        kept=taught,
        seed=0,
    )
    folder = tmp_path_factory.mktemp("models") / "taught"
    save_model(folder, model.network, model.card, classifier)
    return folder


@pytest.fixture
def settings(taught_model):
    return FinetuneSettings(
        str(taught_model), name="mine", epochs=2, steps_per_epoch=2, device="cpu"
    )


@pytest.fixture
def survey(fields):
    return survey_sources([fields], min_cells=1)


def run_to_end(survey, settings, out):
    steps, seen = finetune(survey, settings, out), []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


def test_from_corrections_to_a_verdict(survey, settings, tmp_path):
    out = tmp_path / "out"
    seen, result = run_to_end(survey, settings, out)
    stages = list(dict.fromkeys(progress.stage for progress in seen))
    assert stages == list(Stage)
    epochs = [p for p in seen if p.figures]
    assert [p.epoch for p in epochs] == [0, 1, 2]
    assert len({p.preview_files for p in epochs}) == 3
    for progress in epochs:
        for file in progress.preview_files:
            with Image.open(file) as picture:
                assert picture.height > picture.width  # corrected above predicted
    assert result.comparison.n_cells == sum(
        sum(field.cells.values()) for field in survey.kept_aside
    )
    card = load_model(result.model).card
    assert card.name == "mine"
    base = load_model(settings.base).card
    tuning = card.training["finetuning"]
    assert tuning["lineage"] == [
        {"name": "colors", "weights_sha256": base.weights_sha256}
    ]
    assert settings.base not in json.dumps(card.to_dict())
    assert card.metrics["finetuning"]["verdict"] == result.verdict
    assert sorted(path.name for path in out.iterdir()) == [
        "model",
        "predictions",
        "result.json",
    ]
    assert FinetuneResult.from_dict(json.loads((out / "result.json").read_text())) == (
        result
    )
    for progress in seen:
        plain = json.loads(json.dumps(progress.to_dict()))
        assert FinetuneProgress.from_dict(plain) == progress


def test_the_classifier_is_taught_anew_and_keeps_its_examples(
    survey, settings, tmp_path
):
    _, result = run_to_end(survey, settings, tmp_path / "out")
    base = load_model(settings.base).classifier.examples
    tuned = load_model(result.model).classifier.examples
    assert len(tuned) > len(base)
    np.testing.assert_array_equal(tuned.features[: len(base)], base.features)


def test_equal_seeds_give_equal_models(survey, settings, tmp_path):
    weights = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        _, result = run_to_end(survey, replace(settings, seed=seed), tmp_path / name)
        weights.append((result.model / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_tuning_a_tuned_model_tells_of_both(survey, settings, tmp_path):
    _, first = run_to_end(survey, settings, tmp_path / "a")
    again = replace(settings, base=str(first.model), name="again")
    _, second = run_to_end(survey, again, tmp_path / "b")
    lineage = load_model(second.model).card.training["finetuning"]["lineage"]
    assert [parent["name"] for parent in lineage] == ["colors", "mine"]


def test_a_new_class_is_learned(make_case, settings, tmp_path):
    paths = [make_case(number) for number in range(3)]
    for path in paths:
        with Case.open(path) as case:
            scheme = case.scheme.added(CellClass(7, "blast", "b", "#123456"))
            change_scheme(case, scheme)
            AssignClass(tuple(case.table()["cell_id"][:2]), 7).apply(case)
    survey = survey_sources(paths, min_cells=1)
    _, result = run_to_end(survey, settings, tmp_path / "out")
    card = load_model(result.model).card
    assert card.class_ids == (1, 2, 3, 4, 5, 7)
    assert card.scheme[7].name == "blast"
    assert result.classes[7] == "blast"


def test_closing_keeps_the_best_so_far(survey, settings, tmp_path):
    out = tmp_path / "out"
    steps = finetune(survey, settings, out)
    for progress in steps:
        if progress.is_best:
            break
    steps.close()
    assert load_model(out / "model").card.name == "mine"
    assert not (out / "work").exists()
    assert not (out / "result.json").exists()


def test_closing_at_once_leaves_no_trace(survey, settings, tmp_path):
    out = tmp_path / "out"
    steps = finetune(survey, settings, out)
    next(steps)
    steps.close()
    assert not list(out.iterdir())


def test_used_folders_are_refused(survey, settings, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SettingsError, match="not empty"):
        next(finetune(survey, settings, tmp_path))
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_too_little_is_refused(fields, settings, tmp_path):
    survey = survey_sources([fields], min_cells=1000)
    with pytest.raises(DataError, match="1000 are needed"):
        next(finetune(survey, settings, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_short_memory_is_told(survey, settings, tmp_path, monkeypatch, error):
    def fail(*_: object) -> float:
        raise error

    monkeypatch.setattr(Tuner, "step", fail)
    with pytest.raises(DeviceError, match="not enough memory"):
        run_to_end(survey, settings, tmp_path / "out")
    assert not (tmp_path / "out" / "work").exists()


def test_what_is_unknown_changes_nothing(make_case, settings, tmp_path):
    """Labels of unreviewed cells are not learned: other ones give the same model."""
    results = []
    for number, class_id in enumerate((1, 3)):
        folder = tmp_path / str(number)
        paths = [make_case(i, n_reviewed=3) for i in range(3)]
        folder.mkdir()
        for path in paths:
            with Case.open(path) as case:
                table = case.table()
                ids = table["cell_id"][~table["reviewed"].to_numpy(bool)]
                change_class(case, ids.tolist(), class_id)
        survey = survey_sources(paths, min_cells=1)
        _, result = run_to_end(survey, settings, folder / "out")
        results.append((result.model / "weights.safetensors").read_bytes())
        for path in paths:
            path.rename(folder / path.name)
            path.with_name(f"{path.name.split('.')[0]}.png").unlink()
    assert results[0] == results[1]


def change_class(case, ids, class_id):
    """Give cells another class without reviewing them."""
    from napari_leukoseg.correct import MarkReviewed

    AssignClass(tuple(ids), class_id).apply(case)
    MarkReviewed(tuple(ids), reviewed=False).apply(case)
    assert np.isin(class_id, case.table()["class_id"])
