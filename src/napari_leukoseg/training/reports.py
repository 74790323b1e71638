"""What a run reports while it trains, and its log."""

from __future__ import annotations

import csv
import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, TypeVar

from napari_leukoseg.errors import DataError
from napari_leukoseg.export.files import replaced_when_complete

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_leukoseg.training.colorizing import ColorizingReport

__all__ = [
    "EpochReport",
    "StepReport",
    "best_report",
    "read_log",
    "write_log",
]

R = TypeVar("R", "EpochReport", "ColorizingReport")

RULES = {
    "last": ("epoch", 1),
    "best-loss": ("validation_loss", -1),
    "best-dice": ("mean_dice", 1),
}
"""Figure by which each rule judges an epoch, and its sign where more is better."""


@dataclass(frozen=True)
class StepReport:
    """Where a run stands within an epoch.

    Parameters
    ----------
    step, total_steps : int
        Steps done and planned, over the whole run.
    loss : float
        Total loss of the step.
    """

    step: int
    total_steps: int
    loss: float


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
        On validation crops at the true scale; NaN where there is no target
        or the network gives no such thing.
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

    @property
    def mean_dice(self) -> float:
        """Mean of the Dice of cell and nucleus, of those that are known."""
        known = [d for d in (self.cell_dice, self.nucleus_dice) if not math.isnan(d)]
        return sum(known) / len(known) if known else math.nan


def best_report(reports: Sequence[R], keep: str) -> R:
    """Epoch whose weights are kept.

    Parameters
    ----------
    reports : sequence of EpochReport or of ColorizingReport
        One or more, in order.
    keep : {'last', 'best-loss', 'best-dice'}
        Rule; the first of equals is the best.

    Returns
    -------
    report : EpochReport or ColorizingReport
        The last one also where no epoch has a figure.
    """
    name, sign = RULES[keep]
    values = [sign * float(getattr(report, name)) for report in reports]
    known = [i for i, value in enumerate(values) if not math.isnan(value)]
    return reports[max(known, key=values.__getitem__) if known else -1]


def write_log(path: Path, reports: Sequence[R]) -> None:
    """Write a log as CSV, one line an epoch below a header.

    Parameters
    ----------
    path : Path
        File to make or to replace.
    reports : sequence of EpochReport or of ColorizingReport
        One or more, in order.
    """
    with (
        replaced_when_complete(path) as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, [field.name for field in fields(reports[0])])
        writer.writeheader()
        writer.writerows(asdict(report) for report in reports)


def read_log(path: Path) -> list[EpochReport]:
    """Read what `write_log` wrote.

    Raises
    ------
    DataError
        If it cannot be read, or has other columns.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                EpochReport(
                    int(row.pop("epoch")), **{k: float(v) for k, v in row.items()}
                )
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is not a training log: {error}.") from error
