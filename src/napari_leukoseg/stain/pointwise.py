"""What the methods share that give each color one result, wherever it stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import numpy as np

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain.color_counts import ColorCounts, check_image
from napari_leukoseg.stain.color_table import ColorTable
from napari_leukoseg.stain.errors import StainReferenceError
from napari_leukoseg.stain.normalizer import Method, Variant, check_strength
from napari_leukoseg.stain.sampling import sample_colors
from napari_leukoseg.stain.statistics import Statistics

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import NDArray

    from napari_leukoseg.slide import SlideReader
    from napari_leukoseg.stain.planes import Planes

__all__ = ["PointwiseNormalizer", "PointwiseStandardizer"]

DEVICE_PIECE_PX = 1 << 22
"""Pixels sent to a device at a time; some hundred MB of floating-point planes."""

S = TypeVar("S", bound=Statistics)


class PointwiseStandardizer:
    """A map of colors with a strength, on the CPU or a device.

    Parameters
    ----------
    color_map : callable
        Takes and returns planes of gray levels, arrays or tensors.
    strength : float
        0 to 1.
    device : torch.device, str or None
        None computes with NumPy in double precision, each color once; a device
        computes every pixel in single precision.
    """

    context_px = 0
    grid_px = 1

    def __init__(
        self,
        color_map: Callable[[Planes], Planes],
        strength: float,
        device: torch.device | str | None,
    ) -> None:
        check_strength(strength)
        self._map = color_map
        self._strength = strength
        self._device = device
        self._table = ColorTable(self._compute)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the standardized picture, of the same shape."""
        check_image(image)
        if self._strength == 0.0:
            return image.copy()
        if self._device is None:
            return self._table(image)
        return self._on_device(image)

    def _blended(self, planes: Planes) -> list[Any]:
        """Map gray levels, and mix the result with what was there."""
        mapped = self._map(planes)
        return [
            old + self._strength * (new.clip(0.0, 255.0) - old)
            for old, new in zip(planes, mapped, strict=True)
        ]

    def _compute(self, colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Map colors with NumPy."""
        first, second, third = colors.T.astype(np.float64)
        levels = np.stack(self._blended((first, second, third)), axis=-1)
        rounded: NDArray[np.uint8] = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        return rounded

    def _on_device(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Map a picture with torch, some rows at a time."""
        import torch

        mapped = np.empty_like(image)
        step = max(1, DEVICE_PIECE_PX // image.shape[1])
        for row in range(0, len(image), step):
            rows = torch.tensor(image[row : row + step], device=self._device)
            first, second, third = rows.float().unbind(-1)
            levels = torch.stack(self._blended((first, second, third)), dim=-1)
            rounded = levels.round().clip(0, 255).to(torch.uint8)
            mapped[row : row + step] = rounded.cpu().numpy()
        return mapped


@dataclass(frozen=True, eq=False)
class PointwiseNormalizer(ABC, Generic[S]):
    """Method that maps colors by statistics of source and reference.

    Parameters
    ----------
    variant : Variant, optional
        For smears, or as published.
    reference : Statistics, optional
        Look to take pictures to; none before `fit`.
    """

    method: ClassVar[Method]
    statistics_type: ClassVar[type[Statistics]]

    variant: Variant = Variant.SMEAR
    reference: S | None = None

    @abstractmethod
    def estimate_colors(self, colors: ColorCounts) -> S:
        """Measure how something is stained that has these colors."""

    @abstractmethod
    def color_map(self, source: S, reference: S) -> Callable[[Planes], Planes]:
        """Return the function from gray levels to standardized ones."""

    @property
    def is_fitted(self) -> bool:
        """Whether there is a look to take pictures to."""
        return self.reference is not None

    def fit(self, image: NDArray[np.uint8]) -> Self:
        """Return a copy that takes pictures to the look of this one."""
        return self.fit_statistics(self.estimate(image))

    def fit_statistics(self, reference: Statistics) -> Self:
        """Return a copy that takes pictures to a look given as statistics."""
        self._check_kind(reference)
        return replace(self, reference=reference)  # type: ignore[arg-type]

    def estimate(
        self,
        image: NDArray[np.uint8],
        *,
        downsample: float = 1.0,  # noqa: ARG002 (colors have no size)
    ) -> S:
        """Measure how a picture is stained.

        Parameters
        ----------
        image : ndarray of shape (M, N, 3) and dtype uint8
            RGB.
        downsample : float, optional
            Of no account here.

        Raises
        ------
        StainEstimationError
            If the picture does not show it.
        SettingsError
            If it is no picture.
        """
        return self.estimate_colors(ColorCounts.of_image(image))

    def estimate_slide(self, slide: SlideReader) -> S:
        """Measure how a slide is stained, from parts of it at full resolution."""
        return self.estimate_colors(sample_colors(slide))

    def standardizer(
        self,
        source: Statistics,
        *,
        strength: float = 1.0,
        device: torch.device | str | None = None,
        downsample: float = 1.0,  # noqa: ARG002 (colors have no size)
    ) -> PointwiseStandardizer:
        """Get ready for pictures of one source; see `Normalizer`."""
        if self.reference is None:
            raise SettingsError(
                f"The {self.method} method has no reference yet; fit it to a picture "
                "or give the statistics of one."
            )
        self._check_kind(source)
        color_map = self.color_map(source, self.reference)  # type: ignore[arg-type]
        return PointwiseStandardizer(color_map, strength, device)

    def transform(
        self,
        image: NDArray[np.uint8],
        source: Statistics | None = None,
        *,
        strength: float = 1.0,
        device: torch.device | str | None = None,
        downsample: float = 1.0,  # noqa: ARG002 (colors have no size)
    ) -> NDArray[np.uint8]:
        """Standardize a picture, by default with what it shows itself."""
        source = self.estimate(image) if source is None else source
        return self.standardizer(source, strength=strength, device=device)(image)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `normalizer_from_dict` makes it again."""
        settings = getattr(self, "settings", None)
        return {
            "method": self.method.value,
            "variant": self.variant.value,
            "settings": {} if settings is None else asdict(settings),
            "reference": None if self.reference is None else self.reference.to_dict(),
        }

    def _check_kind(self, statistics: Statistics) -> None:
        """Refuse the statistics of another method."""
        if not isinstance(statistics, self.statistics_type):
            raise StainReferenceError(
                f"The {self.method} method takes {self.statistics_type.__name__}, not "
                f"{type(statistics).__name__}; estimate them with the same method."
            )
