"""One fine-tuning: a network, its base, and what changes while it learns."""

from __future__ import annotations

import copy
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch.utils.data import default_collate

from napari_leukoseg.segment.device import autocast, autocast_dtype
from napari_leukoseg.segment.networks import NetworkOutput
from napari_leukoseg.training.appearance import AppearanceSettings
from napari_leukoseg.training.cell_losses import class_weights
from napari_leukoseg.training.crop_settings import CropSettings
from napari_leukoseg.training.crops import Crop, CropDataset
from napari_leukoseg.training.finetuning.extending import extend_classes
from napari_leukoseg.training.finetuning.holding import (
    blend_into,
    distillation_loss,
    draw_fields,
    pull_back,
)
from napari_leukoseg.training.finetuning.method import Method
from napari_leukoseg.training.losses import (
    BinaryLoss,
    Loss,
    MultiTaskLoss,
    PartialLoss,
    PixelClassLoss,
)
from napari_leukoseg.training.optimizing import (
    OptimizerSettings,
    build_optimizer,
    clip_gradients,
    update_average,
)
from napari_leukoseg.training.sample import ANYTHING
from napari_leukoseg.training.schedule import Schedule, ScheduleSettings
from napari_leukoseg.training.starting import probe
from napari_leukoseg.training.validation import (
    BatchFigures,
    agreement,
    pool_figures,
    validation_settings,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_leukoseg.segment.model import Model
    from napari_leukoseg.segment.networks import SegmentationNetwork
    from napari_leukoseg.training.finetuning.gathering import Material
    from napari_leukoseg.training.finetuning.plan import FinetuneSettings
    from napari_leukoseg.training.finetuning.survey import Survey

__all__ = ["EpochFigures", "Tuner"]

CROP_PX = 128

MAX_WATCHED = 64
"""Crops of the pictures kept aside by which an epoch is judged."""

CUT_AHEAD = 3
"""Batches that are cut before they are needed."""

N_SHOWN = 4
"""Crops of fields kept aside of which predictions are drawn after each epoch."""


@dataclass(frozen=True)
class EpochFigures:
    """How a network does on crops of the pictures kept aside; NaN where unknown."""

    loss: float
    cell_dice: float
    nucleus_dice: float
    class_accuracy: float


class Tuner:
    """A network that learns from corrections, and remembers its base.

    Parameters
    ----------
    base : Model
        Not changed.
    survey : Survey
        Tells the classes.
    material : Material
        What is learned from.
    settings : FinetuneSettings
        Length, rate and seed.
    device : torch.device
        Where to train.
    method : Method, optional
        How.

    Attributes
    ----------
    model : Model
        What would be kept now: between base and tuned weights.

    Raises
    ------
    ModelError
        If a new class cannot be added to the base.
    """

    def __init__(
        self,
        base: Model,
        survey: Survey,
        material: Material,
        settings: FinetuneSettings,
        device: torch.device,
        method: Method | None = None,
    ) -> None:
        self.settings, self.device = settings, device
        self.method = method or Method()
        torch.manual_seed(settings.seed)
        self.model = extend_classes(base, survey.taught_classes, survey.scheme)
        self.loss = self._choose_loss(len(survey.taught_classes))
        self.teacher = self._placed(base.network)
        self.network = self._placed(self.model.network)
        self.average = self._placed(self.network)
        self.model.network.to(device)
        self.start = {
            name: weight.detach().clone()
            for name, weight in self.network.named_parameters()
        }
        is_mixed = autocast_dtype(device) is not None
        # Not in half precision, as prediction runs: gradients need the range.
        self.dtype = torch.bfloat16 if is_mixed else None
        self._prepare_crops(material)
        self._prepare_steps()

    def _placed(self, network: SegmentationNetwork) -> SegmentationNetwork:
        """Copy a network to the device."""
        return copy.deepcopy(network).to(  # type: ignore[call-overload,no-any-return]
            self.device, memory_format=torch.channels_last
        )

    @property
    def _crop_px(self) -> int:
        """Side of the crops, which fits the network."""
        stride = self.model.network.stride
        return max(CROP_PX // stride, 1) * stride

    def _choose_loss(self, n_classes: int) -> Loss:
        """Teach all that the network can say; a single class teaches no classes."""
        network = self.model.network
        output = probe(network, self._crop_px)
        network.eval()
        if network.has_nucleus and network.has_cytoplasm:
            factor = self.method.cell_class if n_classes > 1 else 0.0
            return PartialLoss(cell_class=factor, class_balance="inverse-square-root")
        if network.has_nucleus:
            return MultiTaskLoss()
        by_pixel = output.evidence is not None and n_classes > 1
        return PixelClassLoss() if by_pixel else BinaryLoss()

    def _prepare_crops(self, material: Material) -> None:
        """Prepare crops to learn from, to hold to, to judge by and to show."""
        card, method = self.model.card, self.method
        settings = CropSettings(
            size_px=self._crop_px,
            cell_diameter_px=card.cell_diameter_px,
            scale_range=(0.72, 1.4),
            off_scale=0.0,
            mosaic=0.2,
            paste=0.25,
            appearance=AppearanceSettings(
                borrow=0.0, stain=0.06, white_balance=0.06, saturation=0.12, blur_px=1.0
            ),
            class_ids=card.class_ids or (1,),
            outline_nuclei=self.loss.outlines_nuclei,
        )
        strong = replace(
            settings, appearance=AppearanceSettings(), off_scale=0.2, paste=0.0
        )
        seed, length = self.settings.seed, self.n_steps
        drawn = list(draw_fields(method.drawn_fields, seed))
        self.sorts = [
            (CropDataset(material.taught, settings, length, seed), method.n_corrected),
            (CropDataset(material.taught, strong, length, seed + 1), method.n_held),
            (CropDataset(drawn, strong, length, seed + 2), method.n_drawn),
        ]
        watched = material.watched
        n_watched = min(MAX_WATCHED, 2 * sum(len(s.instance_ids) for s in watched))
        self.watched = CropDataset(watched, validation_settings(settings), n_watched, 0)
        self.shown_from = [
            CropDataset(
                [watched[i % len(watched)]], validation_settings(settings), 1, i
            )
            for i in range(N_SHOWN)
        ]
        balance = (
            self.loss.class_balance if isinstance(self.loss, PartialLoss) else "none"
        )
        weights = class_weights(material.taught, balance, settings)
        self.class_weights = None if weights is None else weights.to(self.device)

    def _prepare_steps(self) -> None:
        """Make optimizer and schedule."""
        self.teacher.eval().requires_grad_(False)
        self.average.eval().requires_grad_(False)
        self.optimization = OptimizerSettings(weight_decay=0.0, ema_decay=0.95)
        self.optimizer = self._build_optimizer()
        values = self.settings.values
        self.schedule = Schedule(
            ScheduleSettings(warmup_steps=max(1, self.n_steps // 12)),
            values.learning_rate,
            values.epochs,
            values.steps_per_epoch,
        )

    def _build_optimizer(self) -> torch.optim.Optimizer:
        """Let the class head learn at the full rate, and the body more slowly."""
        layers = self.network.class_layers
        head: list[torch.nn.Parameter] = []
        body: list[torch.nn.Parameter] = []
        for name, weight in self.network.named_parameters():
            (head if name.startswith(layers) else body).append(weight)
        optimizer, method = build_optimizer(self.optimization, body), self.method
        self.rates, self.shares = [method.whole_rate], {"": method.whole_share}
        if head:
            optimizer.add_param_group({"params": head})
            self.rates = [method.body_rate, 1.0]
            self.shares = {"": method.body_share}
            self.shares |= dict.fromkeys(layers, method.head_share)
        return optimizer

    @property
    def n_steps(self) -> int:
        """Steps of the whole run."""
        return self.settings.values.epochs * self.settings.values.steps_per_epoch

    def batches(self) -> Generator[Crop, None, None]:
        """Cut the batches of the whole run, a few ahead, in a thread of their own.

        Not in another process, as longer runs do: that takes seconds to start, more
        memory, and may outlive a process that is killed.
        """
        ahead: deque[Future[Crop]] = deque()
        cutter = ThreadPoolExecutor(1, thread_name_prefix="leukoseg-crops")
        try:
            for number in range(self.n_steps):
                while len(ahead) < min(CUT_AHEAD, self.n_steps - number):
                    ahead.append(cutter.submit(self._cut, number + len(ahead)))
                yield ahead.popleft().result()
        finally:
            cutter.shutdown(wait=True, cancel_futures=True)

    def _cut(self, number: int) -> Crop:
        """Cut a batch: so many crops of each sort, one sort after another."""
        crops = [
            dataset[number * size + i]
            for dataset, size in self.sorts
            for i in range(size)
        ]
        return Crop(*default_collate(crops))

    def to_input(self, images: torch.Tensor) -> torch.Tensor:
        """Standardize uint8 images (B, 3, H, W) on the device."""
        card = self.model.card
        mean, std = (
            torch.tensor(values, device=self.device)[:, None, None]
            for values in (card.image_mean, card.image_std)
        )
        images = images.to(self.device).float() / 255
        return ((images - mean) / std).contiguous(memory_format=torch.channels_last)

    def step(self, number: int, crop: Crop) -> float:
        """One step of the optimizer, counted from 0; returns the loss."""
        torch.manual_seed(self.settings.seed + number)
        groups = self.optimizer.param_groups
        for group, factor in zip(groups, self.rates, strict=True):
            group["lr"] = factor * self.schedule.rate(number)
        crop = self.to_device(crop)
        image = self.to_input(crop.image)
        set_training(self.network)
        with autocast(self.device, self.dtype):
            output = self.network(image)
            with torch.no_grad():
                said = self.teacher(image)
        total = self.total_loss(output, said, crop)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        clip_gradients(self.network, self.optimization)
        pull_back(self.network, self.start, self.method.anchor)
        self.optimizer.step()
        update_average(self.average, self.network, self.optimization.ema_decay, number)
        return float(total.detach())

    def total_loss(
        self, output: NetworkOutput, said: NetworkOutput, crop: Crop
    ) -> torch.Tensor:
        """Learn from the first crops of a batch, and hold to the base on the others.

        On crops of corrected cells the base holds where nothing is known.
        """
        n_corrected, n_drawn = self.method.n_corrected, self.method.n_drawn
        taught = Crop(*(part[:n_corrected] for part in crop))
        distance, evidence = (
            None if part is None else part[:n_corrected]
            for part in (output.distance, output.evidence)
        )
        own = NetworkOutput(output.semantic[:n_corrected], distance, evidence)
        loss = self.loss(own, taught, self.class_weights).total
        where = crop.allowed == ANYTHING
        where[n_corrected:] = True
        with_classes = torch.zeros(len(where), dtype=torch.bool, device=self.device)
        with_classes[len(where) - n_drawn :] = True
        held = distillation_loss(output, said, where, with_classes)
        return loss + self.method.distill * held

    def to_device(self, crop: Crop) -> Crop:
        """Move the targets of a batch."""
        return Crop(*(part.to(self.device) for part in crop))

    def blend(self) -> None:
        """Bring `model` to where the training stands, part of the way from the base."""
        blend_into(self.model.network, self.start, self.average, self.shares)

    @torch.no_grad()
    def predict(self, crop: Crop) -> NetworkOutput:
        """Predict a batch, which is on the device, by `model`."""
        network = self.model.network.eval()
        with autocast(self.device, self.dtype):
            output: NetworkOutput = network(self.to_input(crop.image))
        return output

    def validate(self, dataset: CropDataset | None = None) -> EpochFigures:
        """Judge `model` on crops: of the pictures kept aside, if not told otherwise."""
        dataset = self.watched if dataset is None else dataset
        size, found = self.method.n_corrected, []
        for first in range(0, len(dataset), size):
            indices = range(first, min(first + size, len(dataset)))
            crop = self.to_device(Crop(*default_collate([dataset[i] for i in indices])))
            output = self.predict(crop)
            with torch.no_grad():
                loss = self.loss(output, crop, self.class_weights).total
            counts = agreement(output, crop, self.model.network)
            found.append(BatchFigures(first, float(loss), counts))
        return EpochFigures(*pool_figures(found))

    @cached_property
    def shown(self) -> list[Crop]:
        """Crops of a few fields that people look at, each as a batch of one."""
        return [self.to_device(default_collate([d[0]])) for d in self.shown_from]


def set_training(network: SegmentationNetwork) -> None:
    """Put a network into training mode, less what few pictures would spoil.

    Statistics of batch normalization are those of all that the base has seen.
    """
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
