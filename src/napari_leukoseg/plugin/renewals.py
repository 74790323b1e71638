"""What threads read of a case for its layers; imported where they need it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case import Case
from napari_leukoseg.cells import differential
from napari_leukoseg.plugin.case_view import CaseView, Snapshot
from napari_leukoseg.plugin.layers import features_of
from napari_leukoseg.plugin.roles import ROLES, Seen

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Opened", "Renewal", "open_view", "read_renewal", "read_tables"]


@dataclass(frozen=True, eq=False)
class Renewal:
    """All that a refresh of the layers needs.

    Parameters
    ----------
    snapshot : Snapshot
        State to show.
    changed : dict of str to ndarray
        By role: flat indices of changed pixels, for plain layers.
    features : dict of str to DataFrame, or None
        By role: new table, none where it is not renewed.
    """

    snapshot: Snapshot
    changed: dict[str, NDArray[np.intp]]
    features: dict[str, pd.DataFrame] | None


@dataclass(frozen=True, eq=False)
class Opened:
    """A case that was opened for the layers.

    Parameters
    ----------
    view : CaseView
        Its labels.
    features : dict of str to DataFrame
        By role: table of the layer.
    painted : set of str
        Layers that a person has painted on.
    """

    view: CaseView
    features: dict[str, pd.DataFrame]
    painted: set[str]


def open_view(path: Path, strangers: dict[str, NDArray[Any]]) -> Opened:
    """Open a case for the viewer; runs in a thread.

    Layers of the case that came from elsewhere, from the reader for instance,
    may have been painted on before anybody watched them.
    """
    view = CaseView(Case.open(path))
    painted = {
        role
        for role, labels in strangers.items()
        if view.is_plain and not np.array_equal(labels, view.data(role))
    }
    return Opened(
        view,
        features_of(view.snapshot.table, view.snapshot.count, view.scheme),
        painted,
    )


def read_renewal(
    view: CaseView, seen: list[Seen], before: Snapshot | None, has_features: bool
) -> Renewal:
    """Read what a refresh needs; runs in a thread."""
    snapshot = view.read(seen, before)
    changed = {r: view.changes(snapshot, r) for r in ROLES} if view.is_plain else {}
    if not has_features:
        return Renewal(snapshot, changed, None)
    features = features_of(snapshot.table, snapshot.count, view.scheme)
    return Renewal(snapshot, changed, features)


def read_tables(view: CaseView) -> tuple[Snapshot, dict[str, pd.DataFrame]]:
    """Return the snapshot with its cells counted, and tables; runs in a thread."""
    snapshot = view.snapshot
    snapshot = replace(snapshot, count=differential(snapshot.table, view.scheme))
    return snapshot, features_of(snapshot.table, snapshot.count, view.scheme)
