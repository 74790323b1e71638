"""What every slide offers: RGB levels that are read by region."""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.errors import SettingsError, SlideError
from napari_leukoseg.geometry import PixelSize, Region, Size
from napari_leukoseg.slide.faults import blame
from napari_leukoseg.slide.level_array import LevelArray
from napari_leukoseg.slide.resample import Box, resample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

__all__ = ["Level", "SlideReader"]

_LEVEL_TOLERANCE = 0.01
"""A level up to 1 % coarser than asked for still counts as fine enough."""


@dataclass(frozen=True)
class Level:
    """One level of a pyramid.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    downsample : float
        Level-0 pixels along one side of a pixel of this level.
    """

    shape: tuple[int, int]
    downsample: float


class SlideReader(ABC):
    """A picture or slide as a pyramid of RGB levels, level 0 the finest.

    A context manager. Regions may be read from several threads at once;
    `close` waits for reads in flight.

    Parameters
    ----------
    path : Path
        Source; its name appears in error messages.
    levels : tuple of Level
        From fine to coarse, at least one; the first has downsample 1.
    format_name : str
        File format, for people.
    mpp : float, optional
        µm per pixel of level 0, where known.
    objective_power : float, optional
        Magnification of the objective, where known.
    """

    def __init__(
        self,
        path: Path,
        levels: tuple[Level, ...],
        *,
        format_name: str,
        mpp: float | None = None,
        objective_power: float | None = None,
    ) -> None:
        self.path = path
        self.levels = levels
        self.format_name = format_name
        self.objective_power = objective_power
        self.mpp = mpp
        self._is_closed = False
        self._n_reading = 0
        self._idle = threading.Condition()

    @property
    def mpp(self) -> float | None:
        """µm per pixel of level 0, or none; may be set where it is missing."""
        return self._mpp

    @mpp.setter
    def mpp(self, value: float | None) -> None:
        self._mpp = None if value is None else PixelSize(value).um

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of level 0."""
        return self.levels[0].shape

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Digest of the source, whatever its path and date (SHA-256, hexadecimal)."""

    @abstractmethod
    def _read(self, region: Region, level: int) -> NDArray[np.uint8]:
        """Read a region that is known to lie inside an existing level."""

    @abstractmethod
    def _close(self) -> None:
        """Release files; called once, when no read is in flight."""

    def read_region(self, region: Region, level: int = 0) -> NDArray[np.uint8]:
        """Read pixels of one level.

        Parameters
        ----------
        region : Region
            In pixels of `level`, inside it.
        level : int, optional
            Index into `levels`.

        Returns
        -------
        image : ndarray of shape (region.height, region.width, 3) and dtype uint8
            Contiguous RGB that belongs to the caller.

        Raises
        ------
        SettingsError
            If the level does not exist or the region leaves it.
        SlideError
            If the file is damaged or the slide is closed.
        """
        self._check_region(region, level)
        with self._reading(), blame(self.path):
            return self._read(region, level)

    def read_scaled(self, region: Region, factor: float) -> NDArray[np.uint8]:
        """Read a region of level 0 at another size.

        Parameters
        ----------
        region : Region
            In pixels of level 0, inside it.
        factor : float
            New size divided by size at level 0.

        Returns
        -------
        image : ndarray of shape (M, N, 3) and dtype uint8
            ``round(height * factor)`` by ``round(width * factor)`` pixels, one
            at least, from the coarsest level that is not coarser than asked
            for. Shrinking averages; the sampling grid starts at the region's
            corner.

        Raises
        ------
        SettingsError
            If the region leaves the slide or the factor is not positive.
        SlideError
            If the file is damaged or the slide is closed.
        """
        self._check_region(region, 0)
        if not (math.isfinite(factor) and factor > 0):
            raise SettingsError(
                f"A scale factor of {factor} is not positive; give new size divided "
                "by old size, for instance 0.5."
            )
        if region.is_empty:
            return np.empty((0, 0, 3), np.uint8)
        size = Size(
            max(1, round(region.height * factor)), max(1, round(region.width * factor))
        )
        index = self._level_for(factor)
        level = self.levels[index]
        with self._reading(), blame(self.path):
            return resample(
                lambda part: self._read(part, index),
                Size(*level.shape),
                _box_in_level(region, level),
                size,
            )

    def overview(self, max_side: int = 1024) -> NDArray[np.uint8]:
        """Read the whole slide, made to fit a square; never enlarged.

        Parameters
        ----------
        max_side : int, optional
            Longest side of the result in pixels.
        """
        if max_side < 1:
            raise SettingsError(
                f"An overview of {max_side} pixels is empty; give 1 or more."
            )
        factor = min(1.0, max_side / max(self.shape))
        return self.read_scaled(Region.of_shape(self.shape), factor)

    def level_array(self, level: int = 0) -> LevelArray:
        """Return a lazy array of one level, as napari's multiscale images take it.

        Raises
        ------
        SettingsError
            If the level does not exist.
        """
        self._check_region(Region(0, 0, 0, 0), level)
        return LevelArray(self, level)

    def close(self) -> None:
        """Release the file, once reads in flight are done; may be repeated."""
        with self._idle:
            if self._is_closed:
                return
            self._is_closed = True
            self._idle.wait_for(lambda: self._n_reading == 0)
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _level_for(self, factor: float) -> int:
        """Index of the coarsest level that is not coarser than a factor."""
        most = (1 + _LEVEL_TOLERANCE) / factor
        fine = [i for i, level in enumerate(self.levels) if level.downsample <= most]
        return max(fine, default=0)

    def _check_region(self, region: Region, level: int) -> None:
        """Refuse what lies outside the pyramid."""
        if not 0 <= level < len(self.levels):
            raise SettingsError(
                f"Level {level} does not exist; {self.path.name} has levels 0 to "
                f"{len(self.levels) - 1}."
            )
        bounds = Region.of_shape(self.levels[level].shape)
        if region.union(bounds) != bounds:
            raise SettingsError(
                f"Region {region.bounds} (rows and columns, start and stop) leaves "
                f"level {level} of {self.path.name}, which has {bounds.height}×"
                f"{bounds.width} pixels; cut it to the picture."
            )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Hold `close` back while a read is in flight."""
        with self._idle:
            if self._is_closed:
                raise SlideError(f"{self.path.name} is closed; open it again.")
            self._n_reading += 1
        try:
            yield
        finally:
            with self._idle:
                self._n_reading -= 1
                self._idle.notify_all()


def _box_in_level(region: Region, level: Level) -> Box:
    """Region of level 0 in pixels of a coarser level, cut to its size."""
    rows, columns = level.shape
    scale = level.downsample
    top, left, bottom, right = (bound / scale for bound in region.bounds)
    # A level may lack the last pixels, where sizes were rounded down; a region
    # among them takes the nearest pixel.
    bottom, right = min(bottom, rows), min(right, columns)
    return Box(min(top, bottom - 1e-3), min(left, right - 1e-3), bottom, right)
