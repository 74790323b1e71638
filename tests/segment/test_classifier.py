"""A classifier votes, is kept whole in half precision, and knows its limits."""

import numpy as np
import pytest

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.classifier import TREE_DEPTH, CellClassifier, Examples
from napari_leukoseg.segment.morphology import feature_names

N_FEATURES = len(feature_names())


@pytest.fixture
def classifier() -> CellClassifier:
    """Classifier of random weights, of classes 1, 2 and 5."""
    rng = np.random.default_rng(0)

    def random(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.3, shape).astype(np.float32)

    features = random(6, N_FEATURES)
    return CellClassifier(
        np.array([1, 2, 5]),
        np.full(N_FEATURES, -3, np.float32),
        np.full(N_FEATURES, 3, np.float32),
        random(N_FEATURES),
        np.abs(random(N_FEATURES)) + 0.5,
        random(3, N_FEATURES),
        random(3),
        rng.integers(N_FEATURES, size=(4, 3, 2**TREE_DEPTH - 1)),
        random(4, 3, 2**TREE_DEPTH - 1),
        random(4, 3, 2**TREE_DEPTH),
        np.array(0.5, np.float32),
        Examples.of([(row, 1 + i % 2) for i, row in enumerate(features)], 3),
    )


def test_probabilities_sum_to_one(classifier: CellClassifier) -> None:
    log = classifier.log_probabilities(classifier.examples.features)
    np.testing.assert_allclose(np.exp(log).sum(axis=1), 1)


def test_half_precision_keeps_the_votes_and_the_examples(
    classifier: CellClassifier,
) -> None:
    halved = {
        name: array.astype(np.float16) if array.dtype == np.float32 else array
        for name, array in classifier.to_arrays().items()
    }
    again = CellClassifier.from_arrays(halved)
    features = classifier.examples.features
    np.testing.assert_allclose(
        again.log_probabilities(features),
        classifier.log_probabilities(features),
        atol=0.02,
    )
    np.testing.assert_array_equal(
        again.examples.class_ids, classifier.examples.class_ids
    )


def test_a_class_that_only_the_network_knows_keeps_its_probability(
    classifier: CellClassifier,
) -> None:
    features = classifier.examples.features[0]
    network = np.array([0.2, 0.1, 0.1, 0.6])
    combined = classifier.combine(features, (1, 2, 5, 7), network)
    assert combined.sum() == pytest.approx(1)
    assert combined[3] == 0.6


def test_both_opinions_count(classifier: CellClassifier) -> None:
    features, ids = classifier.examples.features[0], (1, 2, 5)
    own = np.exp(classifier.log_probabilities(features[None])[0])
    unsure = classifier.combine(features, ids, np.full(3, 1 / 3))
    np.testing.assert_allclose(unsure, own)
    for index in range(3):
        sure = np.full(3, 1e-6)
        sure[index] = 1 - 2e-6
        assert classifier.combine(features, ids, sure)[index] > own[index]


def test_joined_examples_are_further_sets(classifier: CellClassifier) -> None:
    examples = classifier.examples
    joined = Examples.none().joined(examples, examples)
    assert len(joined) == 2 * len(examples)
    assert joined.sources.min() >= 0


def test_examples_of_some_classes_keep_theirs(classifier: CellClassifier) -> None:
    chosen = classifier.examples.of_classes((2,))
    assert set(chosen.class_ids.tolist()) == {2}
    is_chosen = classifier.examples.class_ids == 2
    np.testing.assert_array_equal(
        chosen.features, classifier.examples.features[is_chosen]
    )


def test_another_version_of_the_features_is_refused(
    classifier: CellClassifier,
) -> None:
    arrays = classifier.to_arrays()
    name = "cell_classifier.example_features"
    arrays[name] = np.zeros((2, N_FEATURES + 1), np.float32)
    with pytest.raises(ModelError, match="train it again"):
        CellClassifier.from_arrays(arrays)
    del arrays[name]
    with pytest.raises(ModelError, match="lacks"):
        CellClassifier.from_arrays(arrays)
