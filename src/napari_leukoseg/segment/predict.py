"""Runs a network on windows of a slide: precision, batches, memory, fallback."""

from __future__ import annotations

import logging
import time
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from napari_leukoseg.segment.card import DEFAULT_MODEL
from napari_leukoseg.segment.close_look import LOOKS
from napari_leukoseg.segment.device import (
    autocast,
    autocast_dtype,
    device_name,
    resolve_device,
)
from napari_leukoseg.segment.instances import (
    InstanceSettings,
    Prediction,
    extract_cells,
)
from napari_leukoseg.segment.model import Model, ModelCard, load_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.cell import SegmentedCell
    from napari_leukoseg.segment.close_look import Look
    from napari_leukoseg.segment.tiling import Tile

__all__ = ["Segmenter", "load_segmenter"]

logger = logging.getLogger(__name__)

MAX_WINDOW_PX, MIN_WINDOW_PX = 1024, 448
"""Largest window side worth its memory, smallest that leaves room for a core."""

GPU_BATCH = 4
"""Windows predicted together on a GPU; on a CPU one fills the cores."""

UNMEASURED = InstanceSettings(
    min_score=0.5, min_nucleus_certainty=0.5, small_diameter=0
)
"""What counts as a cell where nobody measured how certain a network is of true
ones: whatever it holds for more likely than not."""

SPEED_TEST_PX = 384
"""Side of the picture by which a device's speed is measured."""


class _Seen(NamedTuple):
    """What one look gives: maps of a batch, evidence at its stride."""

    semantic: torch.Tensor
    distance: torch.Tensor | None
    evidence: torch.Tensor | None
    evidence_stride: int


class Segmenter:
    """A model on a device, ready for any number of slides.

    Parameters
    ----------
    model : Model
        Network and card.
    device : torch.device
        Where it runs.
    memory_budget_mb : int, optional
        What a forward pass may take; sets the size of windows.
    settings : InstanceSettings, optional
        What counts as a cell; the defaults were measured on the default network,
        and without a value hold for its like, `UNMEASURED` for others.

    Attributes
    ----------
    notices : list of str
        What a user should know, such as a fall back to the CPU.
    """

    def __init__(
        self,
        model: Model,
        device: torch.device,
        *,
        memory_budget_mb: int = 1024,
        settings: InstanceSettings | None = None,
    ) -> None:
        self.model, self.device = model, device
        self.memory_budget_mb = memory_budget_mb
        network = model.network
        self.settings = settings or (
            InstanceSettings() if network.estimates_scale else UNMEASURED
        )
        self.notices: list[str] = []
        self.batch_size = 1 if device.type == "cpu" else GPU_BATCH
        share = memory_budget_mb * 2**20 / (network.bytes_per_pixel * self.batch_size)
        side = int(np.clip(share**0.5, MIN_WINDOW_PX, MAX_WINDOW_PX))
        self.window_px = max(1, side // network.stride) * network.stride
        self._dtype = autocast_dtype(device)
        self._place(device)

    def _place(self, device: torch.device) -> None:
        """Move the network, channels last, to a device."""
        self.device, self._dtype = device, autocast_dtype(device)
        self.model.network.to(  # type: ignore[call-overload]
            device, memory_format=torch.channels_last
        )

    @property
    def card(self) -> ModelCard:
        """Card of the model."""
        return self.model.card

    @property
    def device_label(self) -> str:
        """Name of the device for people."""
        return device_name(self.device)

    @cached_property
    def scale_finder(self) -> Segmenter:
        """What looks for the size of cells: itself, or the default model.

        Networks that were not trained for it take parts of cells for cells.
        """
        if self.model.network.estimates_scale:
            return self
        finder = Segmenter(
            load_model(DEFAULT_MODEL),
            self.device,
            memory_budget_mb=self.memory_budget_mb,
        )
        finder.notices = self.notices
        return finder

    @cached_property
    def pixels_per_second(self) -> float:
        """Working pixels per second, measured once on an empty picture."""
        blank = np.full((SPEED_TEST_PX, SPEED_TEST_PX, 3), 230, np.uint8)
        self.predict([blank])  # kernels are chosen at the first pass
        began = time.perf_counter()
        self.predict([blank])
        return blank.size / 3 / (time.perf_counter() - began)

    def predict(
        self, images: Sequence[NDArray[np.uint8]], n_looks: int = 1
    ) -> list[Prediction]:
        """Predict windows at the working scale.

        Out of memory on a GPU, the batch is halved; a single window that does
        not fit moves the segmenter to the CPU, with a notice.

        Parameters
        ----------
        images : sequence of ndarray, shape (H, W, 3), dtype uint8
            Windows; those of one shape are predicted together.
        n_looks : int, optional
            How many of `LOOKS` are taken at each; their maps are averaged.

        Returns
        -------
        predictions : list of Prediction
            In the order of `images`.
        """
        if len({image.shape for image in images}) > 1:
            return [self.predict([image], n_looks)[0] for image in images]
        try:
            return self._forward(images, n_looks)
        except torch.OutOfMemoryError:
            if self.device.type == "cpu":
                raise
            torch.cuda.empty_cache()
        if len(images) > 1:
            half = len(images) // 2
            return [
                prediction
                for part in (images[:half], images[half:])
                for prediction in self.predict(part, n_looks)
            ]
        self.notices.append(
            f"{self.device_label} ran out of memory on a window of "
            f"{images[0].shape[0]}x{images[0].shape[1]} pixels; the CPU went on."
        )
        logger.warning(self.notices[-1])
        self._place(torch.device("cpu"))
        return self._forward(images, n_looks)

    @torch.inference_mode()
    def _forward(
        self, images: Sequence[NDArray[np.uint8]], n_looks: int
    ) -> list[Prediction]:
        """Predict windows of one shape, one look after another."""
        batch = self._to_input(images)
        seen = [self._look(batch, look) for look in LOOKS[:n_looks]]
        stride = seen[0].evidence_stride
        semantic, distances, evidences, _ = zip(*seen, strict=True)
        probabilities = mean_of(semantic)
        small = [
            one.semantic
            for one, look in zip(seen, LOOKS, strict=False)
            if look.size < 1
        ]
        usual = mean_of(small) if small else None
        distance = None if distances[0] is None else mean_of(distances)[:, 0]
        evidence = None if evidences[0] is None else mean_of(evidences)
        network = self.model.network
        return [
            Prediction(
                probabilities[i],
                None if distance is None else distance[i],
                None if evidence is None else evidence[i],
                stride,
                network.has_nucleus,
                network.has_cytoplasm,
                images[i],
                None if usual is None else usual[i],
            )
            for i in range(len(images))
        ]

    def _look(self, batch: torch.Tensor, look: Look) -> _Seen:
        """Show a batch once, and bring what is seen onto it.

        It is padded to the stride at its lower and right edges, and only then turned
        round: cells that an edge cuts are seen alike in all orientations.
        """
        shape = batch.shape[-2:]
        shown = [max(1, round(look.size * side)) for side in shape]
        bottom, right = (-side % self.model.network.stride for side in shown)
        image = functional.pad(
            resized(batch, shown), (0, right, 0, bottom), mode="replicate"
        )
        image = flipped(image, look.flip).contiguous(memory_format=torch.channels_last)
        with autocast(self.device, self._dtype):
            output = self.model.network(image)

        def fitted(maps: torch.Tensor) -> torch.Tensor:
            stride = image.shape[-1] // maps.shape[-1]
            rows, columns = (-(-side // stride) for side in shown)
            inside = flipped(maps.float(), look.flip)[..., :rows, :columns]
            return resized(inside, [-(-side // stride) for side in shape])

        distance, evidence = output.distance, output.evidence
        return _Seen(
            fitted(output.semantic).softmax(dim=1),
            None if distance is None else fitted(distance).sigmoid(),
            None if evidence is None else fitted(evidence),
            1 if evidence is None else image.shape[-1] // evidence.shape[-1],
        )

    def _to_input(self, images: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """Stack and standardize, on the device."""
        stacked = torch.from_numpy(np.stack(images))  # (B, H, W, 3)
        if self.device.type == "cuda":
            stacked = stacked.pin_memory()
        batch = stacked.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float()
        mean, std = (
            torch.tensor(values, device=self.device)[:, None, None]
            for values in (self.card.image_mean, self.card.image_std)
        )
        return (batch / 255 - mean) / std

    def cells_of(
        self,
        prediction: Prediction,
        tile: Tile,
        working_diameter_px: float | None = None,
    ) -> list[SegmentedCell]:
        """Give the cells that a tile owns, at level 0, from its prediction.

        Parameters
        ----------
        prediction : Prediction
            Maps of the window.
        tile : Tile
            Window and core.
        working_diameter_px : float, optional
            Diameter at which a typical cell was seen; the usual one by default.
        """
        return list(
            extract_cells(
                prediction,
                tile.window,
                tile.core,
                diameter_px=working_diameter_px or self.card.cell_diameter_px,
                class_ids=self.card.class_ids,
                temperature=self.card.temperature,
                settings=self.settings,
                classifier=self.model.classifier,
            )
        )


def resized(maps: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Bring maps to a height and width; no copy where they have them.

    PyTorch 2.6 has no smooth reduction on MPS; this one is slight.
    """
    if list(maps.shape[-2:]) == list(shape):
        return maps
    return functional.interpolate(
        maps, shape, mode="bilinear", antialias=maps.device.type != "mps"
    )


def flipped(maps: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    """Turn maps round; no copy where there is nothing to turn."""
    return maps.flip(axes) if axes else maps


def mean_of(maps: Sequence[torch.Tensor]) -> NDArray[np.float32]:
    """Mean of maps of equal shape."""
    mean = maps[0] if len(maps) == 1 else torch.stack(tuple(maps)).mean(dim=0)
    average: NDArray[np.float32] = mean.cpu().numpy()
    return average


def load_segmenter(
    model: str | Path = DEFAULT_MODEL,
    device: str = "auto",
    *,
    threads: int | None = None,
    memory_budget_mb: int = 1024,
) -> Segmenter:
    """Load a model onto a device.

    Parameters
    ----------
    model : str or Path, optional
        Name of a bundled model, or a model folder.
    device : {'auto', 'cpu', 'cuda', 'mps'}, optional
        Where to run.
    threads : int, optional
        CPU threads; all cores by default.
    memory_budget_mb : int, optional
        What a forward pass may take.

    Raises
    ------
    ModelError
        If the model cannot be loaded.
    DeviceError
        If the device is absent.
    """
    place = resolve_device(device)
    loaded = load_model(model)
    if threads is not None:
        torch.set_num_threads(threads)
    return Segmenter(loaded, place, memory_budget_mb=memory_budget_mb)
