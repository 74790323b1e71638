"""Trains a network: set up, fit epoch by epoch, validate, keep, resume."""

from __future__ import annotations

import copy
import csv
import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Subset

from napari_leukoseg.classes import DEFAULT_SCHEME, UNCLASSIFIED
from napari_leukoseg.errors import DataError
from napari_leukoseg.segment.device import autocast, autocast_dtype
from napari_leukoseg.segment.model import ModelCard, save_model
from napari_leukoseg.segment.networks import build_network
from napari_leukoseg.segment.networks.base import BACKGROUND, NUCLEUS
from napari_leukoseg.training.crops import Crop, CropDataset, CropSettings
from napari_leukoseg.training.losses import LossTerms, pool_evidence, total_loss
from napari_leukoseg.training.sample import IS_BACKGROUND, IS_CELL, IS_NUCLEUS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_leukoseg.training.config import TrainingConfig
    from napari_leukoseg.training.splits import Split

__all__ = ["EpochReport", "fit"]

CHECKPOINT_NAME = "checkpoint.pt"
LOG_NAME = "log.csv"
MODEL_FOLDER = "model"


@dataclass(frozen=True)
class EpochReport:
    """One line of the training log.

    Parameters
    ----------
    epoch : int
        From 1.
    seconds : float
        Time of training and validation.
    learning_rate : float
        At the end of the epoch.
    loss, semantic, dice, distance, cell_class : float
        Means of the training terms.
    validation_loss : float
        Total loss of the averaged weights on validation crops.
    cell_dice, nucleus_dice, class_accuracy : float
        On validation crops at the true scale; NaN where there is no target.
    """

    epoch: int
    seconds: float
    learning_rate: float
    loss: float
    semantic: float
    dice: float
    distance: float
    cell_class: float
    validation_loss: float
    cell_dice: float
    nucleus_dice: float
    class_accuracy: float


class Trainer:
    """State of a run: network, averaged network, optimizer, and where it stands."""

    def __init__(
        self, config: TrainingConfig, split: Split, device: torch.device
    ) -> None:
        if not split.train:
            raise DataError("No picture is left to train on; check data and split.")
        torch.manual_seed(config.seed)
        self.config, self.device, self.epoch = config, device, 0
        self.dtype = autocast_dtype(device)
        self.network = build_network(config.architecture, config.network)
        self.network.to(  # type: ignore[call-overload]
            device, memory_format=torch.channels_last
        )
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        settings = config.optimizer
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        self.card = model_card(config)
        self.total_steps = config.epochs * config.steps_per_epoch
        self.crops = CropDataset(
            split.train,
            config.crops,
            self.total_steps * config.batch_size,
            config.seed,
        )
        self.validation = CropDataset(
            split.validation or split.train,
            validation_settings(config.crops),
            config.validation_crops,
            seed=0,
        )

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then a cosine to one percent of the peak."""
        settings = self.config.optimizer
        if step < settings.warmup_steps:
            return settings.learning_rate * (step + 1) / settings.warmup_steps
        span = max(1, self.total_steps - settings.warmup_steps)
        progress = (step - settings.warmup_steps) / span
        share = 0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2
        return settings.learning_rate * share

    def loader(self, dataset: CropDataset, start: int, stop: int) -> DataLoader[Crop]:
        """Batches of the crops from `start` to `stop`."""
        return DataLoader(
            Subset(dataset, range(start, stop)),
            batch_size=self.config.batch_size,
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

    def step(self, number: int, crop: Crop) -> LossTerms:
        """One optimizer step; `number` seeds its dropout and sets its rate."""
        torch.manual_seed(self.config.seed + number)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(number)
        crop = self.to_device(crop)
        with autocast(self.device, bfloat16_if_any(self.dtype)):
            output = self.network(self.to_input(crop.image))
        terms = total_loss(output, crop, self.config.losses)
        self.optimizer.zero_grad(set_to_none=True)
        terms.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(
            self.network.parameters(), self.config.optimizer.clip_norm
        )
        self.optimizer.step()
        self.update_average(number)
        return terms

    @torch.no_grad()
    def update_average(self, number: int) -> None:
        """Move the averaged weights, quickly at first."""
        decay = min(self.config.optimizer.ema_decay, (1 + number) / (10 + number))
        for slow, fast in zip(
            self.average.parameters(), self.network.parameters(), strict=True
        ):
            slow.lerp_(fast, 1 - decay)

    def run_epoch(self) -> EpochReport:
        """Train one epoch and judge the averaged weights."""
        config, began = self.config, time.monotonic()
        first = self.epoch * config.steps_per_epoch
        stop = first + config.steps_per_epoch
        batches = self.loader(
            self.crops, first * config.batch_size, stop * config.batch_size
        )
        self.network.train()
        rows = []
        for number, crop in enumerate(batches, start=first):
            terms = self.step(number, Crop(*crop))
            rows.append([float(term.detach()) for term in asdict_shallow(terms)])
        semantic, dice, distance, cell_class, loss = np.mean(rows, axis=0)
        self.epoch += 1
        return EpochReport(
            self.epoch,
            time.monotonic() - began,
            self.learning_rate(stop - 1),
            float(loss),
            float(semantic),
            float(dice),
            float(distance),
            float(cell_class),
            *self.validate(),
        )

    @torch.no_grad()
    def validate(self) -> tuple[float, float, float, float]:
        """Loss, cell Dice, nucleus Dice and class accuracy of the average."""
        losses, counts = [], np.zeros((3, 2))
        for batch in self.loader(self.validation, 0, len(self.validation)):
            crop = self.to_device(Crop(*batch))
            with autocast(self.device, bfloat16_if_any(self.dtype)):
                output = self.average(self.to_input(crop.image))
            losses.append(float(total_loss(output, crop, self.config.losses).total))
            counts += agreement(output, crop)
        with np.errstate(invalid="ignore"):
            cell, nucleus, accuracy = counts[:, 0] / counts[:, 1]
        return float(np.mean(losses)), float(cell), float(nucleus), float(accuracy)

    def save(self, out: Path) -> None:
        """Write the model and, atomically, the checkpoint."""
        save_model(out / MODEL_FOLDER, self.average, self.card)
        temporary = out / f"{CHECKPOINT_NAME}.tmp"
        torch.save(
            {
                "epoch": self.epoch,
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            },
            temporary,
        )
        temporary.replace(out / CHECKPOINT_NAME)

    def restore(self, out: Path) -> None:
        """Go back to the last checkpoint."""
        state: dict[str, Any] = torch.load(
            out / CHECKPOINT_NAME, map_location=self.device, weights_only=True
        )
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = int(state["epoch"])


def bfloat16_if_any(dtype: torch.dtype | None) -> torch.dtype | None:
    """Train in bfloat16 where prediction uses half: gradients need its range."""
    return None if dtype is None else torch.bfloat16


def asdict_shallow(terms: LossTerms) -> tuple[torch.Tensor, ...]:
    """Terms in the order of their fields."""
    return terms.semantic, terms.dice, terms.distance, terms.cell_class, terms.total


def agreement(
    output: Any, crop: Crop
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Numerators and denominators of cell Dice, nucleus Dice, class accuracy."""
    predicted = output.semantic.argmax(dim=1)
    allowed = crop.allowed
    is_cell = (allowed & IS_CELL > 0) & (allowed & IS_BACKGROUND == 0)
    cell_known = is_cell | (allowed == IS_BACKGROUND)
    in_cell = (predicted != BACKGROUND) & cell_known
    is_nucleus = allowed == IS_NUCLEUS
    nucleus_known = is_nucleus | (allowed & IS_NUCLEUS == 0)
    in_nucleus = (predicted == NUCLEUS) & nucleus_known
    pairs = [
        (2 * (in_cell & is_cell).sum(), in_cell.sum() + is_cell.sum()),
        (2 * (in_nucleus & is_nucleus).sum(), in_nucleus.sum() + is_nucleus.sum()),
    ]
    known = crop.classes >= 0
    if output.evidence is None:
        return np.array([[float(v) for v in pair] for pair in [*pairs, (0, 0)]])
    pooled = pool_evidence(output.evidence, crop.instances, crop.classes.shape[1])
    right = (pooled[:, 1:].argmax(dim=2) == crop.classes) & known
    pairs.append((right.sum(), known.sum()))
    return np.array([[float(v) for v in pair] for pair in pairs])


def validation_settings(settings: CropSettings) -> CropSettings:
    """Crops as they are, at the true scale."""
    return CropSettings(
        size_px=settings.size_px,
        cell_diameter_px=settings.cell_diameter_px,
        scale_range=(0.9, 1.1),
        off_scale=0.0,
        elastic_px=0.0,
        mosaic=0.0,
        paste=0.0,
        dataset_weights=settings.dataset_weights,
        appearance=None,
    )


def model_card(config: TrainingConfig) -> ModelCard:
    """Card of the model that a configuration trains."""
    return ModelCard(
        name=config.name,
        architecture=config.architecture,
        settings=config.network,
        class_ids=tuple(c.id for c in DEFAULT_SCHEME if c.id != UNCLASSIFIED),
        cell_diameter_px=config.crops.cell_diameter_px,
        description=config.description,
        training={"config": asdict(config)},
    )


def fit(
    config: TrainingConfig,
    split: Split,
    out: Path,
    *,
    device: torch.device,
    resume: bool = False,
) -> Iterator[EpochReport]:
    """Train, yielding after each epoch; closing the generator stops there.

    Parameters
    ----------
    config : TrainingConfig
        What to train.
    split : Split
        Samples; its test part is not touched.
    out : Path
        Receives the checkpoint, ``log.csv`` and, in ``model``, the averaged
        weights as a model folder, each after every epoch.
    device : torch.device
        Where to train.
    resume : bool, optional
        Continue from the checkpoint in `out`, exactly as if never stopped.

    Yields
    ------
    report : EpochReport
        Figures of the epoch.
    """
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, split, device)
    if resume and (out / CHECKPOINT_NAME).exists():
        trainer.restore(out)
    while trainer.epoch < config.epochs:
        report = trainer.run_epoch()
        trainer.save(out)
        append_log(out / LOG_NAME, report)
        yield report


def append_log(path: Path, report: EpochReport) -> None:
    """Add one line to the CSV log, with a header where it is new."""
    row = asdict(report)
    is_new = report.epoch == 1 or not path.exists()
    with path.open("w" if is_new else "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if is_new:
            writer.writeheader()
        writer.writerow(row)
