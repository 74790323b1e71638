"""Classifiers learn classes from descriptions, alike on every laboratory."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from napari_leukoseg.errors import DataError, SettingsError
from napari_leukoseg.segment.classifier import CellClassifier, Examples
from napari_leukoseg.segment.morphology import feature_names
from napari_leukoseg.training.classifier_fit import FitSettings, fit_classifier

QUICK = FitSettings(trees=20, learning_rate=0.2)
N_FEATURES = len(feature_names())


def fitted(examples: Examples, class_ids: tuple[int, ...]) -> CellClassifier:
    """Classifier of these classes."""
    return fit_classifier(
        examples, QUICK, class_ids=class_ids, trust=0.5, kept=examples, seed=4
    )


def share_told(classifier: CellClassifier, examples: Examples) -> float:
    """Share of examples of which the most probable class is theirs."""
    likely = classifier.log_probabilities(examples.features).argmax(axis=1)
    return float((classifier.class_ids[likely] == examples.class_ids).mean())


@pytest.mark.parametrize("class_ids", [(3, 1, 2), (2, 1)])
def test_classes_are_learned_and_a_seed_repeats_them(
    cell_clusters: Callable[[list[int]], Examples], class_ids: tuple[int, ...]
) -> None:
    examples = cell_clusters(sorted(class_ids))
    fits = [fitted(examples, class_ids) for _ in range(2)]
    np.testing.assert_array_equal(fits[0].class_ids, class_ids)
    assert share_told(fits[0], examples) > 0.95
    for name, array in fits[0].to_arrays().items():
        np.testing.assert_array_equal(array, fits[1].to_arrays()[name])


def test_what_no_line_divides_is_learned() -> None:
    rng = np.random.default_rng(0)
    position = rng.uniform(-1, 1, 600)
    features = rng.normal(0, 0.1, (600, N_FEATURES)).astype(np.float32)
    features[:, :12] += position[:, None]
    class_ids = 1 + (np.abs(position) < 0.5)
    examples = Examples(features, class_ids, np.zeros(600, np.int64))
    assert share_told(fitted(examples, (1, 2)), examples) > 0.9


def test_what_differs_between_laboratories_is_passed_over() -> None:
    rng = np.random.default_rng(0)
    class_ids = np.tile([1, 2], 150)
    sources = np.repeat([0, 1, 2], 100)
    features = rng.normal(0, 0.3, (300, N_FEATURES)).astype(np.float32)
    features[:, 0] += class_ids
    features[:, 1] += class_ids + np.array([-2, 0, 2])[sources]
    examples = Examples(features, class_ids, sources)
    elsewhere = features.copy()
    elsewhere[:, 1] += 2
    moved = Examples(elsewhere, class_ids, sources)
    assert share_told(fitted(examples, (1, 2)), moved) > 0.9


def test_one_class_is_too_few(
    cell_clusters: Callable[[list[int]], Examples],
) -> None:
    with pytest.raises(DataError, match="two or more"):
        fitted(cell_clusters([2]), (1, 2))


@pytest.mark.parametrize(
    "setting",
    ["trees", "features_per_split", "leaf_size", "subsample", "learning_rate"],
)
def test_settings_of_nothing_are_refused(setting: str) -> None:
    with pytest.raises(SettingsError, match=setting):
        replace(QUICK, **{setting: 0})


def test_a_shrinkage_beyond_the_whole_is_refused() -> None:
    with pytest.raises(SettingsError, match="shrinkage"):
        replace(QUICK, shrinkage=1.1)
