"""What every stain method offers: fit to a look, estimate a source, transform."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from napari_leukoseg.slide import SlideReader
    from napari_leukoseg.stain.statistics import Statistics

__all__ = ["Method", "Normalizer", "Standardizer", "Variant", "check_strength"]


class Method(StrEnum):
    """Published methods of stain standardization."""

    REINHARD = "reinhard"
    MACENKO = "macenko"
    VAHADANE = "vahadane"
    HISTOGRAM = "histogram"
    RETINEX = "retinex"
    LEARNED = "learned"


class Variant(StrEnum):
    """How a method is carried out.

    ``smear`` works relative to the ground between the cells, so that it becomes
    the reference's ground; measures nuclei and other stained parts each by
    themselves, however many are in view; and keeps the luminance of every pixel
    relative to the ground, with it the texture of chromatin. ``published`` is
    the method as its authors give it, for tissue.
    """

    SMEAR = "smear"
    PUBLISHED = "published"


class Standardizer(Protocol):
    """A method, ready for the pixels of one source; may be used by many threads.

    Attributes
    ----------
    context_px : int
        How far around a pixel its result depends on others; 0 for methods that
        look at colors alone.
    grid_px : int
        A region gives the pixels that it has in the whole picture if it starts
        at multiples of this in row and column, ends there or with the picture,
        and `context_px` are cut off inside the picture.
    """

    context_px: int
    grid_px: int

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the standardized picture, of the same shape."""


class Normalizer(Protocol):
    """One method of stain standardization with its settings; never changes.

    Attributes
    ----------
    method : Method
        Which one.
    """

    method: ClassVar[Method]

    @property
    def is_fitted(self) -> bool:
        """Whether there is a look to take pictures to, or none is needed."""

    def fit(self, image: NDArray[np.uint8]) -> Self:
        """Return a copy that takes pictures to the look of this one."""

    def fit_statistics(self, reference: Statistics) -> Self:
        """Return a copy that takes pictures to a look given as statistics."""

    def estimate(
        self, image: NDArray[np.uint8], *, downsample: float = 1.0
    ) -> Statistics:
        """Measure how a picture is stained.

        Parameters
        ----------
        image : ndarray of shape (M, N, 3) and dtype uint8
            RGB.
        downsample : float, optional
            Level-0 pixels along one pixel of it.

        Raises
        ------
        StainEstimationError
            If the picture does not show it.
        """

    def estimate_slide(self, slide: SlideReader) -> Statistics:
        """Measure how a slide is stained, from parts of it."""

    def standardizer(
        self,
        source: Statistics,
        *,
        strength: float = 1.0,
        device: torch.device | str | None = None,
        downsample: float = 1.0,
    ) -> Standardizer:
        """Get ready for pictures of one source.

        Parameters
        ----------
        source : Statistics
            From `estimate` or `estimate_slide`.
        strength : float, optional
            0 leaves pictures as they are, 1 standardizes fully.
        device : torch.device or str, optional
            Where to compute; by default NumPy on the CPU.
        downsample : float, optional
            Level-0 pixels along one pixel of the pictures that come.
        """

    def transform(
        self,
        image: NDArray[np.uint8],
        source: Statistics | None = None,
        *,
        strength: float = 1.0,
        device: torch.device | str | None = None,
        downsample: float = 1.0,
    ) -> NDArray[np.uint8]:
        """Standardize a picture, by default with what it shows itself.

        The other parameters are those of `standardizer`.
        """

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `normalizer_from_dict` makes it again."""


def check_strength(strength: float) -> None:
    """Refuse a strength that is no share.

    Raises
    ------
    SettingsError
        If it is outside 0 to 1.
    """
    if not 0.0 <= strength <= 1.0:
        raise SettingsError(
            f"A strength of {strength} is not possible; give 0 (as it is) to 1 "
            "(fully standardized)."
        )
