"""Tells the class of a cell from its features, by the vote of several small networks.

The examples that it learned from stay with it as numbers, so that it can be taught
again with more cells, or more classes, and forgets nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, log_softmax, logsumexp, softmax

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.morphology import feature_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["CellClassifier", "Examples"]

PREFIX = "cell_classifier."
"""Beginning of the names of its arrays among the weights of a model."""

LEAST_LIKELY = 0.02
"""Probability below which what the network holds for unlikely counts no less: on
stains that it never saw it is sure, and wrong."""


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
    """Small networks with one hidden layer each, whose probabilities are averaged.

    Parameters
    ----------
    class_ids : ndarray of int64, shape (K,)
        Class of each output.
    low, high : ndarray of float32, shape (F,)
        Features are clipped to what was seen.
    center, spread : ndarray of float32, shape (F,)
        Standardization of the clipped features.
    hidden_weight, hidden_bias : ndarray of float32, shape (M, H, F) and (M, H)
        Hidden layers of M networks, before a sigmoid linear unit.
    weight, bias : ndarray of float32, shape (M, K, H) and (M, K)
        Their outputs, logits.
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
    hidden_weight: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
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
        hidden = np.einsum("mhf,nf->mnh", self.hidden_weight, inputs)
        hidden += self.hidden_bias[:, None]
        hidden *= expit(hidden)
        logits = np.einsum("mkh,mnh->mnk", self.weight, hidden) + self.bias[:, None]
        voted = logsumexp(log_softmax(logits.astype(np.float64), axis=-1), axis=0)
        return np.asarray(voted - np.log(len(self.bias)), np.float64)

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
        """Return arrays by name, for the weights of a model."""
        own = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name != "examples"
        }
        taught = {
            "example_features": self.examples.features,
            "example_class_ids": self.examples.class_ids,
            "example_sources": self.examples.sources,
        }
        return {f"{PREFIX}{name}": array for name, array in {**own, **taught}.items()}

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

        names = [f.name for f in fields(cls) if f.name not in ("examples", "class_ids")]
        try:
            examples = Examples(
                kept("example_features", np.float32),
                kept("example_class_ids", np.int64),
                kept("example_sources", np.int64),
            )
            own = {name: kept(name, np.float32) for name in names}
            class_ids = kept("class_ids", np.int64)
        except KeyError as error:
            raise ModelError(f"The classifier of a model lacks {error}.") from error
        n_features, n_known = examples.features.shape[1], len(feature_names())
        if n_features != n_known:
            raise ModelError(
                f"The classifier of a model knows {n_features} features of a cell, "
                f"this version of leukoseg {n_known}; train it again."
            )
        return cls(class_ids=class_ids, **own, examples=examples)
