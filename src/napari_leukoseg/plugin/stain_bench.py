"""Pictures on the bench where stains are tried; imported where threads need it."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide
from napari_leukoseg.stain import (
    REFERENCED,
    ColorCounts,
    Method,
    StainReference,
    StainStep,
    Variant,
    bundled_references,
    make_normalizer,
    sample_colors,
)
from napari_leukoseg.stain.methods import POINTWISE
from napari_leukoseg.stain.pointwise import PointwiseNormalizer
from napari_leukoseg.stain.step import method_title

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_leukoseg.stain import (
        Normalizer,
        StandardizedSlide,
        Standardizer,
        Statistics,
    )

__all__ = ["Looks", "MethodLook", "StainBench", "is_local", "list_looks", "make_step"]

_KEPT_STEPS = 16
"""Prepared steps that are kept: all methods in both variants, and a few more."""


@dataclass(frozen=True)
class MethodLook:
    """One method as the user sees it.

    Parameters
    ----------
    method, title : str
        Key and name.
    takes_reference : bool
        Whether it takes pictures to a look.
    is_local : bool
        Whether a pixel's result depends on others, so that it takes long.
    """

    method: str
    title: str
    takes_reference: bool
    is_local: bool


@dataclass(frozen=True, eq=False)
class Looks:
    """What there is to choose from.

    Parameters
    ----------
    methods : tuple of MethodLook
        All methods.
    references : dict of str to StainReference
        Bundled looks by name.
    """

    methods: tuple[MethodLook, ...]
    references: dict[str, StainReference]


def list_looks() -> Looks:
    """Read what ships with the package."""
    return Looks(
        tuple(
            MethodLook(m.value, method_title(m), m in REFERENCED, m not in POINTWISE)
            for m in Method
        ),
        {
            name: StainReference.load(path)
            for name, path in bundled_references().items()
        },
    )


def make_step(
    method: str, variant: str, reference: StainReference | None, strength: float
) -> StainStep:
    """Return the stain step of some settings.

    Raises
    ------
    StainReferenceError
        If the reference was not measured by this method.
    """
    title = method_title(Method(method), Variant(variant))
    if Method(method) not in REFERENCED or reference is None:
        return StainStep(make_normalizer(method, variant), title, strength)
    normalizer = reference.normalizer(method, variant)
    return StainStep(normalizer, f"{title} → {reference.name}", strength)


def is_local(step: StainStep) -> bool:
    """Whether a pixel's result depends on others, so that it takes long."""
    return not isinstance(step.normalizer, PointwiseNormalizer)


class StainBench:
    """A picture that stain steps are tried on; may be used by many threads.

    Parameters
    ----------
    path : str or Path
        Picture or slide.

    Raises
    ------
    SlideError
        If it cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.slide = open_slide(path)
        self._colors: ColorCounts | None = None
        self._sources: dict[str, Statistics] = {}
        self._prepared: OrderedDict[str, Standardizer | StandardizedSlide]
        self._prepared = OrderedDict()
        self._lock = threading.RLock()

    def close(self) -> None:
        """Let go of the picture."""
        self.slide.close()

    def estimate(self, normalizer: Normalizer) -> Statistics:
        """Tell how the picture is stained, as far as a method asks; once for each.

        Raises
        ------
        StainEstimationError
            If the picture does not show it.
        """
        asked = {k: v for k, v in normalizer.to_dict().items() if k != "reference"}
        key = json.dumps(asked, sort_keys=True, default=str)
        with self._lock:
            if key not in self._sources:
                self._sources[key] = self._estimate(normalizer)
            return self._sources[key]

    def with_source(self, step: StainStep) -> StainStep:
        """Return a step that knows how this picture is stained."""
        if step.source is not None:
            return step
        return replace(step, source=self.estimate(step.normalizer))

    def measure(self, name: str, region: Region | None = None) -> StainReference:
        """Make the picture, or a region of it, a look to standardize others to.

        Raises
        ------
        StainEstimationError
            If it does not show how it is stained.
        """
        if region is None:
            colors = self.colors
        else:
            colors = ColorCounts.of_image(self.slide.read_region(region))
        return StainReference.measure(name, [colors], description=name)

    @property
    def colors(self) -> ColorCounts:
        """Colors of the whole picture, or of windows that stand for it."""
        with self._lock:
            if self._colors is None:
                self._colors = sample_colors(self.slide)
            return self._colors

    def read(self, region: Region, factor: float) -> NDArray[np.uint8]:
        """Read a view as it is; see `SlideReader.read_scaled`."""
        return self.slide.read_scaled(region, factor)

    def stained(
        self, step: StainStep, region: Region, factor: float, view: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Return a view standardized.

        Parameters
        ----------
        step : StainStep
            With its source.
        region : Region
            Of level 0.
        factor : float
            Size of the view over that at level 0.
        view : ndarray of shape (M, N, 3) and dtype uint8
            What `read` gave for it. Methods that look at colors alone change just
            these pixels; shrinking first costs a fraction and looks the same.
        """
        prepared = self._prepare(step)
        if is_local(step):
            return prepared.read_scaled(region, factor)  # type: ignore[union-attr]
        return prepared(view)  # type: ignore[operator]

    def _estimate(self, normalizer: Normalizer) -> Statistics:
        """Tell how the picture is stained, from colors that are counted once."""
        if isinstance(normalizer, PointwiseNormalizer):
            measured: Statistics = normalizer.estimate_colors(self.colors)
            return measured
        return normalizer.estimate_slide(self.slide)

    def _prepare(self, step: StainStep) -> Standardizer | StandardizedSlide:
        """Return what carries out a step, the same for as long as it is used."""
        key = step.describe()["sha256"]
        with self._lock:
            if key not in self._prepared:
                self._prepared[key] = self._make(step)
                while len(self._prepared) > _KEPT_STEPS:
                    self._prepared.popitem(last=False)
            self._prepared.move_to_end(key)
            return self._prepared[key]

    def _make(self, step: StainStep) -> Standardizer | StandardizedSlide:
        """Get ready to carry out a step."""
        if is_local(step):
            return step.standardized(self.slide)
        source = self.estimate(step.normalizer) if step.source is None else step.source
        return step.normalizer.standardizer(source, strength=step.strength)
