"""One run: its network and all that changes while it trains."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, default_collate

from napari_leukoseg.errors import DataError, ModelError, SettingsError
from napari_leukoseg.segment.device import autocast, autocast_dtype
from napari_leukoseg.segment.model import ModelCard
from napari_leukoseg.training.cell_losses import class_weights
from napari_leukoseg.training.click_prompts import simulate_prompts
from napari_leukoseg.training.clicks import ClickCropDataset
from napari_leukoseg.training.crops import Crop, CropDataset
from napari_leukoseg.training.losses import LossTerms, PartialLoss, check_fit
from napari_leukoseg.training.optimizing import (
    build_optimizer,
    clip_gradients,
    update_average,
)
from napari_leukoseg.training.processes import ALONE, Processes
from napari_leukoseg.training.reports import EpochReport, StepReport
from napari_leukoseg.training.schedule import Schedule
from napari_leukoseg.training.starting import probe, start_network
from napari_leukoseg.training.validation import (
    BatchFigures,
    agreement,
    pool_figures,
    validation_settings,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from napari_leukoseg.segment.networks import NetworkOutput, SegmentationNetwork
    from napari_leukoseg.training.config import TrainingConfig
    from napari_leukoseg.training.splits import Split

__all__ = ["Trainer", "model_card"]

RANK_SEED = 2**40
"""Sets the dropout of processes apart; far above the number of steps of a run."""


class Trainer:
    """State of a run: network, averaged network, optimizer, and where it stands.

    Parameters
    ----------
    config : TrainingConfig
        What to train.
    split : Split
        Samples; its test part is not touched.
    device : torch.device
        Where to train.
    processes : Processes, optional
        This process among those that train together.

    Attributes
    ----------
    epoch : int
        Epochs done.
    reports : list of EpochReport
        One of each.

    Raises
    ------
    DataError
        If there is nothing to train on.
    SettingsError
        If crops, loss or processes do not fit the network or the batch.
    """

    def __init__(
        self,
        config: TrainingConfig,
        split: Split,
        device: torch.device,
        processes: Processes = ALONE,
    ) -> None:
        if not split.train:
            raise DataError("No picture is left to train on; check data and split.")
        torch.manual_seed(config.seed)
        self.config, self.device, self.processes = config, device, processes
        self.epoch, self.reports = 0, list[EpochReport]()
        self.share = processes.share(config.batch_size)
        self.network = start_network(config)
        output = probe(self.network, config.crops.size_px)
        check_fit(config.losses, self.network, output, config.architecture)
        check_freezable(self.network, config)
        self.card = model_card(config, self.network, output)
        self._place_network()
        self.optimizer = build_optimizer(config.optimizer, self.network.parameters())
        self.schedule = Schedule(
            config.schedule,
            config.optimizer.learning_rate,
            config.epochs,
            config.steps_per_epoch,
        )
        self._draw_crops(split)

    def _place_network(self) -> None:
        """Move the network to the device, and copy it if it shall be averaged."""
        is_mixed = self.config.mixed_precision and autocast_dtype(self.device)
        # Not in half precision, as prediction runs: gradients need the range.
        self.dtype = torch.bfloat16 if is_mixed else None
        self.network.to(  # type: ignore[call-overload]
            self.device, memory_format=torch.channels_last
        )
        if self.device.type == "cuda" and self.processes.count > 1:
            convert = torch.nn.SyncBatchNorm.convert_sync_batchnorm
            self.network = convert(self.network)  # type: ignore[no-untyped-call]
        self.average = self.network
        if self.config.optimizer.ema_decay:
            self.average = copy.deepcopy(self.network).requires_grad_(False)

    def _draw_crops(self, split: Split) -> None:
        """Prepare the crops, and the weights of the classes in them."""
        config = self.config
        length = config.epochs * config.steps_per_epoch * config.batch_size
        source = CropDataset if config.clicks is None else ClickCropDataset
        self.crops = source(split.train, config.crops, length, config.seed)
        self.validation = source(
            split.validation or split.train,
            validation_settings(config.crops),
            max(config.validation_crops, config.preview_crops),
            seed=0,
        )
        loss = config.losses
        balance = loss.class_balance if isinstance(loss, PartialLoss) else "none"
        weights = class_weights(split.train, balance, config.crops)
        self.class_weights = None if weights is None else weights.to(self.device)

    @property
    def is_over(self) -> bool:
        """Whether no epoch is to come."""
        return self.schedule.is_over(self.epoch)

    def batches(
        self, dataset: CropDataset, batches: Iterable[Iterable[int]]
    ) -> DataLoader[Crop]:
        """Load batches of crops, given by their indices."""
        return DataLoader(
            dataset,
            batch_sampler=[list(batch) for batch in batches],
            num_workers=self.config.workers,
            pin_memory=self.device.type == "cuda",
        )

    def to_input(self, images: torch.Tensor) -> torch.Tensor:
        """Standardize uint8 images (B, 3, H, W) on the device."""
        mean, std = (
            torch.tensor(values, device=self.device)[:, None, None]
            for values in (self.card.image_mean, self.card.image_std)
        )
        images = images.to(self.device, non_blocking=True).float() / 255
        return ((images - mean) / std).contiguous(memory_format=torch.channels_last)

    def to_device(self, crop: Crop) -> Crop:
        """Move the targets of a batch."""
        return Crop(*(part.to(self.device, non_blocking=True) for part in crop))

    def to_seen(
        self,
        network: SegmentationNetwork,
        crop: Crop,
        *,
        rounds: int | None,
        seed: int,
    ) -> torch.Tensor:
        """Give what a network sees of a batch: colors, and clicks where it takes them.

        `rounds` of corrections follow the first prompt; none draws their number.
        """
        image = self.to_input(crop.image)
        if self.config.clicks is None:
            return image
        rng = np.random.default_rng((self.config.seed, seed, self.processes.rank))
        with autocast(self.device, self.dtype):
            maps = simulate_prompts(
                network, image, crop, self.config.clicks, rng, rounds=rounds
            )
        seen = torch.cat([image, maps], dim=1)
        return seen.contiguous(memory_format=torch.channels_last)

    def step(self, number: int, crop: Crop) -> LossTerms:
        """One optimizer step; `number` seeds its dropout and sets its rate."""
        processes, settings = self.processes, self.config.optimizer
        torch.manual_seed(self.config.seed + number + processes.rank * RANK_SEED)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(number)
        crop = self.to_device(crop)
        seen = self.to_seen(self.network, crop, rounds=None, seed=number)
        with autocast(self.device, self.dtype):
            output = self.network(seen)
        terms = self.config.losses(
            processes.whole_output(output),
            Crop(*(processes.whole_batch(part) for part in crop)),
            self.class_weights,
        )
        self.optimizer.zero_grad(set_to_none=True)
        terms.total.backward()  # type: ignore[no-untyped-call]
        processes.sum_gradients(self.network)
        clip_gradients(self.network, settings)
        self.optimizer.step()
        if self.average is not self.network:
            update_average(self.average, self.network, settings.ema_decay, number)
        return terms

    def run_epoch(self) -> Generator[StepReport, None, EpochReport]:
        """Train one epoch, telling of each step, and judge the averaged weights."""
        config, began = self.config, time.monotonic()
        first = self.epoch * config.steps_per_epoch
        stop = first + config.steps_per_epoch
        self._set_training()
        size = config.batch_size
        own = [
            range(size * number, size * (number + 1))[self.share]
            for number in range(first, stop)
        ]
        rows = []
        for number, crop in enumerate(self.batches(self.crops, own), start=first):
            terms = self.step(number, Crop(*crop))
            rows.append([float(term.detach()) for term in terms_of(terms)])
            yield StepReport(
                number + 1, config.epochs * config.steps_per_epoch, rows[-1][-1]
            )
        self.epoch += 1
        figures = self.validate()
        semantic, dice, distance, cell_class, loss = np.mean(rows, axis=0).tolist()
        report = EpochReport(
            self.epoch,
            time.monotonic() - began,
            self.schedule.rate(stop - 1),
            *(loss, semantic, dice, distance, cell_class),
            *figures,
        )
        self.schedule.judge(self.epoch, report.validation_loss)
        self.reports.append(report)
        return report

    def _set_training(self) -> None:
        """Put the network into training mode, less an encoder that stays as it is."""
        self.network.train()
        if not self.config.schedule.frozen_epochs:
            return
        is_frozen = self.schedule.is_frozen(self.epoch)
        encoder = self.network.get_submodule("encoder")
        encoder.requires_grad_(not is_frozen).train(not is_frozen)

    @torch.no_grad()
    def predict(self, crop: Crop) -> NetworkOutput:
        """Predict a batch, which is on the device, by the averaged weights."""
        seen = self.to_seen(self.average, crop, rounds=0, seed=0)
        with autocast(self.device, self.dtype):
            output: NetworkOutput = self.average.eval()(seen)
        return output

    @torch.no_grad()
    def validate(self) -> tuple[float, float, float, float]:
        """Loss, cell Dice, nucleus Dice and class accuracy of the average."""
        processes, size = self.processes, self.config.batch_size
        for network in (self.network, self.average):
            processes.share_buffers(network)
        count = self.config.validation_crops
        all_batches = [range(i, min(i + size, count)) for i in range(0, count, size)]
        own = range(len(all_batches))[processes.rank :: processes.count]
        found = []
        loader = self.batches(self.validation, [all_batches[i] for i in own])
        for position, batch in zip(own, loader, strict=True):
            crop = self.to_device(Crop(*batch))
            output = self.predict(crop)
            loss = self.config.losses(output, crop, self.class_weights).total
            counts = agreement(output, crop, self.network)
            found.append(BatchFigures(position, float(loss), counts))
        parts = processes.gather(found)
        return pool_figures(batch for part in parts for batch in part)

    @cached_property
    def shown(self) -> Crop:
        """Fixed validation crops that people look at, as a batch."""
        crops = [self.validation[i] for i in range(self.config.preview_crops)]
        return self.to_device(default_collate(crops))

    def preview(self) -> tuple[Crop, NetworkOutput] | None:
        """Predict the crops that people look at; none if there are none."""
        if not self.config.preview_crops:
            return None
        return self.shown, self.predict(self.shown)

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` goes on from, as tensors and plain data."""
        is_averaged = self.average is not self.network
        return {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "average": self.average.state_dict() if is_averaged else None,
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
            if self.average is not self.network:
                self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, TypeError, ValueError) as error:
            raise ModelError(
                "The checkpoint is of another network or optimizer; resume with the "
                "configuration that the run was started with."
            ) from error
        self.schedule.load_state_dict(state.get("schedule", {}))
        self.reports = [EpochReport(**row) for row in state.get("reports", ())]
        self.epoch = int(state["epoch"])


def check_freezable(network: SegmentationNetwork, config: TrainingConfig) -> None:
    """Refuse to freeze an encoder that the network does not have."""
    encoder = getattr(network, "encoder", None)
    if config.schedule.frozen_epochs and not isinstance(encoder, torch.nn.Module):
        raise SettingsError(
            f"schedule.frozen_epochs is {config.schedule.frozen_epochs}, but "
            f"{config.architecture!r} has no encoder to freeze; give 0 or another "
            "architecture."
        )


def terms_of(terms: LossTerms) -> tuple[torch.Tensor, ...]:
    """Terms in the order of their fields."""
    return terms.semantic, terms.dice, terms.distance, terms.cell_class, terms.total


def model_card(
    config: TrainingConfig, network: SegmentationNetwork, output: NetworkOutput
) -> ModelCard:
    """Card of the model that a configuration trains.

    Parameters
    ----------
    config : TrainingConfig
        What is trained.
    network : SegmentationNetwork
        Its network.
    output : NetworkOutput
        What that gives.

    Raises
    ------
    SettingsError
        If it tells more or fewer classes apart than the crops teach.
    """
    ids = config.crops.class_ids
    if output.evidence is None:
        ids = ()
    elif output.evidence.shape[1] != len(ids):
        raise SettingsError(
            f"crops.class_ids are {ids}, but the network tells "
            f"{output.evidence.shape[1]} classes apart; give as many ids, or set "
            "network.n_classes."
        )
    return ModelCard(
        name=config.name,
        architecture=config.architecture,
        settings=config.network,
        class_ids=ids,
        cell_diameter_px=config.crops.cell_diameter_px,
        image_mean=config.image_mean or network.image_mean,
        image_std=config.image_std or network.image_std,
        description=config.description,
        stain=config.stain,
        training={"config": asdict(config)},
    )
