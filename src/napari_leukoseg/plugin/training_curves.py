"""Draws the curves of a fine-tuning; runs in a thread, which pays for the import."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["CurveStyle", "Curves", "draw_curves"]

_FIGURES = {
    "class_accuracy": ("class accuracy", "#e0a030"),
    "cell_dice": ("cell Dice", "#4a90d9"),
    "nucleus_dice": ("nucleus Dice", "#b07cd8"),
}
"""Curves of the fields kept aside: their names, and colors that both of napari's
themes show well."""

_TRAINING_COLOR = "#8a8a8a"
_VALIDATION_COLOR = "#d9534f"
_DOTS_PER_INCH = 96.0
_FONT_POINTS = 7.5
_FEW = 40
"""Steps of training over which the loss is averaged at most."""


@dataclass(frozen=True)
class Curves:
    """What is drawn.

    Parameters
    ----------
    losses : tuple of (float, float)
        Epoch and loss of each step.
    epochs : mapping of str to tuple of (float, float)
        Epoch and value of each figure of the fields kept aside, ``loss`` included.
    n_epochs : int
        Epochs planned.
    best_epoch : int or None
        Epoch that is marked.
    """

    losses: tuple[tuple[float, float], ...]
    epochs: dict[str, tuple[tuple[float, float], ...]]
    n_epochs: int
    best_epoch: int | None


@dataclass(frozen=True)
class CurveStyle:
    """How it is drawn.

    Parameters
    ----------
    width_px, height_px : int
        Size of the picture on the screen, in logical pixels.
    ratio : float
        Pixels of the screen in a logical one.
    ink, paper : str
        Colors of text and ground.
    """

    width_px: int
    height_px: int
    ratio: float
    ink: str
    paper: str


def draw_curves(curves: Curves, style: CurveStyle) -> NDArray[np.uint8]:
    """Draw loss above, and figures of the fields kept aside below.

    Parameters
    ----------
    curves : Curves
        What is drawn; may be empty.
    style : CurveStyle
        How it is drawn.

    Returns
    -------
    picture : ndarray of shape (M, N, 4) and dtype uint8
        RGBA.
    """
    inches = (style.width_px / _DOTS_PER_INCH, style.height_px / _DOTS_PER_INCH)
    figure = Figure(inches, dpi=_DOTS_PER_INCH * style.ratio, facecolor=style.paper)
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(
        2, 1, sharex=True, gridspec_kw=_margins(style.width_px, style.height_px)
    )
    _draw_loss(top, curves)
    _draw_figures(bottom, curves)
    for axes, title in ((top, "Loss"), (bottom, "Fields kept aside")):
        _dress(axes, curves, style, title)
    bottom.set_xlabel("epoch", fontsize=_FONT_POINTS, color=style.ink)
    content = BytesIO()
    figure.savefig(content, format="rgba")
    rows, columns = int(figure.bbox.height), int(figure.bbox.width)
    return np.frombuffer(content.getvalue(), np.uint8).reshape(rows, columns, 4)


def _margins(width_px: int, height_px: int) -> dict[str, float]:
    """Return margins of a fixed size in pixels, as shares."""
    return {
        "left": 36 / width_px,
        "right": 1 - 8 / width_px,
        "bottom": 32 / height_px,
        "top": 1 - 16 / height_px,
        "hspace": 0.28,
    }


def _draw_loss(axes: Axes, curves: Curves) -> None:
    """Draw the loss of training, smoothed, and that of the fields kept aside."""
    if curves.losses:
        epochs, losses = np.array(curves.losses).T
        few = min(_FEW, max(1, len(losses) // 8))
        kernel = np.full(few, 1 / few)
        axes.plot(epochs, losses, color=_TRAINING_COLOR, alpha=0.3, linewidth=0.8)
        axes.plot(
            epochs[few - 1 :],
            np.convolve(losses, kernel, "valid"),
            color=_TRAINING_COLOR,
            linewidth=1.4,
            label="training",
        )
    if points := curves.epochs.get("loss"):
        _draw_epochs(axes, points, _VALIDATION_COLOR, "kept aside")


def _draw_figures(axes: Axes, curves: Curves) -> None:
    """Draw Dice and class accuracy."""
    for name, (label, color) in _FIGURES.items():
        if points := curves.epochs.get(name):
            _draw_epochs(axes, points, color, label)


def _draw_epochs(
    axes: Axes, points: tuple[tuple[float, float], ...], color: str, label: str
) -> None:
    """Draw one value an epoch."""
    epochs, values = zip(*points, strict=True)
    axes.plot(
        epochs,
        values,
        color=color,
        marker="o",
        markersize=3,
        linewidth=1.4,
        label=label,
    )


def _dress(axes: Axes, curves: Curves, style: CurveStyle, title: str) -> None:
    """Give axes their title, range, colors, grid and legend."""
    size = _FONT_POINTS + 0.5
    axes.set_title(title, fontsize=size, loc="left", pad=3, color=style.ink)
    axes.set_facecolor(style.paper)
    axes.set_xlim(-0.15, max(1, curves.n_epochs) + 0.15)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(colors=style.ink, labelsize=_FONT_POINTS, length=2, pad=2)
    axes.grid(color=style.ink, alpha=0.15, linewidth=0.6)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(style.ink)
    if curves.best_epoch is not None:
        axes.axvline(curves.best_epoch, color=style.ink, linestyle=":", linewidth=1)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            fontsize=_FONT_POINTS - 0.5,
            frameon=False,
            labelcolor=style.ink,
            handlelength=1.2,
            borderaxespad=0.2,
            loc="best",
        )
