"""Measure one segmented cell into a row of the cell table."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from napari_leukoseg.cells.appearance import measure_color, measure_texture
from napari_leukoseg.cells.columns import probability_column
from napari_leukoseg.cells.lobes import count_lobes
from napari_leukoseg.cells.shape import (
    bounding_region,
    equivalent_diameter,
    measure_shape,
)
from napari_leukoseg.classes import DEFAULT_SCHEME, ClassScheme
from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_leukoseg.cell import SegmentedCell
    from napari_leukoseg.geometry import Region

__all__ = ["Row", "measure_cell"]

Row = dict[str, float | int | str | bool]
"""One row of the cell table, by column name."""

TEXTURE_DISTANCE = 0.05
"""Distance of the pixels of a texture pair, as a fraction of the cell's diameter."""


def measure_cell(
    image: NDArray[np.uint8],
    cell: SegmentedCell,
    *,
    mpp: float | None,
    scheme: ClassScheme = DEFAULT_SCHEME,
    slide_shape: tuple[int, int] | None = None,
) -> Row:
    """Measure one cell.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3) of ``cell.region``
        RGB picture of the cell at level 0.
    cell : SegmentedCell
        Masks and class evidence.
    mpp : float or None
        µm per pixel at level 0; without it the columns in µm are not-a-number.
    scheme : ClassScheme, optional
        Names the classes of the cell.
    slide_shape : tuple of int, optional
        Rows and columns of level 0. Without it, only the first row and column are
        known to be a border of the picture.

    Returns
    -------
    row : dict
        Value by column name, less ``cell_id``; see `COLUMN_GUIDE`. Features of an
        absent nucleus or cytoplasm are not-a-number, never infinite.

    Raises
    ------
    SettingsError
        If the picture and the masks differ in size, if the masks are empty, or if
        a class is not in the scheme.
    """
    _check(image, cell)
    box = bounding_region(cell.mask)
    image = image[box.slices]
    nucleus, cytoplasm = cell.nucleus[box.slices], cell.cytoplasm[box.slices]
    place = box.shifted(cell.region.row, cell.region.column)
    return {
        "class_id": cell.class_id,
        **_probabilities(cell, scheme),
        "confidence": cell.confidence,
        "score": float(cell.score),
        "reviewed": False,
        "touches_border": _touches_border(place, slide_shape),
        **_position(cell.centroid, place, mpp),
        **_size(nucleus, cytoplasm, mpp),
        **_shapes(nucleus, cytoplasm),
        **_appearance(image, nucleus, cytoplasm),
    }


def _check(image: NDArray[np.uint8], cell: SegmentedCell) -> None:
    """Refuse a picture of another size than the masks, and a cell without pixels."""
    size = (cell.region.height, cell.region.width)
    if image.shape != (*size, 3) or cell.mask.shape != size:
        raise SettingsError(
            f"A picture of shape {image.shape} with masks of shape {cell.mask.shape} "
            f"does not fit a cell of {size[0]}x{size[1]} pixels; give the RGB "
            "picture of the cell's region."
        )
    if not cell.mask.any():
        raise SettingsError(
            f"The cell at row {cell.region.row}, column {cell.region.column} has no "
            "pixel; leave it out."
        )


def _probabilities(cell: SegmentedCell, scheme: ClassScheme) -> Row:
    """Return the class probabilities by column."""
    evidence = zip(cell.class_ids, cell.class_probabilities, strict=True)
    return {probability_column(scheme[i]): float(p) for i, p in evidence}


def _touches_border(place: Region, slide_shape: tuple[int, int] | None) -> bool:
    """Whether a box at level 0 reaches the border of the picture."""
    if place.row <= 0 or place.column <= 0:
        return True
    if slide_shape is None:
        return False
    return place.row_stop >= slide_shape[0] or place.column_stop >= slide_shape[1]


def _position(centroid: tuple[float, float], place: Region, mpp: float | None) -> Row:
    """Return centroid and box in pixels and in µm."""
    position: Row = {
        "centroid_row_px": centroid[0],
        "centroid_column_px": centroid[1],
        "box_row_px": place.row,
        "box_column_px": place.column,
        "box_row_stop_px": place.row_stop,
        "box_column_stop_px": place.column_stop,
    }
    um = math.nan if mpp is None else mpp
    in_um = {
        f"{name.removesuffix('_px')}_um": float(value) * um
        for name, value in position.items()
    }
    return {**position, **in_um}


def _size(
    nucleus: NDArray[np.bool_], cytoplasm: NDArray[np.bool_], mpp: float | None
) -> Row:
    """Return areas, diameters and their ratios."""
    um = math.nan if mpp is None else mpp
    areas = {"nucleus": int(nucleus.sum()), "cytoplasm": int(cytoplasm.sum())}
    areas["cell"] = areas["nucleus"] + areas["cytoplasm"]
    diameters = {p: equivalent_diameter(areas[p]) for p in ("nucleus", "cell")}
    return {
        **{f"{part}_area_px": area for part, area in areas.items()},
        **{f"{part}_area_um2": area * um**2 for part, area in areas.items()},
        **{f"{part}_diameter_px": value for part, value in diameters.items()},
        **{f"{part}_diameter_um": value * um for part, value in diameters.items()},
        "nucleus_to_cytoplasm_ratio": (
            areas["nucleus"] / areas["cytoplasm"] if areas["cytoplasm"] else math.nan
        ),
        "nucleus_fraction": areas["nucleus"] / areas["cell"],
    }


def _shapes(nucleus: NDArray[np.bool_], cytoplasm: NDArray[np.bool_]) -> Row:
    """Return lobes and the shapes of nucleus and cell."""
    features: Row = {"nucleus_lobes": count_lobes(nucleus)}
    for part, mask in (("nucleus", nucleus), ("cell", nucleus | cytoplasm)):
        for name, value in asdict(measure_shape(mask)).items():
            features[f"{part}_{name}"] = value
    return features


def _appearance(
    image: NDArray[np.uint8],
    nucleus: NDArray[np.bool_],
    cytoplasm: NDArray[np.bool_],
) -> Row:
    """Return color and texture of nucleus and cytoplasm."""
    diameter = equivalent_diameter(int((nucleus | cytoplasm).sum()))
    distance = max(1, round(TEXTURE_DISTANCE * diameter))
    parts = {"nucleus": nucleus, "cytoplasm": cytoplasm}
    features: Row = {}
    for part, mask in parts.items():
        for name, value in measure_color(image, mask).items():
            features[f"{part}_{name}"] = value
    for part, mask in parts.items():
        for name, value in measure_texture(image, mask, distance).items():
            features[f"{part}_texture_{name}"] = value
    return features
