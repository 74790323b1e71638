"""Classifiers learn from described cells, and forget nothing when taught again."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch

from napari_leukoseg.errors import DataError, SettingsError
from napari_leukoseg.segment.classifier import CellClassifier, Examples
from napari_leukoseg.segment.model import load_model, save_model
from napari_leukoseg.segment.morphology import feature_names
from napari_leukoseg.segment.predict import Segmenter
from napari_leukoseg.training.classifying import (
    ClassifierSettings,
    fit_classifier,
    teach_classifier,
)
from napari_leukoseg.training.sample import Sample

QUICK = ClassifierSettings(variations=1, members=2, hidden=8, steps=300, noise=0.1)
T = TypeVar("T")


def outcome(steps: Generator[object, None, T]) -> T:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def clusters(class_ids: list[int], n_each: int = 40, source: int = 0) -> Examples:
    """Cells whose first features tell their class."""
    rng = np.random.default_rng(1)
    described = []
    for class_id in class_ids:
        for _ in range(n_each):
            features = rng.normal(0, 0.2, len(feature_names())).astype(np.float32)
            features[:12] += class_id
            described.append((features, class_id))
    return Examples.of(described, source)


def told(classifier: CellClassifier, examples: Examples) -> np.ndarray:
    """Most probable class of each."""
    likely = classifier.log_probabilities(examples.features).argmax(axis=1)
    return classifier.class_ids[likely]


def test_classes_are_learned_and_a_seed_repeats_them() -> None:
    examples = clusters([1, 3, 2])
    fits = [
        fit_classifier(examples, QUICK, class_ids=(3, 1, 2), kept=examples, seed=4)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(fits[0].class_ids, [3, 1, 2])
    assert (told(fits[0], examples) == examples.class_ids).mean() > 0.95
    for name, array in fits[0].to_arrays().items():
        np.testing.assert_array_equal(array, fits[1].to_arrays()[name])


def test_one_class_is_too_few() -> None:
    examples = clusters([2])
    with pytest.raises(DataError, match="two or more"):
        fit_classifier(examples, QUICK, class_ids=(1, 2), kept=examples, seed=0)


@pytest.mark.parametrize("setting", ["members", "hidden", "steps", "kept"])
def test_settings_of_nothing_are_refused(setting: str) -> None:
    with pytest.raises(SettingsError, match=setting):
        replace(QUICK, **{setting: 0})


def test_a_model_is_taught_what_it_segments(
    color_model: Path, samples: list[Sample], tmp_path: Path
) -> None:
    model = load_model(color_model)
    segmenter = Segmenter(model, torch.device("cpu"))
    classifier = outcome(teach_classifier(segmenter, samples, QUICK, 0))
    classes = {c for sample in samples for c in sample.cell_classes.values()}
    assert set(classifier.class_ids.tolist()) <= classes
    assert len(classifier.examples) > 0
    save_model(tmp_path / "taught", model.network, model.card, classifier)
    again = load_model(tmp_path / "taught").classifier
    assert again is not None
    np.testing.assert_array_equal(again.class_ids, classifier.class_ids)


def test_what_was_taught_before_is_not_forgotten(
    color_model: Path, samples: list[Sample]
) -> None:
    known = clusters([1, 2, 3, 4, 5])
    segmenter = Segmenter(load_model(color_model), torch.device("cpu"))
    classifier = outcome(teach_classifier(segmenter, samples, QUICK, 0, known))
    assert (told(classifier, known) == known.class_ids).mean() > 0.9
    assert len(classifier.examples) > len(known)
