"""Gives a network outputs for more classes, and leaves the others as they are."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import torch

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.model import Model
from napari_leukoseg.segment.networks import ARCHITECTURES, build_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.segment.networks import SegmentationNetwork

__all__ = ["extend_classes"]

NEW_CLASS_LOGIT = -1.0
"""How far below the mean of the known classes a new one starts: it wins no cell
before it is taught, and is not so far off that it learns slowly."""


def extend_classes(base: Model, class_ids: Sequence[int], scheme: ClassScheme) -> Model:
    """Return a copy of a model that knows some classes more.

    Parameters
    ----------
    base : Model
        Not changed.
    class_ids : sequence of int
        Classes to be taught; those that it knows stay in their places, and new ones
        follow. A model that knows none stays without.
    scheme : ClassScheme
        Describes the new ones.

    Returns
    -------
    model : Model
        Logits of the classes known before, and all other outputs, are those of the
        base.

    Raises
    ------
    ModelError
        If the network cannot have more classes.
    """
    card = base.card
    added = tuple(i for i in class_ids if i not in card.class_ids)
    if not card.class_ids:  # it only outlines, and goes on to do so
        added = ()
    settings = dict(card.settings)
    if added:
        settings["n_classes"] = len(card.class_ids) + len(added)
    network = rebuild(base, settings, len(added))
    own = [entry for entry in scheme.to_dict()["classes"] if entry["id"] in added]
    known = {entry["id"] for entry in card.own_classes}
    described = [entry for entry in own if entry["id"] not in known]
    return Model(
        replace(
            card,
            settings=settings,
            class_ids=(*card.class_ids, *added),
            own_classes=(*card.own_classes, *described),
        ),
        network,
    )


def rebuild(
    base: Model, settings: dict[str, object], n_added: int
) -> SegmentationNetwork:
    """Build a network of other settings with the weights of a model."""
    name = base.card.architecture
    if n_added and "n_classes" not in settings_of(name):
        raise cannot_extend(name)
    network = build_network(name, settings)
    weights = base.network.state_dict()
    for key, empty in network.state_dict().items():
        if empty.shape != weights[key].shape:
            weights[key] = widened(weights[key], empty, len(base.card.class_ids), name)
    network.load_state_dict(weights)
    return network.eval()


def widened(
    known: torch.Tensor, empty: torch.Tensor, n_known: int, name: str
) -> torch.Tensor:
    """Add rows to the last layer: classes come last, so what is there stays.

    A new row is the mean of those of the known classes, less `NEW_CLASS_LOGIT` for a
    bias: as unsure as they are of each other.
    """
    n_rows = len(empty) - len(known)
    if n_rows < 1 or known.shape[1:] != empty.shape[1:]:
        raise cannot_extend(name)
    mean = known[len(known) - n_known :].mean(dim=0, keepdim=True)
    if known.ndim == 1:
        mean = mean + NEW_CLASS_LOGIT
    return torch.cat([known, mean.expand(n_rows, *known.shape[1:])])


def settings_of(architecture: str) -> set[str]:
    """Names of the settings of an architecture."""
    return {field.name for field in fields(ARCHITECTURES[architecture][1])}


def cannot_extend(architecture: str) -> ModelError:
    """Tell that an architecture has a fixed number of classes."""
    return ModelError(
        f"Classes cannot be added to a network of architecture {architecture!r}; "
        "choose another base."
    )
