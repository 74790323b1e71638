"""What the Stain page has done in threads, as plain requests and results."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.exporting import LayerPixels, export_picture
from napari_leukoseg.plugin.pictures import Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_leukoseg.plugin.preferences import Preferences
    from napari_leukoseg.plugin.stain_bench import StainBench
    from napari_leukoseg.stain import ColorChange, StainReference, StainStep

__all__ = [
    "WORKER_METHODS",
    "Benches",
    "StainFacts",
    "StainRequest",
    "StainSettings",
    "StainedView",
    "find_facts",
    "make_look",
    "make_view",
    "with_method",
]

WORKER_METHODS = ("learned",)
"""Methods that need the libraries of networks, which the viewer's process is spared."""


@dataclass(frozen=True)
class StainSettings:
    """What the user chose on the Stain page.

    Parameters
    ----------
    method, variant : str
        As `stain.make_normalizer` takes them.
    reference : str
        Name among the looks.
    strength : float
        0 to 1.
    """

    method: str = "reinhard"
    variant: str = "smear"
    reference: str = "wright-giemsa"
    strength: float = 1.0

    @classmethod
    def remembered(cls, preferences: Preferences) -> StainSettings:
        """Return the settings of the last time."""
        return cls(
            preferences.stain_method,
            preferences.stain_variant,
            preferences.stain_reference,
            preferences.stain_strength,
        )

    def remember(self, preferences: Preferences) -> None:
        """Keep all but the look, which may have no name the next time."""
        preferences.stain_method = self.method
        preferences.stain_variant = self.variant
        preferences.stain_strength = self.strength


@dataclass(frozen=True, eq=False)
class StainRequest:
    """A part of a picture to be standardized, and how.

    Parameters
    ----------
    layer : Image
        Layer of the picture.
    picture : Picture
        What is known of it.
    pixels : LayerPixels
        Source where there is no file.
    region : Region
        Part of level 0.
    factor : float
        Size of the result over that at level 0.
    settings : StainSettings
        How.
    reference : StainReference or None
        Look that the settings name.
    """

    layer: Image
    picture: Picture
    pixels: LayerPixels
    region: Region
    factor: float
    settings: StainSettings
    reference: StainReference | None


@dataclass(frozen=True, eq=False)
class StainedView:
    """A view before and after.

    Parameters
    ----------
    request : StainRequest
        What was asked for.
    path : Path
        File of the picture.
    step : StainStep
        With how the picture is stained.
    before : ndarray of shape (M, N, 3) and dtype uint8
        Pixels as they are.
    after : ndarray of the same shape, or None
        Standardized pixels; none where the worker has to compute them.
    """

    request: StainRequest
    path: Path
    step: StainStep
    before: NDArray[np.uint8]
    after: NDArray[np.uint8] | None


@dataclass(frozen=True, eq=False)
class StainFacts:
    """What standardizing does to the colors of the view.

    Parameters
    ----------
    step : StainStep
        Knows how picture and reference are stained.
    changes : tuple of ColorChange
        By part of the view.
    """

    step: StainStep
    changes: tuple[ColorChange, ...]


class Benches:
    """Keeps the picture on the bench that was asked for last; for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._data: Any = None
        self._bench: StainBench | None = None

    def bench_of(self, request: StainRequest) -> StainBench:
        """Return the bench of a request's picture, written to a file if it has none.

        Raises
        ------
        SlideError
            If it cannot be read.
        ExportError, SettingsError
            If a picture without a file cannot be written to one.
        """
        from napari_leukoseg.plugin.stain_bench import StainBench

        path, data = request.picture.path, request.pixels.data
        with self._lock:
            is_same = path == self._path if path else data is self._data
            if self._bench is None or not is_same:
                self._drop()
                self._bench = StainBench(path or export_picture(request.pixels))
                self._path, self._data = path, data
            return self._bench

    def close(self) -> None:
        """Let go of the picture."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        """Close the last bench."""
        if self._bench is not None:
            self._bench.close()
        self._bench = self._path = self._data = None


def make_view(request: StainRequest, benches: Benches) -> StainedView:
    """Standardize a view.

    Raises
    ------
    LeukosegError
        If the picture cannot be read, or does not show how it is stained.
    """
    from napari_leukoseg.plugin.stain_bench import make_step

    bench, settings = benches.bench_of(request), request.settings
    step = bench.with_source(
        make_step(
            settings.method, settings.variant, request.reference, settings.strength
        )
    )
    before = bench.read(request.region, request.factor)
    after = None
    if settings.method not in WORKER_METHODS:
        after = bench.stained(step, request.region, request.factor, before)
    return StainedView(request, bench.slide.path, step, before, after)


def find_facts(view: StainedView) -> StainFacts:
    """Find out what standardizing does to the colors of a view."""
    from napari_leukoseg.stain import compare_colors

    after = view.before if view.after is None else view.after
    return StainFacts(view.step, compare_colors(view.before, after))


def make_look(
    request: StainRequest, benches: Benches, name: str, region: Region | None
) -> StainReference:
    """Make a picture, or a region of it, a look to standardize others to."""
    return benches.bench_of(request).measure(name, region)


def with_method(request: StainRequest, method: str, variant: str) -> StainRequest:
    """Return a request for another method."""
    settings = replace(request.settings, method=method, variant=variant)
    return replace(request, settings=settings)
