"""A slide made of level sources, with the levels it lacks derived on demand."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from napari_leukoseg.slide.faults import Unreadable, blame
from napari_leukoseg.slide.reader import Level, SlideReader
from napari_leukoseg.slide.sources import LevelSource, halved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_leukoseg.geometry import Region

__all__ = ["MAX_TOP_SIDE_PX", "PyramidReader", "SlideInfo"]

MAX_TOP_SIDE_PX = 4096
"""A slide whose coarsest level is larger than this gets further levels."""

_DERIVED_TOP_SIDE_PX = 1024
_ASPECT_TOLERANCE = 0.05
_EAGER_PIXELS = 6_000_000
"""Flat pictures up to this size are decoded when opened, so damage shows then."""


@dataclass(frozen=True)
class SlideInfo:
    """What a format says of a slide, apart from its pixels.

    Parameters
    ----------
    format_name : str
        File format, for people.
    mpp : float, optional
        µm per pixel, where stated and believable.
    objective_power : float, optional
        Magnification of the objective, where stated.
    """

    format_name: str
    mpp: float | None = None
    objective_power: float | None = None


class PyramidReader(SlideReader):
    """Slide whose levels are `LevelSource` objects.

    Levels coarser than the stored ones are derived by averaging two by two
    pixels, computed where they are looked at, until the top level fits a
    screen. Files are released by `close`, or when the reader is forgotten.

    Parameters
    ----------
    path : Path
        Source file or folder.
    info : SlideInfo
        Metadata.
    sources : sequence of LevelSource
        Stored levels, the finest first; those that are no reduced copy of the
        finest are left out.
    fingerprint : callable
        Computes the fingerprint when it is first asked for.
    resources : ExitStack
        Closes everything the sources need; emptied once the slide is open, and
        left to the caller where that fails.
    """

    def __init__(
        self,
        path: Path,
        info: SlideInfo,
        sources: Sequence[LevelSource],
        *,
        fingerprint: Callable[[], str],
        resources: ExitStack,
    ) -> None:
        self._sources, levels = _pyramid(sources)
        super().__init__(
            path,
            levels,
            format_name=info.format_name,
            mpp=info.mpp,
            objective_power=info.objective_power,
        )
        self._compute_fingerprint = fingerprint
        if self.shape[0] * self.shape[1] <= _EAGER_PIXELS:
            self._sources[0].prepare()
        self._release = weakref.finalize(self, resources.pop_all().close)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the source, whatever its path and date (SHA-256, hexadecimal)."""
        with blame(self.path):
            return self._compute_fingerprint()

    def _read(self, region: Region, level: int) -> NDArray[np.uint8]:
        return self._sources[level].read(region)

    def _close(self) -> None:
        self._release()
        for source in self._sources:
            source.close()


def _pyramid(
    stored: Sequence[LevelSource],
) -> tuple[list[LevelSource], tuple[Level, ...]]:
    """Usable stored levels and those derived above them."""
    base = stored[0].shape
    if not all(base):
        raise Unreadable(f"it has {base[0]}×{base[1]} pixels; there is nothing to see.")
    sources = [stored[0]]
    levels = [Level(base, 1.0)]
    for source in stored[1:]:
        downsample = _downsample(base, source.shape)
        if downsample is not None and downsample > levels[-1].downsample * 1.1:
            sources.append(source)
            levels.append(Level(source.shape, downsample))
    if max(levels[-1].shape) > MAX_TOP_SIDE_PX:
        while max(levels[-1].shape) > _DERIVED_TOP_SIDE_PX:
            sources.append(halved(sources[-1]))
            levels.append(Level(sources[-1].shape, levels[-1].downsample * 2))
    return sources, tuple(levels)


def _downsample(base: tuple[int, int], shape: tuple[int, int]) -> float | None:
    """Factor between two levels, or none if one is no reduced copy of the other."""
    if not all(shape):
        return None
    by_axis = [b / s for b, s in zip(base, shape, strict=True)]
    whole = round(sum(by_axis) / 2)
    # Sizes are rounded; where a whole factor explains both, it is the true one.
    if whole >= 1 and all(
        b // whole <= s <= -(-b // whole) for b, s in zip(base, shape, strict=True)
    ):
        return float(whole)
    rounding = sum(factor / s for factor, s in zip(by_axis, shape, strict=True))
    if abs(by_axis[0] - by_axis[1]) > _ASPECT_TOLERANCE * max(by_axis) + rounding:
        return None
    return sum(by_axis) / 2
