"""Drawn smears, each in several looks."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_leukoseg.slide import Level, SlideReader
from napari_leukoseg.slide.resample import halve
from napari_leukoseg.synthetic import Illumination, Smear, SmearSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Image = NDArray[np.uint8]


@cache
def _drawn(settings: SmearSettings) -> Image:
    image = Smear(settings).draw().image
    image.flags.writeable = False
    return image


@pytest.fixture(scope="session")
def draw() -> Callable[..., Image]:
    """Return a function that draws a smear, by default 160 x 200 pixels."""

    def drawn(look: str = "wright-giemsa", seed: int = 1, **settings) -> Image:
        settings = {
            "shape": (160, 200),
            "cell_diameter_px": 50.0,
            "white_cell_fraction": 0.15,
            "illumination": Illumination.FLAT,
            **settings,
        }
        return _drawn(SmearSettings(seed=seed, look=look, **settings))

    return drawn


@pytest.fixture(scope="session")
def smear(draw) -> Image:
    """Return a smear to standardize."""
    return draw()


@pytest.fixture(scope="session")
def other_smear(draw) -> Image:
    """Return a smear of another look, to standardize to."""
    return draw("may-grunwald-giemsa", 2)


@pytest.fixture(scope="session")
def empty_smear(draw) -> Image:
    """Return a smear without cells."""
    return draw(white_cell_fraction=0.0, red_cell_fraction=0.0)


class ArraySlide(SlideReader):
    """Slide whose levels are arrays in memory."""

    def __init__(self, image: Image, n_levels: int = 1, mpp: float | None = None):
        self.images = [image]
        for _ in range(n_levels - 1):
            self.images.append(halve(self.images[-1]))
        levels = tuple(
            Level(level.shape[:2], 2.0**index)
            for index, level in enumerate(self.images)
        )
        super().__init__(Path("drawn.png"), levels, format_name="array", mpp=mpp)
        self.is_closed = False

    @property
    def fingerprint(self) -> str:
        return "f" * 64

    def _read(self, region, level):
        return np.ascontiguousarray(self.images[level][region.slices])

    def _close(self) -> None:
        self.is_closed = True


@pytest.fixture
def array_slide() -> type[ArraySlide]:
    """Return a class of slides in memory."""
    return ArraySlide
