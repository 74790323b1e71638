"""Trains colorizers: from a configuration to a folder that the learned method takes."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, default_collate

from napari_leukoseg.errors import DataError, ModelError, SettingsError
from napari_leukoseg.segment.networks.pretrained import (
    PUBLISHED_WEIGHTS,
    absent_names,
    copy_fitting,
    fetch_weights,
    read_tensors,
)
from napari_leukoseg.stain import (
    Method,
    MomentStatistics,
    StainReference,
    Variant,
    bundled_references,
)
from napari_leukoseg.stain.colorizer import ColorizerCard, build_colorizer
from napari_leukoseg.stain.colorizer_base import MAX_CHROMA, paint
from napari_leukoseg.training.colorizing_crops import ColorCrop, ColorCropDataset
from napari_leukoseg.training.optimizing import (
    build_optimizer,
    clip_gradients,
    update_average,
)
from napari_leukoseg.training.reports import StepReport
from napari_leukoseg.training.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from numpy.typing import NDArray

    from napari_leukoseg.stain.colorizer_base import ColorizerNetwork
    from napari_leukoseg.training.colorizing_config import ColorizingConfig
    from napari_leukoseg.training.splits import Split

__all__ = ["ColorizingReport", "ColorizingTrainer", "look_spread"]


@dataclass(frozen=True)
class ColorizingReport:
    """One line of the log of a colorizer.

    Parameters
    ----------
    epoch : int
        From 1.
    seconds : float
        Time of training and validation.
    learning_rate : float
        At the end of the epoch.
    loss : float
        Mean of the training loss.
    validation_loss : float
        The same of the averaged weights on validation crops.
    color_error : float
        Mean distance of a*, b* from what they should be, on stained pixels of
        validation crops, in units of CIELAB.
    """

    epoch: int
    seconds: float
    learning_rate: float
    loss: float
    validation_loss: float
    color_error: float


class ColorizingTrainer:
    """State of a run: network, averaged network, optimizer, and where it stands.

    Parameters
    ----------
    config : ColorizingConfig
        What to train.
    split : Split
        Samples; its test part is not touched.
    device : torch.device
        Where to train.

    Attributes
    ----------
    epoch : int
        Epochs done.
    reports : list of ColorizingReport
        One of each.

    Raises
    ------
    DataError
        If there is nothing to train on.
    SettingsError
        If crops or look do not fit.
    """

    def __init__(
        self, config: ColorizingConfig, split: Split, device: torch.device
    ) -> None:
        if not split.train:
            raise DataError("No picture is left to train on; check data and split.")
        torch.manual_seed(config.seed)
        self.config, self.device = config, device
        self.epoch, self.reports = 0, list[ColorizingReport]()
        self.network = start_colorizer(config).to(  # type: ignore[call-overload]
            device, memory_format=torch.channels_last
        )
        spread = look_spread(config.look)
        self.card = ColorizerCard(
            name=config.name,
            architecture=config.architecture,
            settings=config.network,
            look=config.look,
            spread=(float(spread[0]), float(spread[1])),
            description=config.description,
        )
        self.average = self.network
        if config.optimizer.ema_decay:
            self.average = copy.deepcopy(self.network).requires_grad_(False)
        trained = [p for p in self.network.parameters() if p.requires_grad]
        self.optimizer = build_optimizer(config.optimizer, trained)
        self.schedule = Schedule(
            config.schedule,
            config.optimizer.learning_rate,
            config.epochs,
            config.steps_per_epoch,
        )
        length = config.epochs * config.steps_per_epoch * config.batch_size
        self.crops = ColorCropDataset(
            split.train, config.crops, spread, length, config.seed
        )
        self.validation = ColorCropDataset(
            split.validation or split.train,
            config.crops.unchanged,
            spread,
            max(config.validation_crops, config.preview_crops),
            seed=0,
        )

    @property
    def is_over(self) -> bool:
        """Whether no epoch is to come."""
        return self.schedule.is_over(self.epoch)

    def batches(
        self, dataset: ColorCropDataset, batches: Iterable[Iterable[int]]
    ) -> DataLoader[ColorCrop]:
        """Load batches of crops, given by their indices."""
        return DataLoader(
            dataset,
            batch_sampler=[list(batch) for batch in batches],
            num_workers=self.config.workers,
            pin_memory=self.device.type == "cuda",
        )

    def to_device(self, crop: ColorCrop) -> ColorCrop:
        """Move a batch."""
        return ColorCrop(*(part.to(self.device, non_blocking=True) for part in crop))

    def loss(self, chroma: torch.Tensor, crop: ColorCrop) -> torch.Tensor:
        """Smooth L1 distance of a* and b* as shares of their range."""
        return functional.smooth_l1_loss(
            chroma / MAX_CHROMA,
            crop.chroma / MAX_CHROMA,
            beta=self.config.loss_width / MAX_CHROMA,
        )

    def step(self, number: int, crop: ColorCrop) -> float:
        """One optimizer step; `number` seeds its dropout and sets its rate."""
        settings = self.config.optimizer
        torch.manual_seed(self.config.seed + number)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(number)
        crop = self.to_device(crop)
        loss = self.loss(paint(crop.darkness, self.network(crop.darkness)), crop)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        clip_gradients(self.network, settings)
        self.optimizer.step()
        if self.average is not self.network:
            update_average(self.average, self.network, settings.ema_decay, number)
        return float(loss.detach())

    def run_epoch(self) -> Generator[StepReport, None, ColorizingReport]:
        """Train one epoch, telling of each step, and judge the averaged weights."""
        config, began = self.config, time.monotonic()
        first = self.epoch * config.steps_per_epoch
        numbers = range(first, first + config.steps_per_epoch)
        size = config.batch_size
        indices = [range(size * number, size * (number + 1)) for number in numbers]
        self.network.train()
        losses = []
        loader = self.batches(self.crops, indices)
        for number, crop in zip(numbers, loader, strict=True):
            losses.append(self.step(number, ColorCrop(*crop)))
            total = config.epochs * config.steps_per_epoch
            yield StepReport(number + 1, total, losses[-1])
        self.epoch += 1
        report = ColorizingReport(
            self.epoch,
            time.monotonic() - began,
            self.schedule.rate(numbers[-1]),
            float(np.mean(losses)),
            *self.validate(),
        )
        self.schedule.judge(self.epoch, report.validation_loss)
        self.reports.append(report)
        return report

    @torch.no_grad()
    def predict(self, crop: ColorCrop) -> torch.Tensor:
        """Predict a* and b* of a batch, which is on the device."""
        return paint(crop.darkness, self.average.eval()(crop.darkness))

    def validate(self) -> tuple[float, float]:
        """Loss of the averaged weights, and error of the color of stained pixels."""
        size, count = self.config.batch_size, self.config.validation_crops
        batches = [range(i, min(i + size, count)) for i in range(0, count, size)]
        losses, errors = [], []
        for batch in self.batches(self.validation, batches):
            crop = self.to_device(ColorCrop(*batch))
            chroma = self.predict(crop)
            losses.append(float(self.loss(chroma, crop)))
            distance = torch.linalg.vector_norm(chroma - crop.chroma, dim=1)
            errors.append(distance[crop.darkness[:, 0] > STAINED].cpu().numpy())
        return float(np.mean(losses)), float(np.mean(np.concatenate(errors)))

    @cached_property
    def shown(self) -> ColorCrop:
        """Fixed validation crops that people look at, as a batch."""
        crops = [self.validation[i] for i in range(self.config.preview_crops)]
        return self.to_device(ColorCrop(*default_collate(crops)))

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` goes on from, as tensors and plain data."""
        return {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "reports": [asdict(report) for report in self.reports],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier state.

        Raises
        ------
        ModelError
            If it is of another network.
        """
        try:
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, TypeError, ValueError) as error:
            raise ModelError(
                "The checkpoint is of another network or optimizer; resume with the "
                "configuration that the run was started with."
            ) from error
        self.schedule.load_state_dict(state["schedule"])
        self.reports = [ColorizingReport(**row) for row in state["reports"]]
        self.epoch = int(state["epoch"])


STAINED = 0.1
"""Darkness, relative to nuclei, from which the color of a pixel is judged."""


def look_spread(name: str) -> NDArray[np.float64]:
    """Spread of a* and b* of nuclei in a bundled look, shape (2,)."""
    bundled = bundled_references()
    if name not in bundled:
        raise SettingsError(
            f"look is {name!r}; give a bundled reference: {', '.join(bundled)}."
        )
    reference = StainReference.load(bundled[name])
    statistics = reference.statistics[Method.REINHARD, Variant.SMEAR]
    assert isinstance(statistics, MomentStatistics)  # noqa: S101 - by its key
    return statistics.std[1:]


def start_colorizer(config: ColorizingConfig) -> ColorizerNetwork:
    """Make the network of a run, with published weights of its encoder if wanted."""
    network = build_colorizer(config.architecture, config.network)
    if config.crops.size_px % network.stride:
        raise SettingsError(
            f"crops.size_px is {config.crops.size_px}; give a multiple of "
            f"{network.stride}, the stride of the network."
        )
    if config.pretrained:
        load_encoder(network, config.pretrained)
    return network


def load_encoder(network: ColorizerNetwork, source: str) -> None:
    """Copy the weights of VGG16 into the encoder of the published network."""
    encoder = getattr(network, "features", None)
    if encoder is None:
        raise SettingsError(
            f"pretrained is {source!r}, but {type(network).__name__} has no encoder "
            "with published weights; leave it out."
        )
    is_name = source == "imagenet"
    path = fetch_weights(PUBLISHED_WEIGHTS["vgg16"]) if is_name else Path(source)
    given = read_tensors(path)
    holder = torch.nn.ModuleDict({"features": encoder})
    if lacking := absent_names(holder, given):
        raise ModelError(
            f"{path} has no {lacking[0]} of the shape that VGG16 needs; give "
            "torchvision's weights of vgg16."
        )
    copy_fitting(holder, given)
