"""AHE-Retinex: adaptive equalization and multi-scale Retinex with color restoration.

Unlike the other methods it looks at the surroundings of each pixel, has no
reference, and promises nothing about the ground.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from skimage.color import hsv2rgb, rgb2hsv

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.stain.color_counts import check_image
from napari_leukoseg.stain.errors import StainReferenceError
from napari_leukoseg.stain.normalizer import Method, check_strength
from napari_leukoseg.stain.sampling import sample_regions
from napari_leukoseg.stain.statistics import RetinexStatistics
from napari_leukoseg.stain.surroundings import (
    GAUSSIAN_REACH,
    equalized,
    surround,
    surround_step,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from napari_leukoseg.slide import SlideReader
    from napari_leukoseg.stain.statistics import Statistics

__all__ = ["RetinexMode", "RetinexNormalizer", "RetinexSettings"]

GRID_CELLS = 8
"""Tiles of adaptive equalization along each side of a field."""

MAX_CELL_PX = 256
"""A slide would have huge tiles otherwise; a field of 2048 pixels has these."""

MIN_CELL_PX = 8

MAX_PARTS, PART_MARGIN_PX = 4, 768
"""Windows of a slide by which the range of output is measured, and how much of
their surroundings is read with them."""

RANGE_PX = 256
"""Pixels along the shorter side that are enough to measure the range of output."""

STRETCHED = (0.01, 0.99)
"""Quantiles of Retinex output that become black and white."""


class RetinexMode(StrEnum):
    """Which channels Retinex works on.

    ``paper``: hue and saturation, the paper's conclusion. Hue is a circle, so
    filtering it shifts colors. ``rgb``: red, green and blue after equalization.
    """

    PAPER = "paper"
    RGB = "rgb"


@dataclass(frozen=True)
class RetinexSettings:
    """Constants of the method.

    Parameters
    ----------
    mode : RetinexMode, optional
        Which channels Retinex works on.
    alpha, beta : float, optional
        Gain and inner factor of color restoration; usual values under the
        names of the paper.
    scales_px : tuple of float, optional
        Standard deviations of the Gaussian surrounds at level 0.
    clip_limit : float, optional
        Height at which the histogram of a tile is cut off, in means of it.

    Raises
    ------
    SettingsError
        If a value is not positive.
    """

    mode: RetinexMode = RetinexMode.PAPER
    alpha: float = 46.0
    beta: float = 125.0
    scales_px: tuple[float, ...] = (15.0, 80.0, 250.0)
    clip_limit: float = 2.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", RetinexMode(self.mode))
        object.__setattr__(self, "scales_px", tuple(self.scales_px))
        values = (self.alpha, self.beta, self.clip_limit, *self.scales_px)
        if not self.scales_px or not all(0 < value < math.inf for value in values):
            raise SettingsError(
                f"Retinex with the values {values} is not possible; all must be "
                "positive, and there must be at least one scale."
            )


class RetinexStandardizer:
    """AHE-Retinex at one level of a picture, ready for its regions.

    Parameters
    ----------
    settings : RetinexSettings
        Constants.
    source : RetinexStatistics
        Of the whole picture.
    strength : float
        0 to 1.
    downsample : float
        Level-0 pixels along one pixel.
    """

    def __init__(
        self,
        settings: RetinexSettings,
        source: RetinexStatistics,
        strength: float,
        downsample: float,
    ) -> None:
        check_strength(strength)
        self._settings = settings
        self._source = source
        self._strength = strength
        rows, columns = (source.cell_px / downsample).round().astype(int).tolist()
        self._cell = (max(rows, MIN_CELL_PX), max(columns, MIN_CELL_PX))
        self._sigmas = [scale / downsample for scale in settings.scales_px]
        widest = max(self._sigmas)
        steps = [surround_step(sigma) for sigma in self._sigmas]
        self.grid_px = math.lcm(*self._cell, *steps)
        self.context_px = max(self._cell) + math.ceil(
            GAUSSIAN_REACH * widest + 3 * max(steps)
        )

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the standardized picture, of the same shape."""
        check_image(image)
        if self._strength == 0.0:
            return image.copy()
        return self.stretched(image, *self.raw(image), self._source)

    def stretched(
        self,
        image: NDArray[np.uint8],
        channels: list[NDArray[np.float32]],
        value: NDArray[np.float32],
        source: RetinexStatistics,
    ) -> NDArray[np.uint8]:
        """Return the picture that `raw` output stands for, in a range."""
        ranges = zip(channels, source.low, source.high, strict=False)
        mapped = [
            np.clip((channel - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
            for channel, low, high in ranges
        ]
        if self._settings.mode is RetinexMode.PAPER:
            hsv = np.stack([*mapped, value / np.float32(255)], axis=-1)
            mapped = list(np.moveaxis(hsv2rgb(hsv), -1, 0))
        result = np.empty_like(image)
        strength = np.float32(self._strength)
        for k, plane in enumerate(mapped):
            levels = np.float32(255) * strength * plane
            if strength < 1:
                levels += (1 - strength) * image[..., k]
            result[..., k] = np.rint(levels)
        return result

    def measured(self, parts: Sequence[list[NDArray[np.float32]]]) -> RetinexStatistics:
        """Return the tiles, and the range of the channels of `raw` in all parts."""
        ranges = [
            np.quantile(np.concatenate([_thinned(part) for part in channel]), STRETCHED)
            for channel in zip(*parts, strict=True)
        ]
        ranges += [np.array([0.0, 1.0])] * (3 - len(ranges))
        low, high = np.stack(ranges, axis=1)
        high = np.maximum(high, low + 1e-3)
        return RetinexStatistics(self._source.cell_px, low, high)

    def raw(
        self, image: NDArray[np.uint8]
    ) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
        """Return the Retinex output of each channel, and the equalized value."""
        brightest = np.maximum(np.maximum(image[..., 0], image[..., 1]), image[..., 2])
        value = equalized(brightest, self._cell, self._settings.clip_limit)
        if self._settings.mode is RetinexMode.PAPER:
            hsv = (255 * rgb2hsv(image)).astype(np.float32)
            return self._restored([hsv[..., 0], hsv[..., 1]]), value
        # In HSV, another value scales red, green and blue alike.
        gain = np.asarray(value / np.maximum(brightest, 1), np.float32)
        return self._restored([gain * image[..., k] for k in range(3)]), value

    def _restored(
        self, channels: list[NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """Multi-scale Retinex with color restoration, before the stretch."""
        # Black has a logarithm, too.
        channels = [channel + np.float32(1) for channel in channels]
        beta = np.float32(self._settings.beta) / sum(channels)
        restored = []
        for channel in channels:
            around = sum(np.log(surround(channel, sigma)) for sigma in self._sigmas)
            detail = np.log(channel)
            detail -= around / np.float32(len(self._sigmas))
            detail *= np.log(beta * channel)
            detail *= np.float32(self._settings.alpha)
            restored.append(detail)
        return restored


@dataclass(frozen=True, eq=False)
class RetinexNormalizer:
    """Equalize brightness tile by tile, and take color relative to its surround.

    Parameters
    ----------
    settings : RetinexSettings, optional
        Constants.

    References
    ----------
    .. [1] Journal of Biomedical Optics 28(4) 045002, 2023: equalization and
       Retinex before an improved U-Net for leukocytes.
    .. [2] D. J. Jobson et al., "A multiscale retinex for bridging the gap between
       color images and the human observation of scenes", IEEE Transactions on
       Image Processing 6(7), 1997: scales, gain and inner factor.
    .. [3] A. B. Petro et al., "Multiscale retinex", Image Processing On Line 4,
       2014: the stretch, by one percent at either end.
    """

    method: ClassVar[Method] = Method.RETINEX

    settings: RetinexSettings = RetinexSettings()

    @property
    def is_fitted(self) -> bool:
        """Whether pictures can be transformed: always, without a reference."""
        return True

    def fit(self, image: NDArray[np.uint8]) -> Self:
        """Return the same: the method has no reference."""
        check_image(image)
        return self

    def fit_statistics(self, reference: Statistics) -> Self:
        """Refuse a reference.

        Raises
        ------
        SettingsError
            Always.
        """
        raise SettingsError(
            f"The retinex method takes no reference, and got "
            f"{type(reference).__name__}; leave it out, or choose another method."
        )

    def estimate(
        self, image: NDArray[np.uint8], *, downsample: float = 1.0
    ) -> RetinexStatistics:
        """Measure tiles and range of a whole picture; see `Normalizer`."""
        check_image(image)
        standardizer = self._unmeasured(image.shape, downsample=downsample)
        return standardizer.measured([standardizer.raw(image)[0]])

    def estimate_slide(self, slide: SlideReader) -> RetinexStatistics:
        """Measure tiles of a slide, and the range of output from parts of it."""
        whole = Region.of_shape(slide.shape)
        regions = sample_regions(slide)
        step = -(-len(regions) // MAX_PARTS)
        parts = (region.padded(PART_MARGIN_PX) for region in regions[::step])
        images = (slide.read_region(part.intersection(whole)) for part in parts)
        standardizer = self._unmeasured(slide.shape)
        return standardizer.measured([standardizer.raw(image)[0] for image in images])

    def standardizer(
        self,
        source: Statistics,
        *,
        strength: float = 1.0,
        device: torch.device | str | None = None,  # noqa: ARG002 (CPU only)
        downsample: float = 1.0,
    ) -> RetinexStandardizer:
        """Get ready for regions of one picture; see `Normalizer`."""
        if not isinstance(source, RetinexStatistics):
            raise StainReferenceError(
                f"The retinex method takes RetinexStatistics, not "
                f"{type(source).__name__}; estimate them with the same method."
            )
        return RetinexStandardizer(self.settings, source, strength, downsample)

    def transform(
        self,
        image: NDArray[np.uint8],
        source: Statistics | None = None,
        *,
        strength: float = 1.0,
        device: torch.device | str | None = None,
        downsample: float = 1.0,
    ) -> NDArray[np.uint8]:
        """Transform a whole picture, by default with what it shows itself."""
        if source is not None:
            standardizer = self.standardizer(
                source, strength=strength, device=device, downsample=downsample
            )
            return standardizer(image)
        check_image(image)
        standardizer = self._unmeasured(
            image.shape, strength=strength, downsample=downsample
        )
        # The range is that of what is computed anyway, which takes long.
        channels, value = standardizer.raw(image)
        measured = standardizer.measured([channels])
        return standardizer.stretched(image, channels, value, measured)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `normalizer_from_dict` makes it again."""
        return {"method": self.method.value, "settings": asdict(self.settings)}

    def _unmeasured(
        self, shape: tuple[int, ...], *, strength: float = 1.0, downsample: float = 1.0
    ) -> RetinexStandardizer:
        """Choose tiles for a picture of a shape, whose range is not known."""
        cell = [
            min(
                max(math.ceil(side * downsample / GRID_CELLS), MIN_CELL_PX), MAX_CELL_PX
            )
            for side in shape[:2]
        ]
        unknown = RetinexStatistics(np.array(cell), np.zeros(3), np.ones(3))
        return RetinexStandardizer(self.settings, unknown, strength, downsample)


def _thinned(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return enough of the values of a plane, shape (M, N), to know their quantiles."""
    step = max(1, min(plane.shape) // RANGE_PX)
    return plane[::step, ::step].ravel()
