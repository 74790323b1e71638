"""Makes one self-contained page of an evaluation, for people to look at."""

from __future__ import annotations

import base64
import io
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure as Drawing
from PIL import Image

from napari_leukoseg.export.files import replaced_when_complete
from napari_leukoseg.training.class_figures import class_name
from napari_leukoseg.training.overlays import (
    NUCLEUS_COLOR,
    PREDICTED_COLOR,
    TRUE_COLOR,
)
from napari_leukoseg.training.summary import FIGURE_GROUPS, PIXEL_FIGURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_leukoseg.training.bootstrap import Figure
    from napari_leukoseg.training.class_figures import Confusion, Reliability
    from napari_leukoseg.training.overlays import WorstCase
    from napari_leukoseg.training.result import Evaluation
    from napari_leukoseg.training.summary import SetSummary

__all__ = ["write_page"]

TEMPLATE = "page.html.jinja"

RIGHT_COLOR, WRONG_COLOR = "46, 125, 90", "190, 70, 60"
"""Red, green and blue of shares of a confusion matrix, on and off its diagonal."""

BAR_COLOR, LINE_COLOR = "#4c78a8", "#888888"

JPEG_QUALITY = 88


class _Count(NamedTuple):
    """One field of a confusion matrix, and its color."""

    cells: int
    color: str


def write_page(evaluation: Evaluation, path: Path) -> None:
    """Write protocol, figures, confusion, calibration and worst cases as HTML.

    Pictures and drawings are inside the file; it needs no network.

    Parameters
    ----------
    evaluation : Evaluation
        What is shown.
    path : Path
        File to make or to replace.

    Raises
    ------
    ExportError
        If the folder cannot be written to; a file that was there then stays.
    """
    source = resources.files("napari_leukoseg.training").joinpath(TEMPLATE)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(source.read_text(encoding="utf-8"))
    page = template.render(
        evaluation=evaluation,
        groups=figure_tables(evaluation.sets),
        details={name: _details(evaluation, name) for name in evaluation.sets},
        colors={
            "labeled cell": TRUE_COLOR,
            "predicted cell": PREDICTED_COLOR,
            "predicted nucleus": NUCLEUS_COLOR,
        },
    )
    with replaced_when_complete(path) as partial:
        partial.write_text(page, encoding="utf-8")


def figure_tables(
    sets: Mapping[str, SetSummary],
) -> dict[str, dict[str, list[Figure | None]]]:
    """Give the figures that any set has: group, title, and one entry a set."""
    tables = {}
    for group, titles in FIGURE_GROUPS.items():
        rows = {
            title: [summary.figures.get(name) for summary in sets.values()]
            for name, title in titles.items()
        }
        tables[group] = {title: row for title, row in rows.items() if any(row)}
    return {group: rows for group, rows in tables.items() if rows}


def _details(evaluation: Evaluation, name: str) -> dict[str, Any]:
    """Return what is shown of one set alone."""
    summary, worst = evaluation.sets[name], evaluation.worst[name]
    return {
        "summary": summary,
        "pixel_figures": PIXEL_FIGURES,
        "columns": [class_name(i) for i in summary.confusion.predicted_ids],
        "rows": _confusion_rows(summary.confusion),
        "reliability": (
            draw_reliability(summary.reliability)
            if sum(summary.reliability.counts)
            else None
        ),
        "worst": {
            "Worst outlines": _tiles(worst.outlines),
            "Surest wrong classes": _tiles(worst.classes),
        },
    }


def _confusion_rows(confusion: Confusion) -> dict[str, list[_Count]]:
    """Return the rows of a confusion matrix, shaded by their shares."""
    rows = {}
    for true_id, counts in zip(confusion.true_ids, confusion.counts, strict=True):
        total = sum(counts)
        rows[class_name(true_id)] = [
            _Count(count, _shade(count / total, is_right=predicted_id == true_id))
            for predicted_id, count in zip(confusion.predicted_ids, counts, strict=True)
        ]
    return rows


def _shade(share: float, *, is_right: bool) -> str:
    """Return the color of a share as CSS."""
    return f"rgba({RIGHT_COLOR if is_right else WRONG_COLOR}, {0.75 * share:.2f})"


def _tiles(cases: Sequence[WorstCase]) -> list[dict[str, Any]]:
    """Return cases with their pictures as data."""
    return [
        {"name": c.name, "captions": c.captions, "picture": _jpeg(c.picture)}
        for c in cases
    ]


def _jpeg(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    """Return a picture as a data URI."""
    buffer = io.BytesIO()
    # Thin colored lines blur where color is stored at half the resolution.
    Image.fromarray(picture).save(
        buffer, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4"
    )
    return _data_uri("image/jpeg", buffer)


def _data_uri(kind: str, buffer: io.BytesIO) -> str:
    """Return bytes as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def draw_reliability(reliability: Reliability) -> str:
    """Draw accuracy by confidence, and how many cells there are, as an SVG data URI."""
    counts, right, confidences = (
        np.asarray(values, float)
        for values in (reliability.counts, reliability.right, reliability.confidences)
    )
    edges = np.linspace(0, 1, counts.size + 1)
    filled = counts > 0
    drawing = Drawing(figsize=(3.8, 3.6), layout="constrained")
    upper, lower = drawing.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], "--", color=LINE_COLOR, linewidth=1)
    upper.bar(
        edges[:-1][filled],
        right[filled] / counts[filled],
        width=edges[1],
        align="edge",
        color=BAR_COLOR,
        edgecolor="white",
    )
    mean = confidences[filled] / counts[filled]
    upper.plot(mean, right[filled] / counts[filled], "o", color="black", markersize=3)
    upper.set(ylabel="accuracy", ylim=(0, 1.03))
    lower.bar(
        edges[:-1], counts, width=edges[1], align="edge", color=LINE_COLOR, ec="white"
    )
    lower.set(xlabel="confidence", ylabel="cells", xlim=(0, 1))
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "leukoseg"}):  # the same file each time
        drawing.savefig(buffer, format="svg", metadata={"Date": None})
    return _data_uri("image/svg+xml", buffer)
