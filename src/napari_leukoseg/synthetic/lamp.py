"""From optical density to what a camera records: lamp, ground and noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_leukoseg.synthetic.hashing import Purpose, place_rng, uniform_at, word_at
from napari_leukoseg.synthetic.settings import Illumination

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.geometry import Region
    from napari_leukoseg.synthetic.looks import Look
    from napari_leukoseg.synthetic.settings import SmearSettings
    from napari_leukoseg.synthetic.shapes import Plane

__all__ = ["Camera"]

BANK_SIDE = 1024
"""Side of the stored sheet of noise from which each block takes a window."""

FALL_OFF = 0.13
"""Share of the light lost in the corners."""

SPOT_SIGMA = 0.045
"""Width of the lamp spot as a share of the picture's longer side."""

SPOT_LIGHT = (28.0, 95.0, 110.0)
"""Gray levels that the lamp spot adds in red, green and blue."""

GRAIN_UM = 0.18
"""Size of the ground's fine grain."""

DRIFT_PERIOD_UM = 260.0
"""Shortest period of the ground's slow drift in staining."""


class Camera:
    """Lights, stains the ground and records.

    Parameters
    ----------
    settings : SmearSettings
        Of the smear.
    look : Look
        Of the smear.
    """

    def __init__(self, settings: SmearSettings, look: Look) -> None:
        self._settings = settings
        self._look = look
        rng = place_rng(settings.seed, Purpose.SENSOR)
        white = rng.standard_normal((4, BANK_SIDE, BANK_SIDE), dtype=np.float32)
        # Color interpolation in a camera leaves neighbors correlated.
        soft = gaussian_filter(white[:3], (0.0, 0.6, 0.6), mode="wrap")
        self._noise = soft * np.float32(settings.noise / soft.std())
        grain = gaussian_filter(white[3], GRAIN_UM / settings.mpp, mode="wrap")
        self._grain = grain * np.float32(1.0 / grain.std())

    def ground(self, region: Region) -> Plane:
        """Return the stained ground's optical density; shape of the region."""
        plasma = self._look.plasma
        if plasma == 0.0:
            return np.zeros((region.height, region.width), dtype=np.float32)
        rows, columns = _axes(region)
        seed = self._settings.seed
        phase = 2.0 * math.pi * uniform_at(seed, Purpose.GROUND, np.arange(6))
        step = 2.0 * math.pi * self._settings.mpp / DRIFT_PERIOD_UM
        drift = np.zeros((region.height, region.width))
        for k, period in enumerate((1.0, 0.43, 0.19)):
            drift += np.outer(
                np.sin(step * period * rows + phase[2 * k]),
                np.sin(step * period * 0.83 * columns + phase[2 * k + 1]),
            )
        grain = self._window(self._grain, region)
        ground = np.float32(plasma) * (1.0 + 0.15 * drift + 0.12 * grain)
        return np.maximum(ground, 0.0).astype(np.float32)

    def record(self, density: NDArray[np.float32], region: Region) -> NDArray[np.uint8]:
        """Turn optical density into a picture.

        Parameters
        ----------
        density : ndarray of float32, shape (3, height, width)
            Overwritten.
        region : Region
            Where on the smear this is; one sensor block.

        Returns
        -------
        image : ndarray of uint8, shape (height, width, 3)
        """
        density *= np.float32(-math.log(10.0))
        light = np.exp(density, out=density)
        for channel in range(3):
            light[channel] *= self._lamp(channel, region)
        light += self._window(self._noise, region)
        light += np.float32(0.5)
        np.clip(light, 0.0, 255.0, out=light)
        return np.ascontiguousarray(np.moveaxis(light.astype(np.uint8), 0, -1))

    def _lamp(self, channel: int, region: Region) -> Plane | np.float32:
        """Gray level of empty glass at each pixel."""
        level = np.float32(self._look.lamp[channel])
        if self._settings.illumination is Illumination.FLAT:
            return level
        rows, columns = _axes(region)
        n_rows, n_columns = self._settings.shape
        # Light fades with the square of the distance from just off the middle.
        v = (2.0 * rows / n_rows - 1.0) ** 2
        u = (2.0 * columns / n_columns - 1.08) ** 2
        lamp = level * (1.0 - FALL_OFF / 2.0 * np.add.outer(v, u)).astype(np.float32)
        if self._settings.illumination is Illumination.SPOT:
            sigma = SPOT_SIGMA * max(n_rows, n_columns)
            v = np.exp(-0.5 * ((rows - 0.6 * n_rows) / sigma) ** 2)
            u = np.exp(-0.5 * ((columns - 0.43 * n_columns) / sigma) ** 2)
            lamp += (SPOT_LIGHT[channel] * np.outer(v, u)).astype(np.float32)
        return lamp

    def _window(self, bank: NDArray[np.float32], region: Region) -> Plane:
        """Return the part of a noise bank that belongs to a block of the smear."""
        seed = self._settings.seed
        word = word_at(seed, Purpose.SENSOR, region.row, region.column)
        row = word % (BANK_SIDE - region.height + 1)
        column = (word >> 32) % (BANK_SIDE - region.width + 1)
        return bank[..., row : row + region.height, column : column + region.width]


def _axes(region: Region) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixel rows and columns of a region on the smear."""
    return (
        np.arange(region.row, region.row_stop, dtype=np.float64),
        np.arange(region.column, region.column_stop, dtype=np.float64),
    )
