"""What the loaders share: pictures, masks, and cells told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import measure, morphology

from napari_leukoseg.classes import DEFAULT_SCHEME, UNCLASSIFIED
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    UNKNOWN_INSTANCE,
    Sample,
)
from napari_leukoseg.training.unlabeled import find_unlabeled_cells

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "MASK_THRESHOLDS",
    "allowed_from_grey",
    "class_named",
    "equivalent_diameter",
    "label_cells",
    "read_image",
    "read_mask",
    "typical_diameter",
    "unmerge",
    "whole_cell_sample",
]

MASK_THRESHOLDS = (80, 208)
"""Grey levels between background, cytoplasm (128 or 155) and nucleus (255)."""

MIN_CELL_PX = 80
"""Smallest component of a mask that is a cell and not a stray pixel."""


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read a picture as RGB, shape (M, N, 3)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a mask as grey levels, shape (M, N)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def allowed_from_grey(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bits of background, cytoplasm and nucleus from a mask of three greys."""
    bits = np.array([IS_BACKGROUND, IS_CYTOPLASM, IS_NUCLEUS], np.uint8)
    return bits[np.digitize(mask, MASK_THRESHOLDS)]


def equivalent_diameter(mask: NDArray[np.bool_]) -> float:
    """Diameter of the disk with the area of `mask`, in pixels."""
    return float(2 * np.sqrt(mask.sum() / np.pi))


def typical_diameter(areas_px: NDArray[np.integer]) -> float:
    """Diameter of the disk with the median of some areas, in pixels."""
    return float(2 * np.sqrt(np.median(areas_px) / np.pi))


def label_cells(cell: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Give each connected component a number if it is large enough to be a cell."""
    cell = morphology.remove_small_objects(cell, max_size=MIN_CELL_PX)
    labels: NDArray[np.int32] = ndimage.label(cell)[0].astype(np.int32)
    return labels


def unmerge(instances: NDArray[np.int32], typical_px: float) -> NDArray[np.int32]:
    """Set cells that look like several touching ones to `UNKNOWN_INSTANCE`."""
    for cell in measure.regionprops(instances):
        is_large = cell.equivalent_diameter_area > 1.35 * typical_px
        if is_large and cell.solidity < 0.92:
            instances[instances == cell.label] = UNKNOWN_INSTANCE
    return instances


def class_named(name: str) -> int | None:
    """Id of one of the five types by its name, in any case, also in the plural."""
    known = {c.name: c.id for c in DEFAULT_SCHEME if c.id != UNCLASSIFIED}
    return known.get(name.strip().lower().removesuffix("s"))


def whole_cell_sample(
    name: str,
    picture: tuple[str, str],
    image: NDArray[np.uint8],
    instances: NDArray[np.int32],
    class_id: int | None,
) -> Sample | None:
    """Build a sample from whole-cell instances of one class, if there is a cell."""
    ids = np.unique(instances[instances > 0])
    if not ids.size:
        return None
    cell = instances > 0
    diameter = equivalent_diameter(cell) / np.sqrt(ids.size)
    unlabeled = find_unlabeled_cells(image, cell, None, diameter)
    allowed = np.where(cell, np.uint8(IS_CELL), np.uint8(IS_BACKGROUND))
    allowed[unlabeled] = ANYTHING
    return Sample(
        name,
        *picture,
        image,
        allowed,
        instances,
        {} if class_id is None else {int(i): class_id for i in ids},
        diameter,
    )
