"""Pixel size in µm from the units that file formats state it in."""

from __future__ import annotations

from napari_leukoseg.geometry import PixelSize

__all__ = ["UNITS_UM", "mpp_from_density", "mpp_from_spacing"]

UNITS_UM = {
    "pm": 1e-6,
    "picometer": 1e-6,
    "Å": 1e-4,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "µm": 1.0,  # micro sign, U+00B5
    "μm": 1.0,  # Greek mu, U+03BC
    "\\u00B5m": 1.0,  # ImageJ escapes the micro sign
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "inch": 25_400.0,
    "in": 25_400.0,
    "m": 1e6,
    "meter": 1e6,
}
"""µm per unit, by the unit's name in OME, NGFF, ImageJ and TIFF metadata."""


def mpp_from_spacing(row: float, column: float, unit: str | None) -> float | None:
    """Pixel size from the distance between pixels.

    Parameters
    ----------
    row, column : float
        Height and width of one pixel, in `unit`.
    unit : str or None
        A key of `UNITS_UM`; with anything else the numbers mean nothing.

    Returns
    -------
    mpp : float or None
        µm per pixel, or none where it cannot be that of a microscope.
    """
    scale = UNITS_UM.get(unit.strip()) if unit else None
    if scale is None:
        return None
    size = PixelSize.believable(float(row) * scale, float(column) * scale)
    return size.um if size else None


def mpp_from_density(row: float, column: float, unit: str | None) -> float | None:
    """Pixel size from pixels per unit, as dpi tags state it.

    Parameters
    ----------
    row, column : float
        Pixels per `unit` down and across; zero or less gives none.
    unit : str or None
        A key of `UNITS_UM`.

    Returns
    -------
    mpp : float or None
        µm per pixel, or none where it cannot be that of a microscope.
    """
    if not (row > 0 and column > 0):
        return None
    return mpp_from_spacing(1 / row, 1 / column, unit)
