"""What the Stain page has done in threads, as plain requests and results."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.exporting import LayerPixels, export_picture
from napari_leukoseg.plugin.pictures import Picture, layer_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_leukoseg.plugin.preferences import Preferences
    from napari_leukoseg.plugin.stain_bench import StainBench
    from napari_leukoseg.stain import ColorChange, StainReference, StainStep

__all__ = [
    "WORKER_METHODS",
    "Benches",
    "PixelSource",
    "StainFacts",
    "StainRequest",
    "StainSettings",
    "StainedView",
    "find_facts",
    "make_look",
    "make_view",
    "prepared_step",
    "with_method",
]

WORKER_METHODS = ("learned",)
"""Methods that need the libraries of networks, which the viewer's process is spared."""

_N_BENCHES = 2
"""Pictures that are kept open: the one that is shown, and one that its stain is
estimated from."""


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
class PixelSource:
    """Where the pixels of a picture come from.

    Parameters
    ----------
    name : str
        For people.
    path : Path or None
        File of the picture.
    pixels : LayerPixels or None, optional
        Of its layer, where there is no file.
    """

    name: str
    path: Path | None
    pixels: LayerPixels | None = None

    @classmethod
    def of_layer(cls, layer: Image) -> PixelSource:
        """Take what is needed of a layer, in the interface thread."""
        return cls(layer.name, layer_path(layer), LayerPixels.of_layer(layer))

    def is_same(self, other: PixelSource | None) -> bool:
        """Whether both are one picture."""
        return other is not None and self.key == other.key

    @property
    def key(self) -> Path | int:
        """What tells the picture from others, as long as it is kept."""
        if self.path is not None:
            return self.path
        return id(None if self.pixels is None else self.pixels.data)


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
    lender : PixelSource or None, optional
        Another picture of the same smear by which the stain is estimated.
    """

    layer: Image
    picture: Picture
    pixels: LayerPixels
    region: Region
    factor: float
    settings: StainSettings
    reference: StainReference | None
    lender: PixelSource | None = None


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
    """Keeps the pictures on the bench that were asked for last; for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._benches: OrderedDict[Path | int, tuple[PixelSource, StainBench]]
        self._benches = OrderedDict()

    def bench_of(self, request: StainRequest) -> StainBench:
        """Return the bench of a request's picture; see `bench_at`."""
        return self.bench_at(
            PixelSource(request.picture.name, request.picture.path, request.pixels)
        )

    def bench_at(self, source: PixelSource) -> StainBench:
        """Return the bench of a picture, written to a file if it has none.

        Raises
        ------
        SlideError
            If it cannot be read.
        ExportError, SettingsError
            If a picture without a file cannot be written to one.
        """
        from napari_leukoseg.plugin.stain_bench import StainBench

        key = source.key
        with self._lock:
            if key not in self._benches:
                path = source.path or export_picture(_required(source.pixels))
                self._benches[key] = (source, StainBench(path))
                while len(self._benches) > _N_BENCHES:
                    self._benches.popitem(last=False)[1][1].close()
            self._benches.move_to_end(key)
            return self._benches[key][1]

    def close(self) -> None:
        """Let go of the pictures."""
        with self._lock:
            while self._benches:
                self._benches.popitem()[1][1].close()


def _required(pixels: LayerPixels | None) -> LayerPixels:
    """Return the pixels of a picture without a file."""
    if pixels is None:
        raise SettingsError("The picture has neither a file nor a layer; open it anew.")
    return pixels


def prepared_step(request: StainRequest, benches: Benches) -> StainStep:
    """Return the stain step of a request, which knows how its picture is stained.

    Raises
    ------
    LeukosegError
        If the picture, or the one that its stain is estimated from, cannot be
        read, or does not show how it is stained.
    """
    from napari_leukoseg.plugin.stain_bench import make_step

    settings, lender = request.settings, request.lender
    step = make_step(
        settings.method, settings.variant, request.reference, settings.strength
    )
    if lender is None:
        return benches.bench_of(request).with_source(step)
    source = benches.bench_at(lender).estimate(step.normalizer)
    return step.with_source(source, lender.name)


def make_view(request: StainRequest, benches: Benches) -> StainedView:
    """Standardize a view.

    Raises
    ------
    LeukosegError
        If the picture cannot be read, or does not show how it is stained.
    """
    step = prepared_step(request, benches)
    bench = benches.bench_of(request)
    before = bench.read(request.region, request.factor)
    after = None
    if request.settings.method not in WORKER_METHODS:
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
