"""Stain steps that are applied to pictures, with the layers that show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.background import Background
from napari_leukoseg.plugin.pictures import DERIVED_KEY
from napari_leukoseg.plugin.stain_jobs import (
    WORKER_METHODS,
    Benches,
    StainedView,
    StainRequest,
)
from napari_leukoseg.plugin.stain_layers import (
    StainedPicture,
    add_stained,
    find_stained,
    identity,
    prepare_picture,
)

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_leukoseg.plugin.stain_blocks import BlockPainter
    from napari_leukoseg.plugin.stain_remote import RemoteStains
    from napari_leukoseg.stain import StainStep

__all__ = ["AppliedStains"]


class AppliedStains(QObject):
    """Shows whole pictures standardized, and knows by which step.

    Parameters
    ----------
    layers : LayerList
        Layers of the viewer.
    background : Background
        Prepares pictures.
    benches : Benches
        Pictures that steps are tried on.
    remote : RemoteStains
        Standardizes what the viewer's own process had better not.

    Attributes
    ----------
    changed : Signal
        See `step_of`.
    shown : Signal
        A picture is shown standardized.
    busy : Signal of str
        What takes its time; empty when it is over.
    failed, noticed : Signal of str
        A sentence for people.
    """

    changed = Signal()
    shown = Signal()
    busy = Signal(str)
    failed = Signal(str)
    noticed = Signal(str)

    def __init__(
        self,
        layers: LayerList,
        background: Background,
        benches: Benches,
        remote: RemoteStains,
    ) -> None:
        super().__init__()
        self._layers, self._background = layers, background
        self._benches, self._remote = benches, remote
        # Blocks take long, and what else is asked for had better not wait for them.
        self._painting = Background(1)
        self._steps: WeakKeyDictionary[Image, StainStep] = WeakKeyDictionary()
        self._painters: WeakKeyDictionary[Layer, BlockPainter] = WeakKeyDictionary()
        layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Compute nothing further; may be repeated."""
        for painter in self._painters.values():
            painter.close()
        self._painting.close()

    def step_of(self, layer: Image | None) -> StainStep | None:
        """Return the step that is applied to a picture, or none."""
        return None if layer is None else self._steps.get(layer)

    def apply(self, request: StainRequest) -> None:
        """Show a whole picture standardized, and let Segment use the step."""
        self.busy.emit("Standardizing the picture")
        work = partial(prepare_picture, request, self._benches)
        self._background.run(work, self._take_prepared, self._fail)

    def withdraw(self, layer: Image) -> None:
        """Take back what was applied to a picture."""
        if self._steps.pop(layer, None) is not None:
            for stained in find_stained(self._layers, layer):
                self._layers.remove(stained)
            self.changed.emit()

    def _take_prepared(self, prepared: StainedPicture) -> None:
        """Show a picture standardized, or have it computed first."""
        if prepared.levels:
            self._finish(prepared, prepared.levels)
            return
        slide = prepared.slide
        factor = 1.0 if slide is None else 1.0 / slide.levels[-1].downsample
        self._ask(
            prepared,
            prepared.request.region,
            factor,
            lambda pixels: self._finish(prepared, [pixels]),
            self._fail,
        )

    def _finish(self, prepared: StainedPicture, levels: list[Any]) -> None:
        """Add the layer, and let Segment know the step."""
        self.busy.emit("")
        request, step = prepared.request, prepared.step
        if request.layer not in self._layers:
            return
        painter = None
        if prepared.slide is not None:
            painter = self._painter(prepared, levels[-1])
            levels = painter.levels
        layer = add_stained(self._layers, request.layer, step.title, levels)
        if painter is not None:
            self._painters[layer] = painter
            painter.painted.connect(layer.refresh)
            painter.failed.connect(self.failed)
        self.shown.emit()
        self.noticed.emit(f"{step.title} is applied to {request.layer.name}.")
        # Segment estimates how the slide is stained by itself, in the same way.
        is_own = request.lender is None
        self._steps[request.layer] = replace(step, source=None) if is_own else step
        self.changed.emit()

    def _painter(
        self, prepared: StainedPicture, coarsest: NDArray[np.uint8]
    ) -> BlockPainter:
        """Return what paints the finer levels of a slide."""
        from napari_leukoseg.plugin.stain_blocks import BlockPainter

        slide = prepared.slide
        assert slide is not None  # noqa: S101 (the caller has looked)

        def paint(
            level: int,
            block: Region,
            then: Callable[[NDArray[np.uint8]], None],
            fail: Callable[[str], None],
        ) -> None:
            if prepared.request.settings.method not in WORKER_METHODS:
                self._painting.run(partial(slide.read_region, block, level), then, fail)
                return
            downsample = slide.levels[level].downsample
            bounds = (round(bound * downsample) for bound in block.bounds)
            region = Region.from_bounds(*bounds)
            self._ask(
                prepared,
                region.intersection(Region.of_shape(slide.shape)),
                1.0 / downsample,
                lambda pixels: then(_fitted(pixels, block)),
                fail,
            )

        return BlockPainter(slide, coarsest, paint)

    def _ask(
        self,
        prepared: StainedPicture,
        region: Region,
        factor: float,
        then: Callable[[NDArray[np.uint8]], None],
        fail: Callable[[str], None],
    ) -> None:
        """Have the worker standardize a part of a picture."""

        def take(view: StainedView) -> None:
            if view.after is not None:
                then(view.after)

        nothing = np.empty((0, 0, 3), np.uint8)
        request = replace(prepared.request, region=region, factor=factor)
        view = StainedView(request, prepared.path, prepared.step, nothing, None)
        self._remote.ask(view, take, fail)

    def _fail(self, message: str) -> None:
        """Tell why something could not be done."""
        self.busy.emit("")
        self.failed.emit(message)

    def _on_removed(self, event: Any) -> None:
        """Take note where the user removed a layer of ours."""
        if painter := self._painters.pop(event.value, None):
            painter.close()
        kind = event.value.metadata.get(DERIVED_KEY)
        if kind is None:
            return
        for layer in list(self._steps):
            if kind == identity(layer):
                del self._steps[layer]
                self.changed.emit()


def _fitted(pixels: NDArray[np.uint8], block: Region) -> NDArray[np.uint8]:
    """Return pixels of the size of a block, which rounding may have missed by one."""
    inside = pixels[: block.height, : block.width]
    lacking = block.height - inside.shape[0], block.width - inside.shape[1]
    if not any(lacking):
        return inside
    return np.pad(inside, ((0, lacking[0]), (0, lacking[1]), (0, 0)), "edge")
