"""The learned method: a network predicts color from luminance."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.stain.color_counts import check_image
from napari_leukoseg.stain.errors import StainReferenceError
from napari_leukoseg.stain.learned_source import (
    LEAST_DARKNESS,
    WORKING_NUCLEUS_PX,
    LearnedStatistics,
    measure_source,
)
from napari_leukoseg.stain.normalizer import Method, Variant, check_strength
from napari_leukoseg.stain.planes import (
    byte_levels,
    lab_of,
    lightness,
    luminance_tables,
    rgb_of,
    unit_levels,
)
from napari_leukoseg.stain.reinhard import ReinhardNormalizer
from napari_leukoseg.stain.sampling import sample_regions
from napari_leukoseg.stain.smear_frame import limited
from napari_leukoseg.stain.statistics import MomentStatistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from numpy.typing import NDArray

    from napari_leukoseg.slide import SlideReader
    from napari_leukoseg.stain.colorizer import Colorizer
    from napari_leukoseg.stain.planes import Planes
    from napari_leukoseg.stain.statistics import Statistics

__all__ = ["LearnedNormalizer", "LearnedSettings", "LearnedStandardizer"]

PIECE_PX = 1536
"""Longest side of the parts that are computed at a time; some 400 MB each."""

MAX_FACTOR = 16
"""Most that pictures are reduced by; nuclei of 500 pixels and more are none."""


@dataclass(frozen=True)
class LearnedSettings:
    """Which colorizer paints.

    Parameters
    ----------
    colorizer : str, optional
        Folder with card and weights; empty for the bundled one.
    """

    colorizer: str = ""

    def load(self, device: str = "cpu") -> Colorizer:
        """Load it; see `stain.colorizer.load_colorizer`."""
        from napari_leukoseg.stain.colorizer import BUNDLED_COLORIZER, load_colorizer

        return load_colorizer(self.colorizer or BUNDLED_COLORIZER, device)


class LearnedStandardizer:
    """A colorizer at one level of a picture, ready for its regions.

    Parameters
    ----------
    colorizer : Colorizer
        On its device.
    source : LearnedStatistics
        Of the whole picture.
    reference : MomentStatistics
        Look to paint.
    keeps_light : bool
        Whether L* itself stays, rather than L* relative to the ground.
    strength : float
        0 to 1.
    downsample : float
        Level-0 pixels along one pixel.
    """

    def __init__(
        self,
        colorizer: Colorizer,
        source: LearnedStatistics,
        reference: MomentStatistics,
        *,
        keeps_light: bool,
        strength: float,
        downsample: float,
    ) -> None:
        import torch

        check_strength(strength)
        self._network = colorizer.network
        self._device = next(self._network.parameters()).device
        tables = luminance_tables((source.ground + 1.0).tolist())
        self._luminance = torch.tensor(tables, dtype=torch.float32, device=self._device)
        self._new = (reference.ground + 1.0).tolist()
        self._nuclear = max(float(source.darkness[0]), LEAST_DARKNESS)
        self._gains = limited(reference.std[1:] / colorizer.card.spread).tolist()
        self._keeps_light, self._strength = keeps_light, strength
        self._factor = working_factor(float(source.nucleus_px[0]) / downsample)
        self.context_px = self._network.context_px * self._factor
        self.grid_px = self._network.grid_px * self._factor

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the standardized picture, of the same shape."""
        check_image(image)
        if self._strength == 0.0:
            return image.copy()
        standardized = np.empty_like(image)
        whole = Region.of_shape(image.shape[:2])
        for piece in self._pieces(whole):
            margin = math.ceil(self.context_px / self.grid_px) * self.grid_px
            wide = piece.padded(margin).intersection(whole)
            inner = piece.shifted(-wide.row, -wide.column)
            standardized[piece.slices] = self._painted(image[wide.slices], inner)
        return standardized

    def _pieces(self, whole: Region) -> Iterator[Region]:
        """Yield parts that begin on the grid, of about the same size."""
        rows, columns = (
            math.ceil(length / math.ceil(length / PIECE_PX) / self.grid_px)
            * self.grid_px
            for length in (whole.row_stop, whole.column_stop)
        )
        for row in range(0, whole.row_stop, rows):
            for column in range(0, whole.column_stop, columns):
                yield Region(row, column, rows, columns).intersection(whole)

    def _painted(self, image: NDArray[np.uint8], inner: Region) -> NDArray[np.uint8]:
        """Compute a part of a picture that shows its surroundings too."""
        import torch

        with torch.inference_mode():
            pixels = torch.tensor(image, device=self._device)
            light = self._light(pixels)
            a, b = self._chroma(light, inner)
            red, green, blue = pixels[inner.slices].float().unbind(-1)
            planes = (red, green, blue)
            mapped = self._in_reference((light[inner.slices], a, b), planes)
            levels = [
                old + self._strength * (new.clip(0.0, 255.0) - old)
                for old, new in zip(planes, mapped, strict=True)
            ]
            rounded = torch.stack(levels, dim=-1).round().to(torch.uint8)
        result: NDArray[np.uint8] = rounded.cpu().numpy()
        return result

    def _light(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return L* relative to the ground of pixels (H, W, 3)."""
        channels = pixels.int().unbind(-1)
        red, green, blue = (
            table[channel]
            for table, channel in zip(self._luminance, channels, strict=True)
        )
        light: torch.Tensor = lightness(red + green + blue)
        return light

    def _chroma(
        self, light: torch.Tensor, inner: Region
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Predict a* and b* relative to the ground, of a part of planes (H, W)."""
        from torch.nn import functional

        from napari_leukoseg.stain.colorizer_base import light_to_darkness, paint

        rows, columns = light.shape
        step = self._network.stride * self._factor
        darkness = light_to_darkness(light, self._nuclear)[None, None]  # (1, 1, H, W)
        margin = (0, -columns % step, 0, -rows % step)
        darkness = functional.pad(darkness, margin, mode="replicate")
        coarse = darkness
        if self._factor > 1:
            coarse = functional.avg_pool2d(darkness, self._factor)
        terms = self._network(coarse)
        # Terms are interpolated between the next ones, so these are painted too.
        pitch = darkness.shape[2] // terms.shape[2]
        near = Region.from_bounds(
            inner.row // pitch - 1,
            inner.column // pitch - 1,
            -(-inner.row_stop // pitch) + 1,
            -(-inner.column_stop // pitch) + 1,
        ).intersection(Region.of_shape(terms.shape[2:]))
        here = near.scaled(pitch)
        chroma = paint(darkness[..., *here.slices], terms[..., *near.slices])
        a, b = chroma[0][:, *inner.shifted(-here.row, -here.column).slices]
        return self._gains[0] * a, self._gains[1] * b

    def _in_reference(self, lab: Planes, planes: Planes) -> Planes:
        """Return gray levels of colors relative to the ground, on the new ground."""
        red, green, blue = (
            share * level - 1.0
            for share, level in zip(rgb_of(lab), self._new, strict=True)
        )
        if not self._keeps_light:
            return red, green, blue
        painted = lab_of(unit_levels((red, green, blue)))
        kept = lab_of(unit_levels(planes))[0]
        return byte_levels(rgb_of((kept, painted[1], painted[2])))


def working_factor(nucleus_px: float) -> int:
    """Return by how much to reduce a picture, so that nuclei are of usual size.

    A power of two, so that the grids of tiles fit.
    """
    factor = max(nucleus_px, 1.0) / WORKING_NUCLEUS_PX
    return int(np.clip(2.0 ** round(math.log2(factor)), 1, MAX_FACTOR))


@dataclass(frozen=True, eq=False)
class LearnedNormalizer:
    """Paint a smear anew, by a network that predicts color from luminance.

    What color a smear was does not matter. The network sees L* relative to the
    ground, in units of the darkness of nuclei, at one size of cells; it paints one
    look, whose spread of nuclear color and whose ground are then taken to those of
    the reference.

    Parameters
    ----------
    variant : Variant, optional
        For smears, L* relative to the ground is kept, and the ground becomes the
        reference's; as published, L* itself is.
    reference : MomentStatistics, optional
        Look to take pictures to, as Reinhard's method measures it on smears; none
        before `fit`.
    settings : LearnedSettings, optional
        Which colorizer.

    References
    ----------
    .. [1] Stain-Standardized Framework: color predicted from L* by VGG16, attention
       and a decoder.
    .. [2] R. Zhang et al., "Colorful image colorization", ECCV 2016.
    """

    method: ClassVar[Method] = Method.LEARNED

    variant: Variant = Variant.SMEAR
    reference: MomentStatistics | None = None
    settings: LearnedSettings = LearnedSettings()

    @property
    def is_fitted(self) -> bool:
        """Whether there is a look to take pictures to."""
        return self.reference is not None

    def fit(self, image: NDArray[np.uint8]) -> Self:
        """Return a copy that takes pictures to the look of this one."""
        return self.fit_statistics(ReinhardNormalizer().estimate(image))

    def fit_statistics(self, reference: Statistics) -> Self:
        """Return a copy that takes pictures to a look given as statistics."""
        if not isinstance(reference, MomentStatistics):
            raise StainReferenceError(
                f"The learned method takes MomentStatistics as reference, not "
                f"{type(reference).__name__}; measure it with the reinhard method."
            )
        return replace(self, reference=reference)

    def estimate(
        self, image: NDArray[np.uint8], *, downsample: float = 1.0
    ) -> LearnedStatistics:
        """Measure ground and nuclei of a picture; see `Normalizer`."""
        found = measure_source([image])
        return replace(found, nucleus_px=downsample * found.nucleus_px)

    def estimate_slide(self, slide: SlideReader) -> LearnedStatistics:
        """Measure ground and nuclei of a slide, from parts of it."""
        return measure_source(list(map(slide.read_region, sample_regions(slide))))

    def standardizer(
        self,
        source: Statistics,
        *,
        strength: float = 1.0,
        device: torch.device | str | None = None,
        downsample: float = 1.0,
    ) -> LearnedStandardizer:
        """Get ready for regions of one picture; see `Normalizer`."""
        if self.reference is None:
            raise SettingsError(
                "The learned method has no reference yet; fit it to a picture or "
                "give the statistics of one."
            )
        if not isinstance(source, LearnedStatistics):
            raise StainReferenceError(
                f"The learned method takes LearnedStatistics, not "
                f"{type(source).__name__}; estimate them with the same method."
            )
        return LearnedStandardizer(
            self.settings.load("cpu" if device is None else str(device)),
            source,
            self.reference,
            keeps_light=self.variant is Variant.PUBLISHED,
            strength=strength,
            downsample=downsample,
        )

    def transform(
        self,
        image: NDArray[np.uint8],
        source: Statistics | None = None,
        *,
        strength: float = 1.0,
        device: torch.device | str | None = None,
        downsample: float = 1.0,
    ) -> NDArray[np.uint8]:
        """Standardize a picture, by default with what it shows itself."""
        if source is None:
            source = self.estimate(image, downsample=downsample)
        standardizer = self.standardizer(
            source, strength=strength, device=device, downsample=downsample
        )
        return standardizer(image)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `normalizer_from_dict` makes it again."""
        return {
            "method": self.method.value,
            "variant": self.variant.value,
            "settings": asdict(self.settings),
            "reference": None if self.reference is None else self.reference.to_dict(),
        }
