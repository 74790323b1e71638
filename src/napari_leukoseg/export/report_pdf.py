"""Lays a report out as PDF, on pages of A4."""

from __future__ import annotations

import textwrap
import warnings
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from napari_leukoseg import __version__
from napari_leukoseg.export.files import SOFTWARE
from napari_leukoseg.export.report_page import beside, counted, gallery_caption

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from napari_leukoseg.cells import ClassCount
    from napari_leukoseg.export.report_data import Gallery, Report

__all__ = ["write_pdf"]

WIDTH, HEIGHT = 595.0, 842.0
"""A4 in points; places count from the upper left corner."""

LEFT, RIGHT, TOP, BOTTOM = 45.0, 550.0, 45.0, 795.0

BODY, SMALL = 9.5, 7.5
"""Sizes of letters."""

LINE = 1.45
"""Height of a line, in sizes of letters."""

LETTER = 0.53
"""Mean width of a letter, in sizes of letters; less than half are wider."""

INK, FAINT, RULE = "#222222", "#666666", "#bbbbbb"

LEAST_SHRUNK = 0.7
"""How much smaller a picture may become to stay on its page."""

CROP, GAP = 58.0, 4.0
"""Side of a cell's picture, and space between two."""

N_COLORS = 256
"""Of a picture: up to so many, a PDF holds one byte a pixel rather than three, and
matplotlib writes no JPEG."""

N_REFINED, SAMPLED_PX = 3, 400
"""Rounds in which colors are moved to the middle of what they stand for, and longest
side of what they are chosen by. They cover all that occur rather than the most frequent
ones; else nuclei lose texture."""


def write_pdf(report: Report, path: Path) -> None:
    """Write a report as PDF.

    Parameters
    ----------
    report : Report
        What it says.
    path : Path
        File to make.
    """
    paper = _Paper()
    _draw_head(paper, report)
    _draw_counts(paper, report)
    if report.overview is not None:
        paper.picture("Overview", report.overview)
    if report.galleries:
        paper.heading("Cells")
    for gallery in report.galleries:
        _draw_gallery(paper, gallery)
    for index, run in enumerate(report.runs):
        if not index:
            paper.heading("How the cells were found")
        paper.pairs(run, SMALL)
        paper.skip(SMALL)
    title = f"Differential count of {report.facts['Slide']}"
    paper.save(path, title, f"{SOFTWARE} {__version__}, {report.made}")


def _draw_head(paper: _Paper, report: Report) -> None:
    """Draw what is counted, who has signed, and what to mind."""
    paper.text("Differential count", 17, weight="bold")
    paper.skip(6)
    paper.pairs({**report.facts, "Counted": report.scope}, BODY)
    paper.skip(6)
    if report.signed_off:
        paper.box([f"Signed off by {report.signed_off}"], "#3c9d5b")
    if report.warnings:
        paper.box(report.warnings, "#d98b1f")


def _draw_counts(paper: _Paper, report: Report) -> None:
    """Draw the table of counts, and that of cells beside the white ones."""
    total_wbc = report.counts.settings.total_wbc
    paper.heading("Counts")
    columns = _columns(has_absolute=total_wbc is not None)
    paper.cells(columns, ["Class", "Cells", "%", "95 % interval", *_ABSOLUTE], True)
    for entry in counted(report):
        color = report.scheme[entry.class_id].color
        paper.bar(_BAR, entry, color)
        paper.cells(columns, _texts(entry), color=color)
    last = "" if total_wbc is None else f"{total_wbc:.2f}"
    paper.cells(columns, ["White cells", str(report.counts.total), "", "", last], True)
    notes = [
        "Exact binomial intervals (Clopper and Pearson). They tell what counting alone "
        "leaves open, not errors of the classes."
    ]
    if total_wbc is not None:
        notes.append("Absolute counts are shares of the given total.")
    others = beside(report)
    if others:
        paper.skip(BODY)
        paper.cells(
            columns, ["Beside the white cells", "Cells", "per 100", "95 %"], True
        )
    for entry in others:
        color = report.scheme[entry.class_id].color
        paper.cells(columns, _texts(entry), color=color)
    paper.skip(4)
    for note in (*notes, report.agreement_text):
        paper.text(note, SMALL, color=FAINT)


_ABSOLUTE = ("10⁹/L", "95 % interval")

_BAR = (306.0, 404.0)
"""Left and right end of the bar of a share; without absolute counts there is room."""


def _columns(*, has_absolute: bool) -> tuple[float, ...]:
    """Return the right ends of the columns but the first."""
    return (180.0, 214.0, 296.0) + ((450.0, RIGHT) if has_absolute else ())


def _texts(entry: ClassCount) -> list[str]:
    """Return the fields of a class."""
    texts = [entry.name, str(entry.count)]
    for value, low, high, digits in (
        (entry.per_100, entry.per_100_low, entry.per_100_high, 1),
        (entry.absolute, entry.absolute_low, entry.absolute_high, 2),
    ):
        if value is not None:
            texts += [f"{value:.{digits}f}", f"{low:.{digits}f} – {high:.{digits}f}"]
    return texts


def _draw_gallery(paper: _Paper, gallery: Gallery) -> None:
    """Draw cells of a class in rows, of which the first stays with its title."""
    n_across = int((RIGHT - LEFT + GAP) // (CROP + GAP))
    rows = [
        gallery.crops[start : start + n_across]
        for start in range(0, len(gallery.crops), n_across)
    ]
    paper.need(BODY * LINE + CROP + GAP)
    name = f"{gallery.cell_class.name}: {gallery_caption(gallery)}"
    paper.swatch(gallery.cell_class.color)
    paper.text(name, BODY, indent=14, weight="bold")
    for row in rows:
        paper.need(CROP + GAP)
        for index, crop in enumerate(row):
            paper.place(crop, LEFT + index * (CROP + GAP), CROP, CROP)
        paper.skip(CROP + GAP)
    paper.skip(GAP)


class _Paper:
    """Pages that are filled from above; what does not fit begins the next one."""

    def __init__(self) -> None:
        self._pages: list[Figure] = []
        self._y = BOTTOM

    def need(self, height: float) -> Figure:
        """Return the page that has room for a height, a new one if need be."""
        if not self._pages or (self._y > TOP and self._y + height > BOTTOM):
            self._pages.append(Figure(figsize=(WIDTH / 72, HEIGHT / 72)))
            self._y = TOP
        return self._pages[-1]

    def skip(self, height: float) -> None:
        """Leave room."""
        self._y += height

    def text(self, text: str, size: float, *, indent: float = 0, **look: Any) -> None:
        """Write a paragraph."""
        width = RIGHT - LEFT - indent
        for line in _wrapped(text, width, size):
            self.need(size * LINE)
            self._write(LEFT + indent, line, size, **look)
            self.skip(size * LINE)

    def heading(self, text: str, room: float = 60) -> None:
        """Begin a section, with room below its title on the same page."""
        self.skip(14)
        self.need(30 + room)
        self._rule(self._y)
        self.skip(7)
        self.text(text, 12, weight="bold")
        self.skip(3)

    def pairs(self, pairs: Mapping[str, str], size: float) -> None:
        """Write titles with their texts beside them."""
        indent = (max(map(len, pairs)) + 3) * size * LETTER
        for title, text in pairs.items():
            self.need(size * LINE)
            self._write(LEFT, title, size, color=FAINT)
            self.text(text, size, indent=indent)

    def box(self, sentences: Iterable[str], color: str) -> None:
        """Write sentences beside a colored edge."""
        lines = [x for s in sentences for x in _wrapped(s, RIGHT - LEFT - 14, BODY)]
        height = len(lines) * BODY * LINE + 8
        self.need(height + 8)
        self._rectangle(LEFT, self._y, 3, height, color)
        self.skip(4)
        for line in lines:
            self._write(LEFT + 12, line, BODY)
            self.skip(BODY * LINE)
        self.skip(12)

    def cells(
        self,
        ends: Sequence[float],
        texts: Sequence[str],
        is_strong: bool = False,
        *,
        color: str | None = None,
    ) -> None:
        """Write a row of a table: a name, then numbers that end where they should."""
        self.need(BODY * 1.8)
        weight = "bold" if is_strong else "normal"
        indent = 0.0
        if color:
            self.swatch(color)
            indent = 14.0
        name = textwrap.shorten(texts[0], 26 if indent else 40, placeholder="…")
        self._write(LEFT + indent, name, BODY, weight=weight)
        for end, text in zip(ends, texts[1:], strict=False):
            self._write(end, text, BODY, weight=weight, ha="right")
        self.skip(BODY * 1.8)
        self._rule(self._y - 4)

    def swatch(self, color: str) -> None:
        """Draw the color of a class before its name."""
        self.need(BODY * LINE)
        self._rectangle(LEFT, self._y + 1.5, 8, 8, color, edgecolor="#555555")

    def bar(self, ends: tuple[float, float], entry: ClassCount, color: str) -> None:
        """Draw a share with its interval into the row that follows."""
        self.need(BODY * 1.8)
        if entry.per_100 is None:
            return
        left, width = ends[0], (ends[1] - ends[0]) / 100
        top = self._y + 1
        self._rectangle(left, top, 100 * width, 9, "#f1f1f1")
        share = entry.per_100 * width
        self._rectangle(left, top + 1, share, 7, color, edgecolor="#555555")
        low, high = entry.per_100_low or 0, entry.per_100_high or 0
        self._rectangle(left + low * width, top + 4, (high - low) * width, 1, INK)

    def picture(self, title: str, picture: NDArray[np.uint8]) -> None:
        """Place a picture with a title, as wide as the page or less if that fits."""
        rows, columns = picture.shape[:2]
        factor = min((RIGHT - LEFT) / columns, (BOTTOM - TOP - 60) / rows)
        left_over = BOTTOM - self._y - 60
        if LEAST_SHRUNK * rows * factor <= left_over < rows * factor:
            factor = left_over / rows
        width, height = columns * factor, rows * factor
        self.heading(title, height)
        self.place(picture, (LEFT + RIGHT - width) / 2, width, height)
        self.skip(height + 4)

    def place(
        self, picture: NDArray[np.uint8], left: float, width: float, height: float
    ) -> None:
        """Draw a picture at the present height."""
        bottom = HEIGHT - self._y - height
        box = (left / WIDTH, bottom / HEIGHT, width / WIDTH, height / HEIGHT)
        axes = self._pages[-1].add_axes(box)
        axes.set_axis_off()
        axes.imshow(_indexed(picture), aspect="auto", interpolation="none")

    def save(self, path: Path, title: str, foot: str) -> None:
        """Write the pages with their numbers."""
        facts = {"Title": title, "Creator": foot}
        for number, page in enumerate(self._pages, 1):
            line = (
                f"For research use. Not a medical device.   {foot}   "
                f"{number} / {len(self._pages)}"
            )
            page.text(
                LEFT / WIDTH,
                24 / HEIGHT,
                line,
                size=SMALL,
                color=FAINT,
                parse_math=False,
            )
        with (
            warnings.catch_warnings(),
            # Letters stay text that can be searched and copied.
            mpl.rc_context({"pdf.fonttype": 42}),
            PdfPages(path, metadata=facts) as pdf,
        ):
            # A name in letters that the font lacks shows boxes, and is in the table.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            for page in self._pages:
                pdf.savefig(page, dpi=250)

    def _write(self, x: float, text: str, size: float, **look: Any) -> None:
        """Write one line at the present height."""
        look = {"color": INK, "ha": "left", **look}
        y = 1 - (self._y + size) / HEIGHT
        page = self._pages[-1]
        page.text(
            x / WIDTH, y, text, size=size, va="baseline", parse_math=False, **look
        )

    def _rule(self, y: float) -> None:
        """Draw a line over the width of the page."""
        self._rectangle(LEFT, y, RIGHT - LEFT, 0.5, RULE)

    def _rectangle(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        color: str,
        edgecolor: str = "none",
    ) -> None:
        """Draw a rectangle whose upper left corner is given."""
        corner = (x / WIDTH, 1 - (y + height) / HEIGHT)
        page = self._pages[-1]
        page.add_artist(
            Rectangle(
                corner,
                width / WIDTH,
                height / HEIGHT,
                transform=page.transFigure,
                facecolor=color,
                edgecolor=edgecolor,
                linewidth=0.5,
            )
        )


def _wrapped(text: str, width: float, size: float) -> list[str]:
    """Break a text into lines that fit a width."""
    return textwrap.wrap(text, int(width / (size * LETTER)))


def _indexed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Reduce a picture to the colors that fit it best: less than half of the bytes."""
    image = Image.fromarray(picture)
    sample = image.copy()
    sample.thumbnail((SAMPLED_PX, SAMPLED_PX), Image.Resampling.NEAREST)
    colors = sample.quantize(N_COLORS, Image.Quantize.MAXCOVERAGE, N_REFINED)
    reduced = image.quantize(palette=colors, dither=Image.Dither.NONE)
    return np.asarray(reduced.convert("RGB"))
