"""Fits a classifier of cells to their descriptions.

Its two methods err in different ways on a laboratory that they never saw. Linear
discriminants turn away from what differs between cells of one type, and so from what
differs between laboratories, since all of them count. Boosted trees look at few
features at a time, and see what is not linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ConfigDict, with_config
from sklearn.covariance import shrunk_covariance
from sklearn.ensemble import GradientBoostingClassifier

from napari_leukoseg.errors import DataError, SettingsError
from napari_leukoseg.segment.classifier import TREE_DEPTH, CellClassifier, Examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["FitSettings", "fit_classifier"]

CLIPPED = 0.005
"""Share of the values of a feature that are clipped at each end."""

LEAF = -1
"""What scikit-learn gives for a node that nothing follows."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class FitSettings:
    """How a classifier is fitted to descriptions.

    Parameters
    ----------
    shrinkage : float, optional
        Of the covariance of the linear discriminants, towards that of features that
        do not depend on each other; 0 to 1.
    trees : int, optional
        Boosted trees per class.
    learning_rate : float, optional
        How much each of them counts.
    subsample : float, optional
        Share of the descriptions that each tree learns from; above 0, to 1.
    features_per_split : int, optional
        Features that a decision is chosen from.
    leaf_size : int, optional
        Fewest descriptions in a leaf.
    """

    shrinkage: float = 0.02
    trees: int = 150
    learning_rate: float = 0.05
    subsample: float = 0.5
    features_per_split: int = 8
    leaf_size: int = 10

    def __post_init__(self) -> None:
        for name in ("trees", "features_per_split", "leaf_size"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 1 or more.")
        if not 0 <= self.shrinkage <= 1:
            raise SettingsError(f"shrinkage is {self.shrinkage}; give 0 to 1.")
        if not 0 < self.subsample <= 1:
            raise SettingsError(f"subsample is {self.subsample}; give above 0, to 1.")
        if self.learning_rate <= 0:
            raise SettingsError(f"learning_rate is {self.learning_rate}; give above 0.")


def fit_classifier(
    examples: Examples,
    settings: FitSettings,
    *,
    class_ids: Sequence[int],
    trust: float,
    kept: Examples,
    seed: int,
) -> CellClassifier:
    """Fit a classifier to described cells.

    Classes count alike, and within each class the sets by the square root of their
    cells. Takes seconds.

    Parameters
    ----------
    examples : Examples
        What is taught.
    settings : FitSettings
        Size and strength.
    class_ids : sequence of int
        Classes to tell apart; those without an example are left out.
    trust : float
        How much the evidence of the segmentation network counts beside it.
    kept : Examples
        What stays with the classifier.
    seed : int
        Seeds what each tree sees.

    Raises
    ------
    DataError
        If there are fewer than two classes.
    """
    known = np.array([i for i in class_ids if i in set(examples.class_ids.tolist())])
    if len(known) < 2:
        raise DataError(
            f"There are cells of {len(known)} classes; a classifier needs two or more."
        )
    taught = examples.of_classes(known.tolist())
    features = taught.features
    low, high = np.quantile(features, (CLIPPED, 1 - CLIPPED), axis=0)
    clipped = features.clip(low, high)
    center, spread = clipped.mean(axis=0), clipped.std(axis=0) + 1e-6
    inputs = ((clipped - center) / spread).astype(np.float32)
    order = np.argsort(known)
    targets = order[np.searchsorted(known[order], taught.class_ids)]
    shares = _shares(taught.class_ids, taught.sources)
    weight, bias = _discriminate(inputs, targets, shares, settings.shrinkage)
    tree_features, thresholds, leaves = _boost(inputs, targets, shares, settings, seed)
    return CellClassifier(
        known.astype(np.int64),
        low.astype(np.float32),
        high.astype(np.float32),
        center.astype(np.float32),
        spread.astype(np.float32),
        weight.astype(np.float32),
        bias.astype(np.float32),
        tree_features,
        thresholds.astype(np.float32),
        leaves.astype(np.float32),
        np.array(trust, np.float32),
        kept,
    )


def _shares(
    class_ids: NDArray[np.int64], sources: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How much each example counts; sums to one."""
    shares = np.zeros(len(class_ids))
    for class_id in np.unique(class_ids):
        of_class = class_ids == class_id
        for source in np.unique(sources[of_class]):
            here = of_class & (sources == source)
            shares[here] = here.sum() ** -0.5
        shares[of_class] /= shares[of_class].sum()
    shares /= shares.sum()
    return shares


def _discriminate(
    inputs: NDArray[np.float32],
    targets: NDArray[np.int64],
    shares: NDArray[np.float64],
    shrinkage: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit linear discriminants (Fisher 1936) to weighted examples; weights, biases.

    scikit-learn's take no weights, without which the largest set would say alone what
    varies within a class.
    """
    classes = np.unique(targets)
    means = np.stack(
        [
            np.average(inputs[targets == i], axis=0, weights=shares[targets == i])
            for i in classes
        ]
    )
    apart = inputs - means[targets]
    covariance = shrunk_covariance((apart * shares[:, None]).T @ apart, shrinkage)
    weight = np.linalg.solve(covariance, means.T).T
    return weight, -0.5 * (weight * means).sum(axis=1)


def _boost(
    inputs: NDArray[np.float32],
    targets: NDArray[np.int64],
    shares: NDArray[np.float64],
    settings: FitSettings,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Boost trees (Friedman 2001, 2002); features, thresholds and leaves."""
    model = GradientBoostingClassifier(
        init="zero",
        n_estimators=settings.trees,
        learning_rate=settings.learning_rate,
        max_depth=TREE_DEPTH,
        subsample=settings.subsample,
        max_features=min(settings.features_per_split, inputs.shape[1]),
        min_samples_leaf=settings.leaf_size,
        random_state=seed,
    ).fit(inputs, targets, sample_weight=shares * len(shares))
    grown = [[_complete(tree.tree_) for tree in row] for row in model.estimators_]
    features, thresholds, leaves = (
        np.array([[tree[part] for tree in row] for row in grown]) for part in range(3)
    )
    leaves = leaves * settings.learning_rate
    if leaves.shape[1] == 1:  # two classes: the trees speak of the second only
        features, thresholds = (np.repeat(a, 2, axis=1) for a in (features, thresholds))
        leaves = np.concatenate([np.zeros_like(leaves), leaves], axis=1)
    return features, thresholds, leaves


def _complete(
    tree: Any,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Features, thresholds and leaves of a tree of which all leaves are at the end."""
    nodes = np.zeros(1, np.int64)
    features, thresholds = [], []
    for _ in range(TREE_DEPTH):
        left, right = tree.children_left[nodes], tree.children_right[nodes]
        is_leaf = left == LEAF
        features.append(np.where(is_leaf, 0, tree.feature[nodes]))
        thresholds.append(np.where(is_leaf, 0, tree.threshold[nodes]))
        following = [np.where(is_leaf, nodes, side) for side in (left, right)]
        nodes = np.stack(following, axis=1).ravel()
    leaves = tree.value[nodes].ravel()
    return np.concatenate(features), np.concatenate(thresholds), leaves
