"""Layers that show a whole picture standardized, computed where it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer

from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.layers import spatial_of
from napari_leukoseg.plugin.pictures import DERIVED_KEY, PATH_KEY
from napari_leukoseg.plugin.stain_jobs import (
    WORKER_METHODS,
    Benches,
    StainRequest,
    prepared_step,
)

if TYPE_CHECKING:
    from napari.components import LayerList

    from napari_leukoseg.slide import SlideReader
    from napari_leukoseg.stain import StainStep

__all__ = [
    "StainedPicture",
    "add_stained",
    "find_stained",
    "identity",
    "prepare_picture",
]


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
        Standardized pixels from fine to coarse; the coarsest one alone where there
        is a slide to paint, and empty where the worker has to compute that.
    slide : SlideReader or None, optional
        Whose finer levels are to be painted block by block: standardized when it
        is read, or as it is where the worker standardizes it.
    """

    request: StainRequest
    path: Path
    step: StainStep
    levels: list[Any]
    slide: SlideReader | None = None


def prepare_picture(request: StainRequest, benches: Benches) -> StainedPicture:
    """Get ready to show a picture standardized; runs in a thread.

    Methods that look at colors alone are quick enough to be computed where a level
    is read. The others are painted block by block, see `BlockPainter`; each block is
    computed with the surroundings that it depends on, so that blocks agree.

    Raises
    ------
    LeukosegError
        If the picture cannot be read, or does not show how it is stained.
    """
    from napari_leukoseg.plugin.picture_files import layer_levels
    from napari_leukoseg.plugin.stain_bench import is_local
    from napari_leukoseg.plugin.stain_blocks import BLOCK_PX
    from napari_leukoseg.slide import open_slide

    step = prepared_step(request, benches)
    path = benches.bench_of(request).slide.path
    slide = open_slide(path)
    is_painted = is_local(step) and len(slide.levels) > 1
    if request.settings.method in WORKER_METHODS:
        painted = slide if is_painted else None
        return StainedPicture(request, path, step, [], painted)
    last = len(slide.levels) - 1
    # At once: blocks of a picture that is read whole would share most of their work.
    coarse = step.standardized(
        slide, owns_slide=True, block_px=max(slide.levels[last].shape)
    )
    if not is_painted:
        return StainedPicture(request, path, step, layer_levels(coarse))
    coarsest = coarse.read_region(Region.of_shape(slide.levels[last].shape), last)
    shown = step.standardized(slide, owns_slide=True, block_px=BLOCK_PX)
    return StainedPicture(request, path, step, [coarsest], shown)


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
