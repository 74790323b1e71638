"""Models are taught to classify what they segment, and forget nothing."""

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.classifier import Examples
from napari_leukoseg.segment.model import load_model, save_model
from napari_leukoseg.segment.predict import Segmenter
from napari_leukoseg.training.classifier_fit import FitSettings
from napari_leukoseg.training.classifying import ClassifierSettings, teach_classifier
from napari_leukoseg.training.sample import Sample

QUICK = ClassifierSettings(variations=1, fit=FitSettings(trees=20, learning_rate=0.2))
T = TypeVar("T")


def outcome(steps: Generator[object, None, T]) -> T:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def test_nothing_kept_is_refused() -> None:
    with pytest.raises(SettingsError, match="kept"):
        replace(QUICK, kept=0)


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
    color_model: Path,
    samples: list[Sample],
    cell_clusters: Callable[[list[int]], Examples],
) -> None:
    known = cell_clusters([1, 2, 3, 4, 5])
    segmenter = Segmenter(load_model(color_model), torch.device("cpu"))
    classifier = outcome(teach_classifier(segmenter, samples, QUICK, 0, known))
    likely = classifier.log_probabilities(known.features).argmax(axis=1)
    assert (classifier.class_ids[likely] == known.class_ids).mean() > 0.9
    assert len(classifier.examples) > len(known)
