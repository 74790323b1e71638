"""Tells the class of a cell from its features, by the vote of two methods.

The examples that it learned from stay with it as numbers, so that it can be taught
again with more cells, or more classes, and forgets nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import log_softmax, softmax

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.morphology import feature_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["TREE_DEPTH", "CellClassifier", "Examples"]

PREFIX = "cell_classifier."
"""Beginning of the names of its arrays among the weights of a model."""

LEAST_LIKELY = 0.02
"""Probability below which what an opinion holds for unlikely counts no less: on stains
that it never saw it is sure, and wrong."""

TREE_DEPTH = 3
"""Decisions of a tree on the way to a leaf."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Described cells with their class.

    Parameters
    ----------
    features : ndarray of float32, shape (N, F)
        As `morphology.describe_cell` gives them.
    class_ids : ndarray of int64, shape (N,)
        Class of each.
    sources : ndarray of int64, shape (N,)
        Number of the data set that each comes from.
    """

    features: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    sources: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.class_ids)

    @classmethod
    def none(cls) -> Examples:
        """Return no example."""
        return cls.of([], 0)

    @classmethod
    def of(
        cls, described: Sequence[tuple[NDArray[np.float32], int]], source: int
    ) -> Examples:
        """Gather features and class ids of cells of one data set."""
        features = np.zeros((len(described), len(feature_names())), np.float32)
        for row, (values, _) in zip(features, described, strict=True):
            row[:] = values
        class_ids = np.array([class_id for _, class_id in described], np.int64)
        return cls(features, class_ids, np.full(len(described), source, np.int64))

    def of_classes(self, class_ids: Sequence[int]) -> Examples:
        """Return those of some classes."""
        chosen = np.isin(self.class_ids, class_ids)
        return Examples(
            self.features[chosen], self.class_ids[chosen], self.sources[chosen]
        )

    def joined(self, *others: Examples) -> Examples:
        """Put others behind these, as further data sets."""
        first = int(self.sources.max(initial=-1)) + 1
        sources = (other.sources + first for other in others)
        return Examples(
            np.concatenate([self.features, *(other.features for other in others)]),
            np.concatenate([self.class_ids, *(other.class_ids for other in others)]),
            np.concatenate([self.sources, *sources]),
        )


@dataclass(frozen=True, eq=False)
class CellClassifier:
    """Linear discriminants and boosted trees, whose opinions count alike.

    Parameters
    ----------
    class_ids : ndarray of int64, shape (K,)
        Class of each output.
    low, high : ndarray of float32, shape (F,)
        Features are clipped to what was seen.
    center, spread : ndarray of float32, shape (F,)
        Standardization of the clipped features.
    weight, bias : ndarray of float32, shape (K, F) and (K,)
        Discriminants, logits.
    tree_features : ndarray of int64, shape (T, K, 2 ** TREE_DEPTH - 1)
        Feature that each node of T trees per class looks at. The nodes that follow
        node i are 2i + 1 and 2i + 2.
    tree_thresholds : ndarray of float32, shape (T, K, 2 ** TREE_DEPTH - 1)
        Standardized value above which it goes on to the second.
    tree_leaves : ndarray of float32, shape (T, K, 2 ** TREE_DEPTH)
        What a tree adds to the logit of its class.
    trust : ndarray of float32, shape ()
        How much the evidence of the segmentation network counts beside it.
    examples : Examples
        What it was taught.
    """

    class_ids: NDArray[np.int64]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    center: NDArray[np.float32]
    spread: NDArray[np.float32]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    tree_features: NDArray[np.int64]
    tree_thresholds: NDArray[np.float32]
    tree_leaves: NDArray[np.float32]
    trust: NDArray[np.float32]
    examples: Examples

    def log_probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give the logarithm of the probability of each class, shape (N, K).

        Parameters
        ----------
        features : ndarray of float32, shape (N, F)
            As `morphology.describe_cell` gives them.
        """
        inputs = (np.clip(features, self.low, self.high) - self.center) / self.spread
        logits = np.stack([inputs @ self.weight.T + self.bias, self._climb(inputs)])
        opinions = np.log(softmax(logits.astype(np.float64), axis=2) + LEAST_LIKELY)
        return np.asarray(log_softmax(opinions.mean(axis=0), axis=1), np.float64)

    def _climb(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum of what the trees of each class say, shape (N, K)."""
        cell = np.arange(len(inputs))[:, None, None]
        n_trees, n_classes = self.tree_leaves.shape[:2]
        tree, class_index = np.arange(n_trees)[:, None], np.arange(n_classes)
        node = np.zeros((len(inputs), n_trees, n_classes), np.int64)
        for _ in range(TREE_DEPTH):
            value = inputs[cell, self.tree_features[tree, class_index, node]]
            is_above = value > self.tree_thresholds[tree, class_index, node]
            node = 2 * node + 1 + is_above
        leaf = node - self.tree_features.shape[2]
        said = self.tree_leaves[tree, class_index, leaf].sum(axis=1)
        return np.asarray(said, np.float32)

    def combine(
        self,
        features: NDArray[np.float32],
        class_ids: tuple[int, ...],
        probabilities: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Weigh its own opinion of one cell and that of the segmentation network.

        Parameters
        ----------
        features : ndarray of float32, shape (F,)
            Description of the cell.
        class_ids : tuple of int
            Classes of the network.
        probabilities : ndarray of float64, shape (len(class_ids),)
            What the network holds for likely.

        Returns
        -------
        combined : ndarray of float64, shape (len(class_ids),)
            Product of both, the network's to the power of `trust`; sums to one. A
            class that only the network knows keeps the network's probability.
        """
        own = dict(
            zip(
                self.class_ids.tolist(),
                self.log_probabilities(features[None])[0],
                strict=True,
            )
        )
        trust = float(self.trust)
        log = np.log(np.maximum(probabilities, LEAST_LIKELY))
        known = np.array([own.get(i, np.nan) for i in class_ids])
        is_known = ~np.isnan(known)
        share = probabilities[is_known].sum()
        combined = probabilities.copy()
        combined[is_known] = share * softmax(known[is_known] + trust * log[is_known])
        return combined

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return arrays by name, as the weights of a model; integers take 16 bits."""
        own = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name != "examples"
        }
        taught = {
            "example_features": self.examples.features,
            "example_class_ids": self.examples.class_ids,
            "example_sources": self.examples.sources,
        }
        return {
            f"{PREFIX}{name}": array.astype(np.int16) if array.dtype == int else array
            for name, array in {**own, **taught}.items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> CellClassifier:
        """Build from what `to_arrays` gave, at whatever precision it was kept.

        Raises
        ------
        ModelError
            If an array is missing, or the features are not those of this version.
        """

        def kept(name: str, dtype: type) -> NDArray[Any]:
            return np.asarray(arrays[PREFIX + name]).astype(dtype)

        whole = ("class_ids", "tree_features")
        names = [f.name for f in fields(cls) if f.name not in (*whole, "examples")]
        try:
            examples = Examples(
                kept("example_features", np.float32),
                kept("example_class_ids", np.int64),
                kept("example_sources", np.int64),
            )
            own = {name: kept(name, np.float32) for name in names}
            own |= {name: kept(name, np.int64) for name in whole}
        except KeyError as error:
            raise ModelError(f"The classifier of a model lacks {error}.") from error
        n_features, n_known = examples.features.shape[1], len(feature_names())
        if n_features != n_known:
            raise ModelError(
                f"The classifier of a model knows {n_features} features of a cell, "
                f"this version of leukoseg {n_known}; train it again."
            )
        return cls(**own, examples=examples)
