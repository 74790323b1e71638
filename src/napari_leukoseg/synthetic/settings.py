"""What a drawn smear shall look like."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.synthetic.looks import get_look

__all__ = ["Illumination", "SmearSettings"]

NEUTROPHIL_DIAMETER_UM = 13.0
"""Diameter of a neutrophil spread on glass; fixes the pixel size."""

MAX_SIDE_PX = 500_000
"""Longest side drawn; keeps cell ids well inside 32 bits."""

MAX_SEED = 2**63 - 1

NORMAL_DIFFERENTIAL = (0.58, 0.28, 0.07, 0.04, 0.03)


class Illumination(StrEnum):
    """How evenly the lamp lights the picture."""

    FLAT = "flat"
    FALL_OFF = "fall-off"
    SPOT = "spot"


@dataclass(frozen=True)
class SmearSettings:
    """Everything that decides a drawn smear.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns in pixels.
    seed : int, optional
        Zero or more; equal settings give equal pictures.
    cell_diameter_px : float, optional
        Diameter of a neutrophil, taken as 13 µm, in pixels; 40 to 300.
    look : str, optional
        Key of `LOOKS`.
    white_cell_fraction : float, optional
        Share of the area under white cells, 0 to 0.4.
    red_cell_fraction : float, optional
        Share of the area under red cells, overlaps counted twice, 0 to 0.6.
    touching_share : float, optional
        Probability, 0 to 1, that a white cell is put against another one.
    class_weights : tuple of float, optional
        Relative frequency of neutrophils, lymphocytes, monocytes,
        eosinophils and basophils (class ids 1 to 5).
    illumination : Illumination, optional
        Even light, light that falls off toward the corners, or a bright lamp
        spot near the middle.
    defocus_um : float, optional
        Standard deviation in µm of blur beyond that of the objective, 0 to 1.
    noise : float, optional
        Standard deviation of sensor noise in gray levels, 0 to 20.
    is_two_stain : bool, optional
        Draw with thiazine and eosin alone, so that optical density has
        exactly two dimensions; blue cytoplasm becomes violet.

    Raises
    ------
    SettingsError
        If a value is outside its range.
    """

    shape: tuple[int, int]
    seed: int = 0
    cell_diameter_px: float = 60.0
    look: str = "wright-giemsa"
    white_cell_fraction: float = 0.01
    red_cell_fraction: float = 0.3
    touching_share: float = 0.1
    class_weights: tuple[float, float, float, float, float] = NORMAL_DIFFERENTIAL
    illumination: Illumination = Illumination.FLAT
    defocus_um: float = 0.05
    noise: float = 1.5
    is_two_stain: bool = False

    def __post_init__(self) -> None:
        rows, columns = self.shape
        if not (1 <= rows <= MAX_SIDE_PX and 1 <= columns <= MAX_SIDE_PX):
            raise SettingsError(
                f"A smear of {rows}x{columns} pixels cannot be drawn; "
                f"give 1 to {MAX_SIDE_PX} rows and columns."
            )
        if not 0 <= self.seed <= MAX_SEED:
            raise SettingsError(
                f"Seed {self.seed} cannot be used; give 0 to {MAX_SEED}."
            )
        get_look(self.look)
        _check("cell diameter in pixels", self.cell_diameter_px, 40, 300)
        _check("white-cell share of the area", self.white_cell_fraction, 0, 0.4)
        _check("red-cell share of the area", self.red_cell_fraction, 0, 0.6)
        _check("share of touching cells", self.touching_share, 0, 1)
        _check("defocus in µm", self.defocus_um, 0, 1)
        _check("sensor noise in gray levels", self.noise, 0, 20)
        for weight in self.class_weights:
            _check("class weight", weight, 0, math.inf)
        total = sum(self.class_weights)
        if len(self.class_weights) != 5 or not 0 < total < math.inf:
            raise SettingsError(
                f"Class weights {self.class_weights} do not mix five classes; "
                "give five numbers of zero or more, not all zero."
            )

    @classmethod
    def for_field(
        cls, shape: tuple[int, int] = (768, 1024), seed: int = 0
    ) -> SmearSettings:
        """Return settings of a camera field: large cells, some of them white."""
        return cls(
            shape,
            seed,
            cell_diameter_px=100.0,
            white_cell_fraction=0.03,
            red_cell_fraction=0.34,
            illumination=Illumination.FALL_OFF,
        )

    @classmethod
    def for_slide(
        cls, shape: tuple[int, int] = (6144, 6144), seed: int = 0
    ) -> SmearSettings:
        """Return settings of a scanned smear: one percent white cells, even light."""
        return cls(shape, seed)

    @property
    def mpp(self) -> float:
        """Side of a pixel in µm."""
        return NEUTROPHIL_DIAMETER_UM / self.cell_diameter_px


def _check(what: str, value: float, low: float, high: float) -> None:
    """Refuse a value outside `low` to `high`, or not a number."""
    if not low <= value <= high:
        raise SettingsError(
            f"A {what} of {value} is not possible; give {low} to {high}."
        )
