"""Cuts crops for colorizers: how dark a smear is, and what color it should have."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from pydantic import ConfigDict, with_config
from scipy import ndimage
from torch.utils.data import Dataset

from napari_leukoseg.errors import DataError, SettingsError
from napari_leukoseg.stain import (
    ColorCounts,
    MomentStatistics,
    ReinhardNormalizer,
    StainEstimationError,
)
from napari_leukoseg.stain.learned_source import nuclear_darkness
from napari_leukoseg.stain.planes import lab_of, unit_levels
from napari_leukoseg.stain.structures import find_structures
from napari_leukoseg.training.warping import (
    draw_center,
    elastic_field,
    random_rotation,
    read_pixels,
    shrink,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.training.sample import Sample

__all__ = ["Canvas", "ColorCrop", "ColorCropDataset", "ColorCropSettings"]

logger = logging.getLogger(__name__)

WHITE = np.full(3, 255.0)
"""Ground on which looks are painted for training, so that colors are relative to it."""

OFFSET = 0.25
"""Farthest that a chosen cell lies from the middle, in sides of the crop."""

SHADE_CELLS = 3
"""Points along a side of a crop between which the light varies smoothly."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class ColorCropSettings:
    """How crops are cut, and how much the light in them varies.

    Parameters
    ----------
    size_px : int, optional
        Side of a crop; a multiple of the network's stride.
    diameter_range_px : tuple of float, optional
        Diameters of white cells, each as likely on a logarithmic scale: from those
        of a coarse overview to twice the usual.
    gain, gamma : float, optional
        Standard deviations (log) of factor and power of darkness: nuclei of a
        laboratory are never measured exactly, nor are cameras alike.
    offset, shade : float, optional
        Largest error of the ground, and largest falling off of light across the
        crop, in units of nuclear darkness.
    blur_px, noise : float, optional
        Largest standard deviations of defocus, and of noise in darkness.
    elastic_px : float, optional
        Largest displacement of the elastic warp.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    size_px: int = 160
    diameter_range_px: tuple[float, float] = (14.0, 110.0)
    gain: float = 0.12
    gamma: float = 0.15
    offset: float = 0.04
    shade: float = 0.06
    blur_px: float = 1.2
    noise: float = 0.04
    elastic_px: float = 4.0

    def __post_init__(self) -> None:
        low, high = self.diameter_range_px
        if not 0 < low <= high:
            raise SettingsError(
                f"diameter_range_px is {self.diameter_range_px}; give two rising, "
                "positive numbers."
            )
        if self.size_px < 1:
            raise SettingsError(f"size_px is {self.size_px}; give 1 or more.")
        for name in ("gain", "gamma", "offset", "shade", "blur_px", "noise"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 0 or more.")

    @property
    def unchanged(self) -> ColorCropSettings:
        """The same for validation, with the light as it is."""
        nothing = dict.fromkeys(
            ("gain", "gamma", "offset", "shade", "blur_px", "noise", "elastic_px"), 0.0
        )
        return replace(self, **nothing)  # type: ignore[arg-type]


class ColorCrop(NamedTuple):
    """One training example of S x S pixels, or a batch of them.

    Parameters
    ----------
    darkness : Tensor of shape (1, S, S) and dtype float32
        0 on the ground, 1 in typical nuclei.
    chroma : Tensor of shape (2, S, S) and dtype float32
        a* and b* relative to the ground, in the look to paint.
    """

    darkness: torch.Tensor
    chroma: torch.Tensor


@dataclass(frozen=True, eq=False)
class Canvas:
    """A picture in the look to paint, and how dark its nuclei are.

    Parameters
    ----------
    sample : Sample
        With the picture on white ground.
    darkness : float
        Of its nuclei, as a share of the ground's L*.
    """

    sample: Sample
    darkness: float


def paint_look(sample: Sample, spread: NDArray[np.float64]) -> Canvas | None:
    """Give a picture the look to paint, by Reinhard's method; none if it cannot be."""
    normalizer = ReinhardNormalizer()
    colors = ColorCounts.of_image(sample.image)
    try:
        found = find_structures(colors)
        source = normalizer.estimate_colors(colors)
    except StainEstimationError:
        return None
    look = MomentStatistics(WHITE, source.mean, np.array([1.0, *spread]))
    image = normalizer.fit_statistics(look).transform(sample.image, source)
    return Canvas(replace(sample, image=image), nuclear_darkness(colors, found))


class ColorCropDataset(Dataset[ColorCrop]):
    """Endless, reproducible crops: an index always gives the same crop.

    Parameters
    ----------
    samples : sequence of Sample
        Training pictures; those that do not show their stain are left out.
    settings : ColorCropSettings
        How they are cut.
    spread : ndarray of shape (2,)
        Of a* and b* of nuclei in the look to paint.
    length : int
        Number of crops.
    seed : int
        Together with the index, seeds every random choice.

    Raises
    ------
    DataError
        If no picture is left.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        settings: ColorCropSettings,
        spread: NDArray[np.float64],
        length: int,
        seed: int,
    ) -> None:
        self.settings, self.length, self.seed = settings, length, seed
        largest = settings.diameter_range_px[1]
        painted = (paint_look(shrink(sample, largest), spread) for sample in samples)
        self.canvases = [canvas for canvas in painted if canvas is not None]
        if not self.canvases:
            raise DataError(
                f"None of {len(samples)} pictures shows how it is stained; give some "
                "with white cells."
            )
        if n_left := len(samples) - len(self.canvases):
            logger.info("%d of %d pictures left out", n_left, len(samples))
        names = [canvas.sample.dataset for canvas in self.canvases]
        shares = np.array([1.0 / names.count(name) for name in names])
        self._weights = shares / shares.sum()  # every set as often

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> ColorCrop:
        rng = np.random.default_rng((self.seed, index))
        canvas = self.canvases[int(rng.choice(len(self.canvases), p=self._weights))]
        image = self._cut(canvas.sample, rng)
        red, green, blue = np.moveaxis(image.astype(np.float32), 2, 0)
        light, *chroma = lab_of(unit_levels((red, green, blue)))
        darkness = np.maximum(1.0 - light / 100.0, 0.0) / canvas.darkness
        varied = vary_light(darkness, self.settings, rng)
        return ColorCrop(
            torch.from_numpy(varied.astype(np.float32))[None],
            torch.from_numpy(np.stack(chroma).astype(np.float32)),
        )

    def _cut(self, sample: Sample, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Rotate, scale and bend a picture about one of its points."""
        settings, side = self.settings, self.settings.size_px
        wanted = float(np.exp(rng.uniform(*np.log(settings.diameter_range_px))))
        zoom = sample.cell_diameter_px / wanted  # source pixels per crop pixel
        center = draw_center(sample, rng, around_cell=False)
        grid = np.indices((side, side), np.float32) - side / 2 + 0.5
        if settings.elastic_px and rng.random() < 0.3:
            grid += elastic_field(side, settings.elastic_px, rng)
        grid -= (rng.uniform(-OFFSET, OFFSET, 2) * side).astype(np.float32)[
            :, None, None
        ]
        matrix = random_rotation(rng) * zoom
        source = np.einsum("ij,jrc->irc", matrix.astype(np.float32), grid)
        source += np.asarray(center, np.float32)[:, None, None]
        return read_pixels(sample.image, source, zoom)


def vary_light(
    darkness: NDArray[np.float32],
    settings: ColorCropSettings,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Vary darkness as cameras, lamps and wrong estimates do; shape stays."""
    gain, gamma = np.exp(rng.normal(0, 1, 2) * (settings.gain, settings.gamma))
    varied = gain * darkness**gamma
    varied += rng.uniform(-settings.offset, settings.offset)
    coarse = rng.uniform(-settings.shade, settings.shade, (SHADE_CELLS, SHADE_CELLS))
    zoom = np.divide(varied.shape, SHADE_CELLS)
    varied += ndimage.zoom(coarse, zoom, order=1, grid_mode=True, mode="nearest")
    varied = ndimage.gaussian_filter(varied, rng.uniform(0, settings.blur_px))
    varied += rng.normal(0, rng.uniform(0, settings.noise), varied.shape)
    clipped: NDArray[np.float32] = np.maximum(varied, 0.0)
    return clipped
