"""How far a person and a model give cells the same class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.cells.columns import probability_column

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from napari_leukoseg.classes import ClassScheme

__all__ = ["Agreement", "compare_with_model"]


@dataclass(frozen=True, eq=False)
class Agreement:
    """Classes of a person against those of a model.

    Parameters
    ----------
    class_ids : tuple of int
        Classes of the scheme.
    names : tuple of str
        Their names.
    counts : ndarray of int, shape (n_classes, n_classes)
        Cells by the person's class (rows) and the model's (columns).
    n_unjudged : int
        Reviewed cells that no model has judged, which are left out: those that a
        person has drawn.
    """

    class_ids: tuple[int, ...]
    names: tuple[str, ...]
    counts: NDArray[np.int64]
    n_unjudged: int

    @property
    def n_cells(self) -> int:
        """Number of cells compared."""
        return int(self.counts.sum())

    @property
    def observed(self) -> float | None:
        """Fraction of cells with equal classes, none without a cell."""
        return int(np.trace(self.counts)) / self.n_cells if self.n_cells else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa, none where all cells are of one class.

        References
        ----------
        .. [1] J. Cohen, "A coefficient of agreement for nominal scales",
           Educational and Psychological Measurement 20, 1960.
        """
        observed = self.observed
        if observed is None:
            return None
        person, model = (self.counts.sum(axis) / self.n_cells for axis in (1, 0))
        expected = float(person @ model)
        # Both used one class, the same: chance alone agrees fully.
        return None if expected == 1 else (observed - expected) / (1 - expected)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can hold."""
        return {
            "class_ids": list(self.class_ids),
            "names": list(self.names),
            "counts": self.counts.tolist(),
            "n_cells": self.n_cells,
            "n_unjudged": self.n_unjudged,
            "observed": self.observed,
            "kappa": self.kappa,
        }


def compare_with_model(table: pd.DataFrame, scheme: ClassScheme) -> Agreement:
    """Compare the classes of reviewed cells with those that the model gave them.

    Parameters
    ----------
    table : DataFrame
        Cell table with ``class_id``, ``reviewed`` and the probabilities of classes;
        the model's class is the most probable one.
    scheme : ClassScheme
        Classes of the table.

    Returns
    -------
    agreement : Agreement
        Over all classes of the scheme, also those that the model does not know.

    Raises
    ------
    SettingsError
        If a reviewed cell has a class that the scheme lacks.
    """
    ids = tuple(c.id for c in scheme)
    counts = np.zeros((len(ids), len(ids)), np.int64)
    columns = {probability_column(c): index for index, c in enumerate(scheme)}
    known = [name for name in columns if name in table]
    reviewed = (
        table[table["reviewed"].astype(bool)] if "reviewed" in table else table[:0]
    )
    judged = reviewed.dropna(subset=known, how="all") if known else reviewed[:0]
    if len(judged):
        best = judged[known].fillna(-1.0).to_numpy(float).argmax(axis=1)
        model = np.array([columns[name] for name in known])[best]
        person = np.array([ids.index(scheme[int(i)].id) for i in judged["class_id"]])
        np.add.at(counts, (person, model), 1)
    names = tuple(c.name for c in scheme)
    return Agreement(ids, names, counts, len(reviewed) - len(judged))
