"""Finds how large white cells are in a picture, so that it can be resized."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import MAX_CELL_PX, MIN_CELL_PX, WHITE_CELL_UM, Region
from napari_leukoseg.segment.instances import separate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.segment.instances import Prediction
    from napari_leukoseg.segment.predict import Segmenter
    from napari_leukoseg.slide import SlideReader

__all__ = ["CellScale", "recorded_scale", "resolve_cell_scale"]

LARGEST_GUESS_PX, SMALLEST_GUESS_PX = 320.0, 20.0
"""Diameters between which a picture is searched."""

GUESS_STEP = 2.0
"""Factor between guesses; the network recognizes cells within about this much."""

CLOSE = 1.3
"""Factor between assumed and measured size, within which one look is enough."""

PICTURE_SHARE = 0.7
"""Largest cell diameter, as a share of the picture's shorter side."""

MAX_WINDOWS = 4
"""Windows of a large slide that are looked at for each guess."""

CONVINCING = 0.33
"""Support by one cell of middling certainty, at which the search may stop."""

CUT_CELL_WEIGHT = 0.6
"""What a cell that the edge cuts counts: its size is uncertain, but it is one."""


@dataclass(frozen=True)
class CellScale:
    """Typical diameter of a white cell, and how it is known.

    Parameters
    ----------
    diameter_px : float
        At level 0.
    source : str
        ``given``, ``pixel size``, ``estimated`` or ``assumed`` (no cell was
        found to measure).
    """

    diameter_px: float
    source: str

    def __post_init__(self) -> None:
        if not MIN_CELL_PX <= self.diameter_px <= MAX_CELL_PX:
            raise SettingsError(
                f"A cell diameter of {self.diameter_px:g} pixels is out of range; "
                "give another, or another pixel size."
            )

    @property
    def notices(self) -> tuple[str, ...]:
        """What a user should know: that there was no cell to measure."""
        if self.source != "assumed":
            return ()
        return (
            "No white cell was seen at any size; if there are some, give the pixel "
            "size or the cell diameter.",
        )


class Guess(NamedTuple):
    """What was seen with cells assumed to be of one size.

    Parameters
    ----------
    diameter_px : float
        The size assumed.
    measured_px : float
        Typical size of the cells seen.
    support : float
        Number of cells seen, each counted by how certain it is.
    explained_px2 : float
        Area of these cells, counted likewise: grains that pass for cells when
        much enlarged explain little of a picture.
    """

    diameter_px: float
    measured_px: float
    support: float
    explained_px2: float


def resolve_cell_scale(
    slide: SlideReader,
    segmenter: Segmenter,
    area: Region,
    cell_diameter_px: float | None,
) -> CellScale:
    """Take the cell diameter as given, from the pixel size, or from the picture.

    Parameters
    ----------
    slide : SlideReader
        Picture.
    segmenter : Segmenter
        It, or the default model where its network was not trained for that,
        looks for cells at several sizes if need be.
    area : Region
        Part of the slide to look at.
    cell_diameter_px : float or None
        The user's value.
    """
    if cell_diameter_px is not None:
        return CellScale(cell_diameter_px, "given")
    if slide.mpp is not None:
        return CellScale(WHITE_CELL_UM / slide.mpp, "pixel size")
    return estimate_cell_scale(slide, segmenter.scale_finder, area)


def recorded_scale(
    runs: Sequence[Mapping[str, Any]], request: Mapping[str, Any]
) -> CellScale | None:
    """Return the scale that the last run found for the same request, if any.

    A resumed run must not measure again: its tiles would shift.

    Parameters
    ----------
    runs : sequence of mapping
        Provenance of a case.
    request : mapping
        Everything asked for that decides the labels.
    """
    last = runs[-1].get("settings", {}) if runs else {}
    if "scale" not in last or any(last.get(k) != v for k, v in request.items()):
        return None
    return CellScale(**last["scale"])


def estimate_cell_scale(
    slide: SlideReader, segmenter: Segmenter, area: Region
) -> CellScale:
    """Look at the picture at a few scales, coarse to fine, and measure cells.

    Coarse scales are cheap, and a cell shown too small is still seen as one,
    while parts of cells shown too large pass for cells; so the search stops at
    the first scale where a cell is seen clearly, and again at its own size.
    """
    guesses = []
    diameter = min(
        LARGEST_GUESS_PX,
        max(SMALLEST_GUESS_PX, PICTURE_SHARE * min(area.size.height, area.size.width)),
    )
    while diameter >= SMALLEST_GUESS_PX:
        guess = look(slide, segmenter, area, diameter)
        if guess.support > CONVINCING:
            guess = refine(slide, segmenter, area, guess)
            if guess.support > CONVINCING:
                return CellScale(guess.measured_px, "estimated")
        guesses.append(guess)
        diameter /= GUESS_STEP
    best = max(guesses, key=lambda guess: guess.explained_px2)
    if best.support <= 0:
        return CellScale(assumed_diameter(area), "assumed")
    return CellScale(best.measured_px, "estimated")


def assumed_diameter(area: Region) -> float:
    """Size to go on with where no cell is seen at any."""
    side = min(area.height, area.width)
    return float(np.clip(side / 6, SMALLEST_GUESS_PX, LARGEST_GUESS_PX / 2))


def refine(
    slide: SlideReader, segmenter: Segmenter, area: Region, guess: Guess
) -> Guess:
    """Look once more where the first look was far from the working size."""
    if abs(math.log(guess.measured_px / guess.diameter_px)) < math.log(CLOSE):
        return guess
    return look(slide, segmenter, area, guess.measured_px)


def look(
    slide: SlideReader, segmenter: Segmenter, area: Region, diameter_px: float
) -> Guess:
    """See what cells there are if they are of `diameter_px`."""
    working = segmenter.card.cell_diameter_px
    factor = working / diameter_px
    sizes, certainties = [], []
    for window in choose_windows(slide, area, segmenter.window_px / factor):
        image = slide.read_scaled(window, factor)
        prediction = segmenter.predict([image])[0]
        for size, certainty in seen_cells(prediction, segmenter):
            sizes.append(size / factor)
            certainties.append(certainty)
    if not sizes:
        return Guess(diameter_px, diameter_px, 0.0, 0.0)
    weights = np.asarray(certainties)
    measured = float(np.exp(np.average(np.log(sizes), weights=weights)))
    # Cells far from the working size are taken less seriously: the network
    # saw few such.
    fit = np.exp(-((np.log(np.asarray(sizes) / diameter_px) / math.log(2)) ** 2))
    support = weights * fit
    explained = float(support @ np.asarray(sizes) ** 2)
    return Guess(diameter_px, measured, float(support.sum()), explained)


def seen_cells(
    prediction: Prediction, segmenter: Segmenter
) -> list[tuple[float, float]]:
    """Diameter (working px) and certainty of each cell in a window."""
    instances = separate(
        prediction, segmenter.card.cell_diameter_px, segmenter.settings
    )
    height, width = instances.labels.shape
    seen = []
    for cell in instances.cells:
        top, left, bottom, right = cell.bbox
        is_cut = top == 0 or left == 0 or bottom == height or right == width
        inside = prediction.probabilities[0][cell.slice][cell.image]
        # Certain where the whole cell is clearly not ground.
        certainty = float(np.mean(inside < 0.2)) ** 2
        certainty *= CUT_CELL_WEIGHT if is_cut else 1
        seen.append((float(cell.equivalent_diameter_area), certainty))
    return [pair for pair in seen if pair[1] > 0]


def choose_windows(slide: SlideReader, area: Region, side: float) -> list[Region]:
    """Give the area itself, or its most nucleus-rich windows of a side at level 0."""
    side_px = max(1, int(side))
    if area.height <= side_px and area.width <= side_px:
        return [area]
    rows = np.arange(area.row, area.row_stop, side_px)
    columns = np.arange(area.column, area.column_stop, side_px)
    windows = [
        Region(int(r), int(c), side_px, side_px).intersection(area)
        for r in rows
        for c in columns
    ]
    if len(windows) <= MAX_WINDOWS:
        return windows
    richness = nucleus_richness(slide, windows)
    order = np.argsort(-richness, kind="stable")[:MAX_WINDOWS]
    return [windows[i] for i in order]


def nucleus_richness(slide: SlideReader, windows: list[Region]) -> NDArray[np.float64]:
    """How dark each window's darkest spots are in red, which red cells let pass."""
    overview = slide.overview(2048)
    scale = overview.shape[0] / slide.shape[0]
    absorbed = ndimage.uniform_filter(255.0 - overview[..., 0], 2)
    richness = []
    for window in windows:
        part = window.scaled(scale).intersection(Region.of_shape(overview.shape))
        values = absorbed[part.slices]
        richness.append(np.quantile(values, 0.995) if values.size else 0.0)
    return np.asarray(richness)
