"""What the curves of a fine-tuning show: lines, ranges and ticks; loads no Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_leukoseg.plugin.training_history import TrainingHistory

    Points = Sequence[tuple[float, float]]

__all__ = ["CurvePanel", "Line", "panels_of", "ticks"]

_FIGURES = {
    "class_accuracy": ("class accuracy", "#e0a030"),
    "cell_dice": ("cell Dice", "#4a90d9"),
    "nucleus_dice": ("nucleus Dice", "#b07cd8"),
}
"""Curves of the fields kept aside: their names, and colors that both of napari's
themes show well."""

_TRAINING_COLOR = "#8a8a8a"
_VALIDATION_COLOR = "#d9534f"
_FEW = 40
"""Losses of training that are averaged at most."""

_ROOM = 0.06
"""Left free above and below the curves, as a share of their range."""


@dataclass(frozen=True)
class Line:
    """One curve.

    Parameters
    ----------
    points : tuple of (float, float)
        Epochs and values.
    color : str
        As Qt and CSS write it.
    label : str, optional
        Its name in the legend; empty for a line that needs none.
    has_marks : bool, optional
        Whether each point is marked.
    opacity : float, optional
        From 0 to 1.
    """

    points: tuple[tuple[float, float], ...]
    color: str
    label: str = ""
    has_marks: bool = True
    opacity: float = 1.0


@dataclass(frozen=True)
class CurvePanel:
    """Curves with common axes.

    Parameters
    ----------
    title : str
        What they are of.
    lines : tuple of Line
        Those that have points.
    """

    title: str
    lines: tuple[Line, ...]

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest value that the axis reaches."""
        values = [value for line in self.lines for _, value in line.points]
        low, high = min(values, default=0.0), max(values, default=1.0)
        room = _ROOM * (high - low) or 0.05
        return low - room, high + room


def panels_of(history: TrainingHistory) -> tuple[CurvePanel, CurvePanel]:
    """Return the losses, and the figures of the fields kept aside.

    Parameters
    ----------
    history : TrainingHistory
        What was told; may be empty.

    Returns
    -------
    panels : tuple of CurvePanel
        To be shown one above the other, over the same epochs.
    """
    losses = _finite(history.losses)
    aside = _finite(history.curve("loss"))
    loss_lines = (
        Line(losses, _TRAINING_COLOR, has_marks=False, opacity=0.4),
        Line(_smoothed(losses), _TRAINING_COLOR, "training", has_marks=False),
        Line(aside, _VALIDATION_COLOR, "kept aside"),
    )
    figure_lines = (
        Line(_finite(history.curve(name)), color, label)
        for name, (label, color) in _FIGURES.items()
    )
    return (
        CurvePanel("Loss by epoch", tuple(line for line in loss_lines if line.points)),
        CurvePanel(
            "Fields kept aside", tuple(line for line in figure_lines if line.points)
        ),
    )


def ticks(
    low: float, high: float, most: int, *, is_whole: bool = False
) -> list[tuple[float, str]]:
    """Return round numbers in a range.

    Parameters
    ----------
    low, high : float
        Ends of the range; the second is the higher one.
    most : int
        About how many numbers at most, 1 or more.
    is_whole : bool, optional
        Whether only whole numbers will do.

    Returns
    -------
    ticks : list of (float, str)
        Numbers, and how they are written.
    """
    least = max((high - low) / most, 1.0 if is_whole else 0.0)
    power = math.floor(math.log10(least))
    step = next(
        unit * 10**power for unit in (1, 2, 5, 10) if unit * 10**power >= least * 0.999
    )
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    numbers = range(math.ceil(low / step), math.floor(high / step) + 1)
    return [(n * step, f"{n * step:.{decimals}f}") for n in numbers]


def _finite(points: Points) -> tuple[tuple[float, float], ...]:
    """Leave out what is no number."""
    return tuple(point for point in points if math.isfinite(point[1]))


def _smoothed(points: Points) -> tuple[tuple[float, float], ...]:
    """Average neighbors: an eighth of all that there are, but only a few."""
    few = min(_FEW, max(1, len(points) // 8))
    return tuple(_means(points, few))


def _means(points: Points, few: int) -> Iterator[tuple[float, float]]:
    """Give running means of so many values, each at the last of its points."""
    total = 0.0
    for number, (epoch, value) in enumerate(points):
        total += value
        if number >= few:
            total -= points[number - few][1]
        if number >= few - 1:
            yield epoch, total / few
