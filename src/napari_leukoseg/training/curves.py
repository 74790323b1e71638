"""Draws the curves of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from napari_leukoseg.export.files import replaced_when_complete

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_leukoseg.training.reports import EpochReport

__all__ = ["write_curves"]

PANELS = {
    "Loss": ("loss", "validation_loss"),
    "Terms of the training loss": ("semantic", "dice", "distance", "cell_class"),
    "Validation crops": ("cell_dice", "nucleus_dice", "class_accuracy"),
    "Learning rate": ("learning_rate",),
}
"""Columns of the log in each panel."""

MARGINS = {
    "left": 0.08,
    "right": 0.98,
    "bottom": 0.08,
    "top": 0.95,
    "wspace": 0.2,
    "hspace": 0.35,
}
"""Fixed, since a layout that measures itself draws everything twice."""


def write_curves(path: Path, reports: Sequence[EpochReport]) -> None:
    """Draw the log of a run as PNG.

    Parameters
    ----------
    path : Path
        File to make or to replace.
    reports : sequence of EpochReport
        In order.
    """
    figure = Figure(figsize=(9, 6))
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2, gridspec_kw=MARGINS).flat
    epochs = [report.epoch for report in reports]
    for axes, (title, columns) in zip(panels, PANELS.items(), strict=True):
        for column in columns:
            values = [getattr(report, column) for report in reports]
            label = column.replace("_", " ")
            axes.plot(epochs, values, marker=".", label=label)
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    with replaced_when_complete(path) as partial:
        figure.savefig(partial, format="png", dpi=100)
