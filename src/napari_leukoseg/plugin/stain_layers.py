"""Layers that show a whole picture standardized, computed where it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer

from napari_leukoseg.plugin.layers import spatial_of
from napari_leukoseg.plugin.pictures import DERIVED_KEY, PATH_KEY
from napari_leukoseg.plugin.stain_jobs import WORKER_METHODS, Benches, StainRequest

if TYPE_CHECKING:
    from napari.components import LayerList

    from napari_leukoseg.stain import StainStep

__all__ = [
    "StainedPicture",
    "add_stained",
    "find_stained",
    "identity",
    "prepare_picture",
]


_TOO_SLOW = (
    "it looks at the surroundings of each pixel, and is too slow to show a whole slide "
    "while you move about. The preview shows it for the current view."
)


@dataclass(frozen=True, eq=False)
class StainedPicture:
    """A picture, ready to be shown standardized.

    Parameters
    ----------
    request : StainRequest
        What was asked for.
    path : Path
        File of the picture.
    step : StainStep
        With how the picture is stained.
    levels : list of array-like
        Standardized pixels from fine to coarse; empty where the worker has to
        compute them, or where there is a note.
    note : str
        Why the picture is not shown.
    """

    request: StainRequest
    path: Path
    step: StainStep
    levels: list[Any]
    note: str = ""


def prepare_picture(request: StainRequest, benches: Benches) -> StainedPicture:
    """Get ready to show a picture standardized; runs in a thread.

    Raises
    ------
    LeukosegError
        If the picture cannot be read, or does not show how it is stained.
    """
    from napari_leukoseg.plugin.picture_files import layer_levels
    from napari_leukoseg.plugin.stain_bench import is_local, make_step
    from napari_leukoseg.slide import open_slide

    bench, settings = benches.bench_of(request), request.settings
    asked = (settings.method, settings.variant, request.reference, settings.strength)
    step = bench.with_source(make_step(*asked))
    path = bench.slide.path
    if is_local(step) and len(bench.slide.levels) > 1:
        return StainedPicture(request, path, step, [], note=_TOO_SLOW)
    if settings.method in WORKER_METHODS:
        return StainedPicture(request, path, step, [])
    slide = step.standardized(open_slide(path), owns_slide=True)
    return StainedPicture(request, path, step, layer_levels(slide))


def add_stained(
    layers: LayerList, picture: Image, title: str, levels: list[Any]
) -> Image:
    """Show a picture standardized, in place of what was applied to it before.

    Parameters
    ----------
    layers : LayerList
        Layers of the viewer.
    picture : Image
        Layer of the picture; the new one lies just above it.
    title : str
        Of the stain step.
    levels : list of array-like
        From fine to coarse.
    """
    for old in find_stained(layers, picture):
        layers.remove(old)
    active = layers.selection.active
    layer = Image(
        levels if len(levels) > 1 else levels[0],
        rgb=True,
        multiscale=len(levels) > 1,
        name=f"{picture.name} ({title})",
        metadata={DERIVED_KEY: identity(picture)},
        **spatial_of(picture),
    )
    layers.insert(layers.index(picture) + 1, layer)
    layers.selection.active = active
    return layer


def find_stained(layers: LayerList, picture: Image) -> list[Layer]:
    """Return the layers that show a picture standardized."""
    name = identity(picture)
    return [layer for layer in layers if layer.metadata.get(DERIVED_KEY) == name]


def identity(picture: Image) -> str:
    """Return what tells a picture's layer from others, as long as it lives."""
    return f"{picture.metadata.get(PATH_KEY, '')}#{id(picture)}"
