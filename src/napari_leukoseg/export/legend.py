"""Strip with class colors and counts that goes below a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.cells import ClassCount, Differential
    from napari_leukoseg.classes import ClassScheme

__all__ = ["with_legend"]

GROUND = (247, 247, 247)
INK = (34, 34, 34)
RIM = (90, 90, 90)

FONT_SHARE = 1 / 70
"""Height of the letters as a fraction of the picture's longer side."""

FONT_LIMITS_PX = (13, 56)


@dataclass(frozen=True)
class _Entry:
    """One text of the legend, with the color of its swatch if it has one."""

    text: str
    color: str | None = None


def with_legend(
    image: NDArray[np.uint8], counts: Differential, scheme: ClassScheme
) -> NDArray[np.uint8]:
    """Add a strip with the classes found, below the picture so as to hide nothing.

    Parameters
    ----------
    image : ndarray of uint8, shape (M, N, 3)
        RGB picture.
    counts : Differential
        Counts to show.
    scheme : ClassScheme
        Gives the colors.

    Returns
    -------
    picture : ndarray of uint8, shape (M + strip, N or more, 3)
        The picture, centered, over the strip.
    """
    strip = _draw_strip(image.shape[1], _font_size(image), _entries(counts, scheme))
    width = max(image.shape[1], strip.shape[1])
    rows = [_centered(part, width) for part in (image, strip)]
    return np.concatenate(rows)


def _entries(counts: Differential, scheme: ClassScheme) -> list[_Entry]:
    """Return the total and the classes that have cells."""
    noun = "cell" if counts.total == 1 else "cells"
    total = _Entry(f"{counts.total or 'No'} white {noun}")
    return [
        total,
        *(
            _Entry(_describe(c), scheme[c.class_id].color)
            for c in counts.classes
            if c.count
        ),
    ]


def _describe(count: ClassCount) -> str:
    """Return name, count and what the count means."""
    text = f"{count.name} {count.count}"
    if count.fraction is not None:
        return f"{text} ({count.per_100:.0f} %)"
    if count.per_100 is not None:
        return f"{text} ({count.per_100:.0f} per 100 white cells)"
    return text


def _font_size(image: NDArray[np.uint8]) -> int:
    """Return a letter height that can be read in a picture of this size."""
    low, high = FONT_LIMITS_PX
    return min(max(round(FONT_SHARE * int(max(image.shape))), low), high)


def _font(size_px: int) -> ImageFont.FreeTypeFont:
    """Return the font that comes with matplotlib: it has more than Latin letters."""
    from matplotlib import get_data_path

    return ImageFont.truetype(
        Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size_px
    )


def _draw_strip(width: int, font_size: int, entries: list[_Entry]) -> NDArray[np.uint8]:
    """Draw the entries side by side, on as many lines as they need."""
    font = _font(font_size)
    gap = font_size // 2
    extents = [
        round(font.getlength(e.text)) + (font_size + gap if e.color else 0)
        for e in entries
    ]
    width = max(width, max(extents) + 2 * gap)
    places = _wrap(extents, width, gap, line_height=round(1.8 * font_size))
    strip = Image.new("RGB", (width, places[-1][1] + 2 * font_size), GROUND)
    draw = ImageDraw.Draw(strip)
    for (x, y), entry in zip(places, entries, strict=True):
        if entry.color:
            box = (x, y, x + font_size, y + font_size)
            draw.rectangle(box, entry.color, RIM, max(1, font_size // 14))
            x += font_size + gap
        draw.text((x, y + font_size / 2), entry.text, INK, font, anchor="lm")
    return np.asarray(strip)


def _wrap(
    extents: list[int], width: int, gap: int, line_height: int
) -> list[tuple[int, int]]:
    """Return the corner of each entry, starting a line where one does not fit."""
    places: list[tuple[int, int]] = []
    x = y = gap
    for extent in extents:
        if x > gap and x + extent + gap > width:
            x, y = gap, y + line_height
        places.append((x, y))
        x += extent + 3 * gap
    return places


def _centered(part: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Put ground left and right of a picture that is narrower than `width`."""
    left = (width - part.shape[1]) // 2
    row = np.full((part.shape[0], width, 3), GROUND, np.uint8)
    row[:, left : left + part.shape[1]] = part
    return row
