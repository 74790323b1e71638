"""The three result layers: how they look, and how they change in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap

from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.roles import CLASSES, ROLES, Seen

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import LayerList
    from numpy.typing import NDArray

    from napari_leukoseg.case import Touched
    from napari_leukoseg.cells import Differential
    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.plugin.case_view import CaseView, Snapshot

__all__ = [
    "CASE_KEY",
    "ROLE_KEY",
    "class_colormap",
    "edit_steps",
    "features_of",
    "find_layers",
    "forget_history",
    "layer_attributes",
    "seen_by",
    "spatial_of",
    "write_changes",
    "write_patch",
]

CASE_KEY = "leukoseg_case"
"""Entry of a result layer's metadata: path of its case."""

ROLE_KEY = "leukoseg_role"
"""Entry of a result layer's metadata: one of `ROLES`."""

_OPACITY = {"nucleus": 0.4, "cytoplasm": 0.2, CLASSES: 0.4}

_SHADES = {
    "nucleus": ("#000030", "#400040", "#003838", "#402000", "#383838"),
    "cytoplasm": ("#ffffff", "#ffe0c0", "#c8e8ff", "#e8ffc8", "#ffc8e8"),
}
"""Dark and light shades, which leave the hue to the class; neighbors differ."""

_STEP_PIXELS = 200_000
"""Pixels changed at a time, so that the window stays alive in between."""

_FIRST_FEATURES = ("cell_id", "class", "confidence")


def layer_attributes(
    view: CaseView, role: str, spatial: dict[str, Any]
) -> dict[str, Any]:
    """Return the attributes of a new result layer.

    Parameters
    ----------
    view : CaseView
        Source of labels and scheme.
    role : str
        One of `ROLES`.
    spatial : dict
        Place of the picture's layer in the world.
    """
    attributes: dict[str, Any] = {
        "name": role,
        "multiscale": not view.is_plain,
        "opacity": _OPACITY[role],
        "metadata": {CASE_KEY: str(view.case.path), ROLE_KEY: role},
        **spatial,
    }
    attributes["colormap"] = (
        class_colormap(view.scheme) if role == CLASSES else _shade_colormap(role)
    )
    return attributes


def _shade_colormap(role: str) -> CyclicLabelColormap:
    """Return the shades of a layer of cell ids."""
    shades = [(*bytes.fromhex(shade[1:]), 255) for shade in _SHADES[role]]
    background = (0, 0, 0, 0)
    return CyclicLabelColormap(colors=np.array([background, *shades]) / 255)


def class_colormap(scheme: ClassScheme) -> DirectLabelColormap:
    """Return the scheme's colors by class id."""
    colors: dict[int | None, Any] = {c.id: c.color for c in scheme}
    return DirectLabelColormap(
        color_dict={None: "transparent", 0: "transparent", **colors}
    )


def find_layers(layers: LayerList, case: str) -> dict[str, Labels]:
    """Return the result layers of a case that a viewer has, by role."""
    found: dict[str, Labels] = {}
    for layer in layers:
        if isinstance(layer, Labels) and layer.metadata.get(CASE_KEY) == case:
            found.setdefault(layer.metadata[ROLE_KEY], layer)
    return found


def spatial_of(layer: Image) -> dict[str, Any]:
    """Return where a picture lies in the world, for layers that cover it."""
    return {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
    }


def cell_features(table: pd.DataFrame, scheme: ClassScheme) -> pd.DataFrame:
    """Return the cell table as the features of a layer of cell ids.

    The viewer finds a cell's row by the column ``index``.
    """
    from napari_leukoseg.case import CLASS_COLUMN

    names = {c.id: c.name for c in scheme}
    classes = table[CLASS_COLUMN].map(names).astype(object).fillna("")
    features = table.assign(**{"class": classes, "index": table["cell_id"]})
    first = ["index", *(name for name in _FIRST_FEATURES if name in features)]
    return features[[*first, *(name for name in features if name not in first)]]


def class_features(count: Differential) -> pd.DataFrame:
    """Return the differential count as the features of the layer of class ids."""
    import pandas as pd

    return pd.DataFrame(
        {
            "index": [c.class_id for c in count.classes],
            "class": [c.name for c in count.classes],
            "cells": [c.count for c in count.classes],
            "per_100": [c.per_100 for c in count.classes],
        }
    )


def features_of(
    table: pd.DataFrame, count: Differential, scheme: ClassScheme
) -> dict[str, pd.DataFrame]:
    """Return the features of each layer; may run in any thread."""
    cells, classes = cell_features(table, scheme), class_features(count)
    return {role: classes if role == CLASSES else cells for role in ROLES}


def seen_by(layers: dict[str, Labels]) -> list[Seen]:
    """Return what the layers of a pyramid show at the moment."""
    seen = []
    for role, layer in layers.items():
        if not (layer.visible and layer.multiscale):
            continue
        rows, columns = layer.level_shapes[layer.data_level]
        first, last = layer.corner_pixels[:, -2:]
        region = Region.from_bounds(
            int(first[0]), int(first[1]), int(last[0]) + 1, int(last[1]) + 1
        )
        whole = Region(0, 0, int(rows), int(columns))
        seen.append(Seen(role, layer.data_level, region.intersection(whole)))
    return seen


def write_changes(
    layer: Labels, snapshot: Snapshot, role: str, changed: NDArray[np.intp]
) -> Iterator[None]:
    """Write changed pixels into a plain layer, some at a time.

    Refreshing a whole layer of a large picture takes the viewer half a second;
    writing what has changed takes milliseconds.

    Parameters
    ----------
    layer : Labels
        Layer with an array in memory.
    snapshot : Snapshot
        New labels.
    role : str
        Which of them.
    changed : ndarray of int
        Flat indices of the pixels to write.
    """
    labels = snapshot.whole[role]
    for start in range(0, len(changed), _STEP_PIXELS):
        flat = changed[start : start + _STEP_PIXELS]
        indices = np.unravel_index(flat, labels.shape)
        if layer.visible and layer.loaded:
            layer.data_setitem(indices, labels[indices])
        else:
            layer.data[indices] = labels[indices]
        yield
    if len(changed):
        layer.opacity = layer.opacity  # draws the thumbnail, and nothing else
        yield


def write_patch(layer: Labels, region: Region, labels: NDArray[Any]) -> None:
    """Write what differs in a part of a plain layer, and show it.

    Parameters
    ----------
    layer : Labels
        Layer with an array in memory.
    region : Region
        Part of the array.
    labels : ndarray, shape (height, width) of `region`
        What it is to hold.
    """
    rows, columns = np.nonzero(layer.data[region.slices] != labels)
    if not len(rows):
        return
    indices = (rows + region.row, columns + region.column)
    if layer.visible and layer.loaded:
        layer.data_setitem(indices, labels[rows, columns])
        return
    layer.data[indices] = labels[rows, columns]
    if layer.visible:  # what is being sliced beside may have been read before
        layer.refresh(extent=False, highlight=False)


def edit_steps(
    layers: dict[str, Labels], view: CaseView, touched: Touched
) -> Iterator[None]:
    """Bring layers to the state after edits, a part of them a step.

    Parameters
    ----------
    layers : dict of str to Labels
        By role.
    view : CaseView
        What they show; it has taken the edits.
    touched : Touched
        What these have changed.
    """
    if not view.is_plain:
        changed = ROLES if touched.boxes else (CLASSES,) if touched.cell_ids else ()
        for role in layers.keys() & changed:
            layers[role].refresh(extent=False, highlight=False)
            yield
        return
    for box, labels in view.edited(touched):
        for role in labels.keys() & layers.keys():
            write_patch(layers[role], box, labels[role])
        yield
    for layer in layers.values():
        forget_history(layer)


def forget_history(layer: Labels) -> None:
    """Make sure that undo does not take back what the layer was not painted with.

    napari's own way, making a layer uneditable for a moment, takes the user's tool
    away.
    """
    for name in ("_undo_history", "_redo_history"):
        getattr(layer, name).clear()
