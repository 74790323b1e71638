"""One training picture, and which targets it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.errors import DataError
from napari_leukoseg.segment.parts import BACKGROUND, CYTOPLASM, NUCLEUS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = [
    "ANYTHING",
    "IS_BACKGROUND",
    "IS_CELL",
    "IS_CYTOPLASM",
    "IS_NUCLEUS",
    "NOT_NUCLEUS",
    "UNKNOWN_INSTANCE",
    "Sample",
    "Target",
]

IS_BACKGROUND = 1 << BACKGROUND
IS_CYTOPLASM = 1 << CYTOPLASM
IS_NUCLEUS = 1 << NUCLEUS
IS_CELL = IS_CYTOPLASM | IS_NUCLEUS
NOT_NUCLEUS = IS_BACKGROUND | IS_CYTOPLASM
ANYTHING = IS_BACKGROUND | IS_CYTOPLASM | IS_NUCLEUS
"""Bits of `Sample.allowed`; a pixel's bits are what the expert left possible."""

UNKNOWN_INSTANCE = -1
"""Value of `Sample.instances` where cells are known to be but not told apart."""


class Target(StrEnum):
    """What a sample can teach."""

    CELL = "cell"
    NUCLEUS = "nucleus"
    CYTOPLASM = "cytoplasm"
    INSTANCES = "instances"
    CLASS = "class"


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture with what its experts marked, and no more than that.

    Parameters
    ----------
    dataset, name, source_group : str
        Where it comes from; pictures of one group show the same field and
        stay on one side of any split.
    image : ndarray of shape (M, N, 3) and dtype uint8
        RGB.
    allowed : ndarray of shape (M, N) and dtype uint8
        Semantic classes that each pixel may have, as bits: one bit where the
        expert was definite, `IS_CELL` in whole-cell masks, `NOT_NUCLEUS`
        around nucleus-only masks, `ANYTHING` where nothing is known.
    instances : ndarray of shape (M, N) and dtype int32
        Cell of each pixel, 0 elsewhere, `UNKNOWN_INSTANCE` in merged cells.
    cell_classes : mapping of int to int
        Class id of each instance whose class is known.
    cell_diameter_px : float
        Typical diameter of a white cell in this picture.
    has_distance : bool, optional
        Whether instances outline whole cells, so that distance maps follow;
        else they outline nuclei.
    has_outline : bool, optional
        Whether instances are outlines at all. Where only the class and the
        place of a cell are known, they are disks of the typical diameter: good
        to say where a class is to be seen, and for nothing else.
    lures : tuple of (row, column), optional
        Places outside white cells where a model found one.
    """

    dataset: str
    name: str
    source_group: str
    image: NDArray[np.uint8]
    allowed: NDArray[np.uint8]
    instances: NDArray[np.int32]
    cell_classes: Mapping[int, int] = field(default_factory=dict)
    cell_diameter_px: float = 64.0
    has_distance: bool = True
    has_outline: bool = True
    lures: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        shape = self.image.shape[:2]
        if self.allowed.shape != shape or self.instances.shape != shape:
            raise DataError(
                f"{self.dataset}/{self.name}: the picture is {shape[0]}x{shape[1]} "
                f"pixels but its masks are {self.allowed.shape} and "
                f"{self.instances.shape}; they must be of one size."
            )
        if not self.cell_diameter_px > 0:
            raise DataError(
                f"{self.dataset}/{self.name}: a cell diameter of "
                f"{self.cell_diameter_px} px is not positive; a picture without "
                "cells needs one from its set."
            )
        if self.has_distance and not self.has_outline:
            raise DataError(
                f"{self.dataset}/{self.name}: distances need outlines; say "
                "has_distance=False."
            )

    @property
    def instance_ids(self) -> NDArray[np.int32]:
        """Ids of the instances that are told apart."""
        ids = np.unique(self.instances)
        return ids[ids > 0]

    @property
    def targets(self) -> frozenset[Target]:
        """Targets that this sample has."""
        bits = np.unique(self.allowed)
        has = {
            Target.CELL: self.has_distance,
            Target.NUCLEUS: IS_NUCLEUS in bits,
            Target.CYTOPLASM: IS_CYTOPLASM in bits,
            Target.INSTANCES: self.has_outline and bool(self.instance_ids.size),
            Target.CLASS: bool(self.cell_classes),
        }
        return frozenset(target for target, is_there in has.items() if is_there)
