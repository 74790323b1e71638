"""Stain looks: which colors a drawn smear has, as dyes and as a lamp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LOOKS", "Look", "get_look"]

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """Dyes, lamp and red-cell habit of one staining laboratory.

    Parameters
    ----------
    name : str
        Key in `LOOKS`.
    lamp : tuple of float
        Red, green and blue of empty glass, 0-255.
    thiazine, eosin, azure : tuple of float
        Direction in optical density (red, green, blue) of the purple
        Romanowsky complex of chromatin, of eosin with hemoglobin, and of the
        plain blue that cytoplasmic RNA takes. Any length.
    thiazine_gain, eosin_gain : float, optional
        How strongly the blue dyes and eosin took, 1 being well stained.
    red_cell_density : float, optional
        Optical density (length of the color vector) of a typical red cell.
    red_cell_thiazine : float, optional
        Share of thiazine in the color of red cells and plasma.
    pallor : float, optional
        Mean depth of the red cells' central pallor, 0 to 1.
    has_ghosts : bool, optional
        Red cells are lysed: only thin rims are left.
    plasma : float, optional
        Optical density of the stained ground between cells.
    """

    name: str
    lamp: Triple
    thiazine: Triple
    eosin: Triple
    azure: Triple
    thiazine_gain: float = 1.0
    eosin_gain: float = 1.0
    red_cell_density: float = 0.29
    red_cell_thiazine: float = 0.0
    pallor: float = 0.35
    has_ghosts: bool = False
    plasma: float = 0.01

    @property
    def stain_matrix(self) -> NDArray[np.float64]:
        """Unit rows, thiazine then eosin; shape (2, 3)."""
        return self.dye_matrix[:2]

    @property
    def dye_matrix(self) -> NDArray[np.float64]:
        """Unit rows thiazine, eosin and azure; shape (3, 3)."""
        rows = np.array([self.thiazine, self.eosin, self.azure], dtype=np.float64)
        unit: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    @property
    def red_cell_vector(self) -> NDArray[np.float64]:
        """Unit optical density of red cells and plasma; shape (3,)."""
        share = self.red_cell_thiazine
        mixed = np.array([share, 1.0 - share]) @ self.stain_matrix
        unit: NDArray[np.float64] = mixed / np.linalg.norm(mixed)
        return unit


# Directions were read off public pictures of each kind of smear: medians over
# annotated nuclei, cytoplasm and red cells.
LOOKS = {
    look.name: look
    for look in (
        Look(
            "wright-giemsa",
            lamp=(250.0, 233.0, 212.0),
            thiazine=(0.49, 0.85, 0.19),
            eosin=(0.24, 0.80, 0.55),
            azure=(0.76, 0.63, 0.14),
            red_cell_thiazine=0.42,
        ),
        Look(
            "may-grunwald-giemsa",
            lamp=(208.0, 208.0, 202.0),
            thiazine=(0.62, 0.77, 0.06),
            eosin=(0.22, 0.77, 0.60),
            azure=(0.80, 0.60, 0.06),
            thiazine_gain=0.72,
            eosin_gain=0.85,
            red_cell_density=0.19,
            red_cell_thiazine=0.15,
            pallor=0.28,
        ),
        Look(
            "rapid",
            lamp=(252.0, 250.0, 150.0),
            thiazine=(0.33, 0.91, 0.25),
            eosin=(0.28, 0.82, 0.50),
            azure=(0.54, 0.75, 0.37),
            thiazine_gain=1.1,
            eosin_gain=1.3,
            red_cell_density=0.12,
            red_cell_thiazine=0.2,
            has_ghosts=True,
            plasma=0.02,
        ),
        Look(
            "pale",
            lamp=(243.0, 240.0, 236.0),
            thiazine=(0.55, 0.80, 0.22),
            eosin=(0.24, 0.80, 0.55),
            azure=(0.78, 0.60, 0.18),
            thiazine_gain=0.55,
            eosin_gain=0.6,
            red_cell_density=0.14,
            red_cell_thiazine=0.15,
            pallor=0.5,
        ),
        Look(
            "overstained",
            lamp=(232.0, 232.0, 230.0),
            thiazine=(0.60, 0.77, 0.22),
            eosin=(0.28, 0.82, 0.50),
            azure=(0.80, 0.58, 0.14),
            thiazine_gain=1.35,
            eosin_gain=0.75,
            red_cell_density=0.30,
            red_cell_thiazine=0.62,
            pallor=0.3,
            plasma=0.05,
        ),
        Look(
            "dim",
            lamp=(158.0, 178.0, 166.0),
            thiazine=(0.43, 0.85, 0.30),
            eosin=(0.33, 0.73, 0.60),
            azure=(0.62, 0.68, 0.38),
            thiazine_gain=1.1,
            red_cell_density=0.32,
            red_cell_thiazine=0.15,
            pallor=0.45,
        ),
    )
}
"""Looks by name."""


def get_look(name: str) -> Look:
    """Return the look of that name.

    Raises
    ------
    SettingsError
        If there is none.
    """
    try:
        return LOOKS[name]
    except KeyError:
        raise SettingsError(
            f"Stain look {name!r} is not known; choose one of {', '.join(LOOKS)}."
        ) from None
