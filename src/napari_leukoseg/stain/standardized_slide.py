"""A slide that shows standardized pixels, computed where it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_leukoseg.geometry import Region, Size
from napari_leukoseg.slide import SlideReader
from napari_leukoseg.slide.cache import BlockCache
from napari_leukoseg.slide.sources import BlockSource

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from napari_leukoseg.stain.normalizer import Normalizer, Standardizer
    from napari_leukoseg.stain.statistics import Statistics

__all__ = ["StandardizedSlide"]

BLOCK_PX = 2048
"""Side of a block by which local methods compute; their surroundings are as wide,
so smaller blocks would mostly compute what is cut off."""

CACHE_BYTES = 128 << 20
"""Blocks of local methods that are kept, together."""


class StandardizedSlide(SlideReader):
    """The same pyramid as a slide, with every pixel standardized when it is read.

    One estimate holds for the whole slide, so neighboring regions agree: methods
    that look at colors alone give each color one result, and local ones get the
    surroundings that they need. Fingerprint and pixel size are the source's.

    Parameters
    ----------
    slide : SlideReader
        Source; stays open as long as this is.
    normalizer : Normalizer
        Fitted method.
    source : Statistics, optional
        How the slide is stained; estimated from parts of it if not given.
    strength : float, optional
        0 shows the slide as it is, 1 fully standardized.
    device : torch.device or str, optional
        Where colors are computed; by default NumPy on the CPU.
    owns_slide : bool, optional
        Whether closing this closes the source.
    block_px : int, optional
        Side of the blocks by which local methods compute; smaller ones come sooner,
        and take longer together.

    Raises
    ------
    StainEstimationError
        If the slide does not show how it is stained.
    SettingsError
        If the method has no reference yet, or the strength is no share.
    SlideError
        If the slide cannot be read.
    """

    def __init__(
        self,
        slide: SlideReader,
        normalizer: Normalizer,
        source: Statistics | None = None,
        *,
        strength: float = 1.0,
        device: torch.device | str | None = None,
        owns_slide: bool = True,
        block_px: int | None = None,
    ) -> None:
        self._slide = slide
        self._owns_slide = owns_slide
        super().__init__(
            slide.path,
            slide.levels,
            format_name=slide.format_name,
            mpp=slide.mpp,
            objective_power=slide.objective_power,
        )
        self.source = normalizer.estimate_slide(slide) if source is None else source
        cache = BlockCache(CACHE_BYTES)
        self._levels = [
            _LevelPixels(
                slide,
                level,
                normalizer.standardizer(
                    self.source,
                    strength=strength,
                    device=device,
                    downsample=slide.levels[level].downsample,
                ),
                cache,
                BLOCK_PX if block_px is None else block_px,
            )
            for level in range(len(slide.levels))
        ]

    @property
    def mpp(self) -> float | None:
        """µm per pixel of level 0, the source's; setting it sets that."""
        return self._slide.mpp

    @mpp.setter
    def mpp(self, value: float | None) -> None:
        self._slide.mpp = value

    @property
    def fingerprint(self) -> str:
        """Digest of the source, whatever its path and date (SHA-256, hexadecimal)."""
        return self._slide.fingerprint

    def _read(self, region: Region, level: int) -> NDArray[np.uint8]:
        return self._levels[level].read(region)

    def _close(self) -> None:
        for level in self._levels:
            level.close()
        if self._owns_slide:
            self._slide.close()


class _LevelPixels:
    """Standardized pixels of one level."""

    def __init__(
        self,
        slide: SlideReader,
        level: int,
        standardizer: Standardizer,
        cache: BlockCache,
        block_px: int,
    ) -> None:
        self._slide = slide
        self._level = level
        self._standardizer = standardizer
        shape = slide.levels[level].shape
        self._whole = Region.of_shape(shape)
        self._blocks: BlockSource | None = None
        if standardizer.context_px:
            self._blocks = BlockSource(
                shape, Size(block_px, block_px), self._compute, cache
            )

    def read(self, region: Region) -> NDArray[np.uint8]:
        """Return the standardized pixels of a region."""
        if region.is_empty:
            return self._slide.read_region(region, self._level)
        return (self._blocks.read if self._blocks else self._compute)(region)

    def close(self) -> None:
        """Forget what was computed."""
        if self._blocks:
            self._blocks.close()

    def _compute(self, region: Region) -> NDArray[np.uint8]:
        """Standardize a region together with the surroundings it depends on."""
        grid = self._standardizer.grid_px
        wide = region.padded(self._standardizer.context_px)
        aligned = Region.from_bounds(
            wide.row // grid * grid,
            wide.column // grid * grid,
            -(-wide.row_stop // grid) * grid,
            -(-wide.column_stop // grid) * grid,
        ).intersection(self._whole)
        image = self._standardizer(self._slide.read_region(aligned, self._level))
        if aligned == region:
            return image
        return image[region.shifted(-aligned.row, -aligned.column).slices].copy()
