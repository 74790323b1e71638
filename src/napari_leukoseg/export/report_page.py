"""Lays a report out as one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
import io
from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined
from PIL import Image

from napari_leukoseg import __version__
from napari_leukoseg.classes import Counting
from napari_leukoseg.export.files import SOFTWARE

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_leukoseg.cells import ClassCount
    from napari_leukoseg.export.report_data import Gallery, Report

__all__ = ["beside", "counted", "gallery_caption", "write_html"]

TEMPLATE = "report.html.jinja"

JPEG_QUALITY = 88


def write_html(report: Report, path: Path) -> None:
    """Write a report as HTML, its pictures inside.

    Parameters
    ----------
    report : Report
        What it says.
    path : Path
        File to make.
    """
    source = resources.files("napari_leukoseg.export").joinpath(TEMPLATE)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(source.read_text(encoding="utf-8"))
    overview = report.overview
    page = template.render(
        report=report,
        counted=counted(report),
        beside=beside(report),
        has_absolute=report.counts.settings.total_wbc is not None,
        overview=None if overview is None else _data_url(overview),
        galleries=[
            {
                "cell_class": gallery.cell_class,
                "caption": gallery_caption(gallery),
                "pictures": [_data_url(crop) for crop in gallery.crops],
            }
            for gallery in report.galleries
        ],
        software=f"{SOFTWARE} {__version__}",
    )
    path.write_text(page, encoding="utf-8", newline="\n")


def counted(report: Report) -> list[ClassCount]:
    """Return the classes of the differential."""
    return [c for c in report.counts.classes if c.counting is Counting.DIFFERENTIAL]


def beside(report: Report) -> list[ClassCount]:
    """Return the other classes that have cells."""
    counts = report.counts.classes
    return [c for c in counts if c.counting is not Counting.DIFFERENTIAL and c.count]


def gallery_caption(gallery: Gallery) -> str:
    """Tell how many cells of a class are shown."""
    shown, total = len(gallery.crops), gallery.n_cells
    if shown < total:
        return f"{shown} of {total}, spread over the slide"
    return f"{total} cell{'s' * (total != 1)}"


def _data_url(picture: NDArray[np.uint8]) -> str:
    """Return a picture as text that a page holds."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
