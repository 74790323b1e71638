"""What a fine-tuning comes to: base and new model, compared; loads no torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "COMPARED",
    "Comparison",
    "FinetuneResult",
    "Interval",
    "Side",
    "Verdict",
]


class Verdict(StrEnum):
    """How the new model does on what was kept aside, in plain words."""

    BETTER = "better"
    NO_CLEAR_DIFFERENCE = "no clear difference"
    WORSE = "worse"


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval; none where not known."""

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, value: float, low: float, high: float) -> Interval:
        """Take numbers of which some may be NaN."""
        return cls(*(x if math.isfinite(x) else None for x in (value, low, high)))


COMPARED = {
    "corrections_per_100": "Corrections per 100 cells",
    "class_accuracy": "Class accuracy",
    "cell_dice": "Cell Dice",
    "nucleus_dice": "Nucleus Dice",
    "recall": "Cells found",
}
"""Figures of a comparison and what they are called, in the order to show them. Fewer
corrections are better, more of all else. A correction is a cell that is missed,
drawn where none is, of the wrong class, or whose Dice is below 0.9."""


@dataclass(frozen=True)
class Side:
    """One of two models that are compared.

    Parameters
    ----------
    name, weights_sha256 : str
        Which model.
    figures : mapping of str to Interval
        Those of `COMPARED` that are known.
    class_ids : tuple of int
        Rows of `confusion`: true classes.
    predicted_ids : tuple of int
        Columns of `confusion`: predicted classes; 0 is not found.
    confusion : tuple of tuple of int
        Cells.
    """

    name: str
    weights_sha256: str
    figures: Mapping[str, Interval]
    class_ids: tuple[int, ...]
    predicted_ids: tuple[int, ...]
    confusion: tuple[tuple[int, ...], ...]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Side:
        """Build from plain data."""
        return cls(
            data["name"],
            data["weights_sha256"],
            {name: Interval(**value) for name, value in data["figures"].items()},
            tuple(data["class_ids"]),
            tuple(data["predicted_ids"]),
            tuple(tuple(row) for row in data["confusion"]),
        )


@dataclass(frozen=True)
class Comparison:
    """Base and new model on the same cells, which neither was tuned on.

    Parameters
    ----------
    base, new : Side
        The models.
    differences : mapping of str to Interval
        New less base, with the interval of the paired difference.
    n_cells, n_fields : int
        What was kept aside.
    protocol : str
        How the figures were found.
    unit : str, optional
        What `n_fields` counts: ``field`` or ``specimen``.
    """

    base: Side
    new: Side
    differences: Mapping[str, Interval]
    n_cells: int
    n_fields: int
    protocol: str
    unit: str = "field"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Comparison:
        """Build from plain data."""
        differences = data["differences"]
        return cls(
            Side.from_dict(data["base"]),
            Side.from_dict(data["new"]),
            {name: Interval(**value) for name, value in differences.items()},
            data["n_cells"],
            data["n_fields"],
            data["protocol"],
            data["unit"],
        )


@dataclass(frozen=True)
class FinetuneResult:
    """What a fine-tuning came to.

    Parameters
    ----------
    verdict : Verdict
        In one word or three.
    reason : str
        In one or two sentences for people.
    comparison : Comparison
        Base and new model on the cells kept aside.
    model : Path
        Folder of the new model.
    classes : mapping of int to str
        Names of all classes of both models and of the cells.
    best_epoch : int
        Epoch whose weights are the model.
    seconds, peak_memory_mb : float
        What it took.
    """

    verdict: Verdict
    reason: str
    comparison: Comparison
    model: Path
    classes: Mapping[int, str]
    best_epoch: int
    seconds: float
    peak_memory_mb: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        classes = {str(class_id): name for class_id, name in self.classes.items()}
        return {**asdict(self), "model": str(self.model), "classes": classes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FinetuneResult:
        """Build from plain data."""
        return cls(
            Verdict(data["verdict"]),
            data["reason"],
            Comparison.from_dict(data["comparison"]),
            Path(data["model"]),
            {int(class_id): name for class_id, name in data["classes"].items()},
            data["best_epoch"],
            data["seconds"],
            data["peak_memory_mb"],
        )
