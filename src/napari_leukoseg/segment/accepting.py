"""Says which components of a prediction are white cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.parts import BACKGROUND, NUCLEUS

if TYPE_CHECKING:
    from skimage import measure

    from napari_leukoseg.segment.instances import Prediction

__all__ = ["InstanceSettings", "is_cell", "is_cut"]


@dataclass(frozen=True)
class InstanceSettings:
    """What counts as a cell; lengths in working cell diameters.

    Parameters
    ----------
    min_diameter, min_cut_diameter : float, optional
        Smallest equivalent diameter, of a whole cell and of one that the
        picture's edge cuts.
    min_nucleus_share : float, optional
        Smallest share of nucleus in a cell: red cells and platelets that were
        taken for cytoplasm have none.
    min_score, min_nucleus_certainty : float, optional
        Smallest mean probability of cell inside it, and of nucleus inside its
        nucleus, as seen at the usual size. Nearly all white cells of laboratories
        that a network never saw have 0.85 and 0.70 or more, those of others 0.90 and
        0.81 (granules hide the nucleus of a basophil); false ones mostly less in one
        or the other.
    small_diameter, small_min_score, small_min_nucleus_certainty : float, optional
        What is smaller than this has to be more certain: it may be a platelet.
    peak_depth : float, optional
        How far the distance map must fall between two middles before they are
        two cells.
    max_solidity, max_diameter : float, optional
        Whatever is more convex than this, and not larger, is one cell, however
        many middles it seems to have: two lobes of a nucleus invite a cut.
    """

    min_diameter: float = 0.42
    min_cut_diameter: float = 0.3
    min_nucleus_share: float = 0.08
    min_score: float = 0.85
    min_nucleus_certainty: float = 0.7
    small_diameter: float = 0.7
    small_min_score: float = 0.895
    small_min_nucleus_certainty: float = 0.78
    peak_depth: float = 0.12
    max_solidity: float = 0.93
    max_diameter: float = 1.5

    def __post_init__(self) -> None:
        for name in (
            "min_diameter",
            "min_cut_diameter",
            "min_nucleus_share",
            "min_score",
            "min_nucleus_certainty",
            "small_diameter",
            "small_min_score",
            "small_min_nucleus_certainty",
        ):
            if not 0 <= getattr(self, name) < 1:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}; give 0 or more, below 1."
                )

    @property
    def least_area(self) -> float:
        """Area of the smallest cell, in squares of the working diameter."""
        return np.pi / 4 * min(self.min_diameter, self.min_cut_diameter) ** 2

    def needed_certainty(self, diameter: float) -> tuple[float, float]:
        """Return the least score and certainty of the nucleus of a cell of this size.

        Parameters
        ----------
        diameter : float
            In working cell diameters.
        """
        needed = self.min_score, self.min_nucleus_certainty
        if diameter >= self.small_diameter:
            return needed
        of_small = self.small_min_score, self.small_min_nucleus_certainty
        return max(needed[0], of_small[0]), max(needed[1], of_small[1])


def is_cut(cell: measure._regionprops.RegionProperties, shape: tuple[int, ...]) -> bool:
    """Whether a component reaches the edge of a picture of so many rows and columns."""
    height, width = shape
    top, left, bottom, right = cell.bbox
    return bool(top == 0 or left == 0 or bottom == height or right == width)


def is_cell(
    cell: measure._regionprops.RegionProperties,
    prediction: Prediction,
    diameter_px: float,
    settings: InstanceSettings,
) -> bool:
    """Whether a component is large enough and surely has a nucleus, if told apart."""
    is_partial = is_cut(cell, prediction.probabilities.shape[1:])
    smallest = settings.min_cut_diameter if is_partial else settings.min_diameter
    diameter = cell.equivalent_diameter_area / diameter_px
    if diameter < smallest:
        return False
    score, certainty = settings.needed_certainty(diameter)
    ground = prediction.judged[BACKGROUND][cell.slice][cell.image]
    if 1 - ground.mean() < score:
        return False
    if not (prediction.has_nucleus and prediction.has_cytoplasm):
        return True
    nucleus = prediction.judged[NUCLEUS][cell.slice][cell.image]
    in_nucleus = nucleus > 0.5
    return bool(
        in_nucleus.mean() >= settings.min_nucleus_share
        and nucleus[in_nucleus].mean() >= certainty
    )
