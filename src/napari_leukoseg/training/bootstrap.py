"""Intervals by drawing source groups anew, since cells of one field are alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.training.metrics import ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Figure", "GroupResampling"]

TAILS = (2.5, 97.5)
"""Percentiles of the resamples that bound a 95 % interval."""

MIN_GROUPS = 2
"""A single group drawn again and again says nothing of others."""


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval; NaN where there is none.

    Parameters
    ----------
    value : float
        Of the data as they are.
    low, high : float
        Bounds.
    """

    value: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return math.isfinite(self.value)

    @property
    def has_interval(self) -> bool:
        """Whether there are bounds."""
        return math.isfinite(self.low)


class GroupResampling:
    """Bootstrap by source group: how often each group counts in each resample [1]_.

    Parameters
    ----------
    groups : sequence of str, length n
        Source group of each item.
    n_resamples : int
        Number of resamples.
    seed : int
        Equal seeds give equal intervals.

    Attributes
    ----------
    names : tuple of str
        The groups, each once.
    index : ndarray of intp, shape (n,)
        Place of each item's group in `names`.
    weights : ndarray of float64, shape (1 + n_resamples, n_groups)
        The first row is the data as they are, each group once.

    References
    ----------
    .. [1] A. C. Davison and D. V. Hinkley, *Bootstrap methods and their
       application*, Cambridge University Press, 1997, section 3.8.
    """

    def __init__(self, groups: Sequence[str], n_resamples: int, seed: int) -> None:
        names, self.index = np.unique(np.asarray(groups, str), return_inverse=True)
        self.names = tuple(names.tolist())
        n_groups = len(self.names)
        drawn = np.random.default_rng(seed).multinomial(
            n_groups, np.full(n_groups, 1 / max(1, n_groups)), n_resamples
        )
        self.weights = np.concatenate([np.ones((1, n_groups)), drawn])

    def total(
        self, values: ArrayLike, items: NDArray[np.intp] | None = None
    ) -> NDArray[np.float64]:
        """Sum values over items, in the data and in each resample.

        Parameters
        ----------
        values : array_like, shape (m, ...)
            Of the items, or of parts of them.
        items : ndarray of intp, shape (m,), optional
            Item that each value belongs to; one value an item by default.

        Returns
        -------
        totals : ndarray of float64, shape (1 + n_resamples, ...)
        """
        parts = np.asarray(values, np.float64)
        sums = np.zeros((len(self.names), *parts.shape[1:]))
        np.add.at(sums, self.index if items is None else self.index[items], parts)
        return np.tensordot(self.weights, sums, axes=1)

    def mean(
        self, values: ArrayLike, items: NDArray[np.intp] | None = None
    ) -> NDArray[np.float64]:
        """Average the values that are known, shape (1 + n_resamples,)."""
        parts = np.asarray(values, np.float64)
        known = np.isfinite(parts)
        return ratio(
            self.total(np.where(known, parts, 0), items), self.total(known, items)
        )

    def figure(self, samples: NDArray[np.floating[Any]]) -> Figure:
        """Give the value and the interval of a figure in data and resamples.

        Parameters
        ----------
        samples : ndarray of float, shape (1 + n_resamples,)
            As `total` and `mean` give it, or computed from that.
        """
        value, resampled = float(samples[0]), samples[1:]
        resampled = resampled[np.isfinite(resampled)]
        if len(self.names) < MIN_GROUPS or not resampled.size:
            return Figure(value, math.nan, math.nan)
        low, high = np.percentile(resampled, TAILS)
        return Figure(value, float(low), float(high))
