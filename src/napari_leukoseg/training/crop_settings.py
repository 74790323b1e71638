"""How training crops are cut and composed."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads it
from dataclasses import dataclass, field

from pydantic import ConfigDict, with_config

from napari_leukoseg.classes import DEFAULT_SCHEME, UNCLASSIFIED
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.training.appearance import AppearanceSettings
from napari_leukoseg.training.bending import BendSettings

__all__ = ["CropSettings"]

MAX_CLASSED_CELLS = 8
"""Cells of a crop whose class is taught, where it is no grid."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class CropSettings:
    """How crops are cut and composed.

    Parameters
    ----------
    size_px : int, optional
        Side of a crop at the working scale.
    cell_diameter_px : float, optional
        Working diameter: the size at which the network sees cells.
    scale_range : tuple of float, optional
        Smallest and largest diameter drawn, as a factor of the working one.
    off_scale : float, optional
        Probability that a picture is shown far too large or too small, with
        its cells left open: so red cells are not taken for white ones while
        the size of cells is being searched for.
    elastic_px : float, optional
        Largest displacement of the elastic warp.
    mosaic, paste : float, optional
        Probability that the ground outside the picture is filled by another
        picture, and that a cell of another picture is pasted in.
    dataset_weights : mapping of str to float, optional
        How often each data set is drawn, relative to the others.
    appearance : AppearanceSettings or None, optional
        Changes of stain, light and focus; none for validation.
    grid : float, optional
        Probability that a crop is a square grid of several pictures, each with
        a cell in the middle. Cells get smaller, the more there are.
    grid_sides : tuple of int, optional
        Pictures along a side of the grid, each as likely: 4, 9 or 16 in all.
    bend : BendSettings, optional
        Lenses and elastic deformations.
    lures : float, optional
        Probability that a picture is shown around what the initial model takes for
        a white cell and is none, if there is any.
    outline_nuclei : bool, optional
        Train toward single nuclei, with gaps where they touch, instead of
        whole cells: for networks that know only nuclei.
    class_ids : tuple of int, optional
        Classes that the network tells apart, in the order of its channels.
        Cells of any other class teach only their outline.
    taken_as : mapping of int to int, optional
        Classes of the data that count as another: ``{7: 1}`` takes band
        neutrophils for neutrophils.
    """

    size_px: int = 160
    cell_diameter_px: float = 64.0
    scale_range: tuple[float, float] = (0.55, 1.6)
    off_scale: float = 0.12
    elastic_px: float = 4.0
    mosaic: float = 0.5
    paste: float = 0.35
    dataset_weights: Mapping[str, float] = field(default_factory=dict)
    appearance: AppearanceSettings | None = field(default_factory=AppearanceSettings)
    grid: float = 0.0
    grid_sides: tuple[int, ...] = (2, 3, 4)
    bend: BendSettings = field(default_factory=BendSettings)
    lures: float = 0.0
    outline_nuclei: bool = False
    class_ids: tuple[int, ...] = tuple(
        c.id for c in DEFAULT_SCHEME if c.id != UNCLASSIFIED
    )
    taken_as: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        low, high = self.scale_range
        if not 0 < low <= high:
            raise SettingsError(
                f"A scale range of {low} to {high} is not rising and positive."
            )
        if self.size_px % 16:
            raise SettingsError(
                f"A crop of {self.size_px} pixels does not fit the network's "
                "stride; give a multiple of 16."
            )
        if not self.grid_sides or min(self.grid_sides) < 2:
            raise SettingsError(
                f"Grids of {self.grid_sides} pictures along a side are none; give 2 "
                "or more."
            )
        if stray := set(self.taken_as.values()) - set(self.class_ids):
            raise SettingsError(
                f"taken_as leads to class {min(stray)}, which is not in class_ids "
                f"{self.class_ids}; add it there or choose one of them."
            )

    @property
    def max_classed_cells(self) -> int:
        """Cells of a crop whose class can be taught: in a grid, two a picture."""
        of_grid = 2 * max(self.grid_sides) ** 2 if self.grid else 0
        return max(MAX_CLASSED_CELLS, of_grid)

    @property
    def class_index(self) -> dict[int, int]:
        """Channel of the network for each class id of the data."""
        own = {class_id: index for index, class_id in enumerate(self.class_ids)}
        return own | {other: own[known] for other, known in self.taken_as.items()}
