"""One segmented cell as data, passed from the segmenter to the case and tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.geometry import Region

__all__ = ["SegmentedCell"]


@dataclass(frozen=True, eq=False)
class SegmentedCell:
    """Masks and class evidence of one cell, without an id yet.

    Parameters
    ----------
    region : Region
        Box of the masks at level 0 of the slide; it lies inside the slide.
    nucleus, cytoplasm : ndarray of bool, shape (height, width) of `region`
        Disjoint masks; together they are the cell.
    class_ids : tuple of int
        Class ids in the order of `class_probabilities`.
    class_probabilities : ndarray of float, shape (n_classes,)
        Sum to one.
    score : float
        Confidence, from 0 to 1, that this is a white cell.
    """

    region: Region
    nucleus: NDArray[np.bool_]
    cytoplasm: NDArray[np.bool_]
    class_ids: tuple[int, ...]
    class_probabilities: NDArray[np.float64]
    score: float

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Nucleus and cytoplasm together."""
        return self.nucleus | self.cytoplasm

    @property
    def class_id(self) -> int:
        """Most probable class."""
        return self.class_ids[int(np.argmax(self.class_probabilities))]

    @property
    def confidence(self) -> float:
        """Probability of the most probable class."""
        return float(np.max(self.class_probabilities))

    @property
    def centroid(self) -> tuple[float, float]:
        """Row and column of the mean cell pixel at level 0."""
        rows, columns = np.nonzero(self.mask)
        return (
            float(rows.mean()) + self.region.row,
            float(columns.mean()) + self.region.column,
        )
