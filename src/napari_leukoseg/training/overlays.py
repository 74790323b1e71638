"""Worst cases of an evaluation, drawn with true and predicted outlines."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from scipy import ndimage

from napari_leukoseg.classes import UNCLASSIFIED
from napari_leukoseg.geometry import Region
from napari_leukoseg.training.class_figures import class_name
from napari_leukoseg.training.sample import UNKNOWN_INSTANCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_leukoseg.training.sample import Sample
    from napari_leukoseg.training.scores import (
        CellScore,
        PictureScore,
        PredictedLabels,
    )

__all__ = [
    "NUCLEUS_COLOR",
    "PREDICTED_COLOR",
    "TRUE_COLOR",
    "WorstCase",
    "WorstCases",
    "draw_overlay",
]

TRUE_COLOR, PREDICTED_COLOR, NUCLEUS_COLOR = "#00ff00", "#ff0000", "#ffff00"
"""Outlines of labeled cells, of predicted cells and of their nuclei."""

TILE_PX = 360
"""Longest side of a drawn case."""

VIEW_DIAMETERS = 4.0
"""Side of the part that is drawn of a larger picture, in cell diameters."""

MOST_NAMED = 3
"""Cells of a picture whose classes are written below it."""


@dataclass(frozen=True, eq=False)
class WorstCase:
    """One case as it is shown.

    Parameters
    ----------
    badness : float
        Sorts the cases; the highest is the worst.
    name : str
        Name of the picture.
    captions : tuple of str
        What went wrong.
    picture : ndarray of uint8, shape (H, W, 3)
        Overlay.
    """

    badness: float
    name: str
    captions: tuple[str, ...]
    picture: NDArray[np.uint8]


@dataclass(eq=False)
class WorstCases:
    """Keeps the worst outlines and the surest wrong classes of a data set.

    Parameters
    ----------
    limit : int
        How many of each are kept; only these are drawn.

    Attributes
    ----------
    outlines : list of WorstCase
        By mean Dice of labeled cells, with 0 for each false one; worst first.
    classes : list of WorstCase
        Cells of another class than predicted, most confident first.
    """

    limit: int
    outlines: list[WorstCase] = field(default_factory=list)
    classes: list[WorstCase] = field(default_factory=list)

    def offer(
        self, sample: Sample, predicted: PredictedLabels, score: PictureScore
    ) -> None:
        """Take a picture in if it is among the worst so far."""
        if self._is_wanted(self.outlines, 1 - score.quality):
            cell_id, false_id = _worst_object(score)
            center = _center(sample, predicted, cell_id, false_id)
            picture = draw_overlay(sample, predicted, center)
            case = WorstCase(
                1 - score.quality, score.name, tuple(_captions(score)), picture
            )
            self._keep(self.outlines, case)
        for cell in score.cells:
            if is_misclassed(cell) and self._is_wanted(self.classes, cell.confidence):
                center = _center(sample, predicted, cell.cell_id, 0)
                picture = draw_overlay(sample, predicted, center)
                captions = (_class_words(cell), _dice_words(cell))
                case = WorstCase(cell.confidence, score.name, captions, picture)
                self._keep(self.classes, case)

    def _is_wanted(self, kept: list[WorstCase], badness: float) -> bool:
        """Whether a case is bad, and worse than the best of those kept."""
        is_full = len(kept) >= self.limit
        bar = kept[-1].badness if is_full and kept else 0.0
        return self.limit > 0 and badness > bar

    def _keep(self, kept: list[WorstCase], case: WorstCase) -> None:
        """Put a case in its place."""
        insort(kept, case, key=lambda case: -case.badness)
        del kept[self.limit :]


def is_misclassed(cell: CellScore) -> bool:
    """Whether a labeled cell was found and given another class than its own."""
    answer = cell.predicted_class_id
    is_answer = answer not in (0, UNCLASSIFIED)
    return is_answer and cell.class_id not in (0, answer)


def draw_overlay(
    sample: Sample,
    predicted: PredictedLabels,
    center: tuple[float, float] | None = None,
) -> NDArray[np.uint8]:
    """Draw true cells green, predicted cells red and their nuclei yellow.

    Parameters
    ----------
    sample : Sample
        Picture and labels.
    predicted : PredictedLabels
        Of the same picture.
    center : tuple of float, optional
        Row and column in the middle of the part that is drawn; a picture of a
        few cells is drawn whole.

    Returns
    -------
    overlay : ndarray of uint8, shape (H, W, 3)
        Longest side `TILE_PX`.
    """
    part = _view(sample, center).slices
    image = sample.image[part]
    height, width = image.shape[:2]
    factor = TILE_PX / max(height, width)
    size = max(1, round(height * factor)), max(1, round(width * factor))
    scaled = Image.fromarray(image).resize(size[::-1], Image.Resampling.BICUBIC)
    overlay = np.array(scaled)
    grid = np.ix_(
        *(np.arange(n) * m // n for n, m in zip(size, (height, width), strict=True))
    )
    for labels, color, is_inner in (
        (sample.instances, TRUE_COLOR, False),
        (predicted.cells, PREDICTED_COLOR, True),
        (predicted.nucleus, NUCLEUS_COLOR, True),
    ):
        line = _line(labels[part][grid], is_inner=is_inner)
        overlay[line] = tuple(bytes.fromhex(color[1:]))
    return overlay


def _line(labels: NDArray[np.integer[Any]], *, is_inner: bool) -> NDArray[np.bool_]:
    """Borders of labels: the two pixels inside, or one to either side.

    A true border so stays in sight where the predicted one lies on it.
    """
    size = 5 if is_inner else 3
    highest = ndimage.maximum_filter(labels, size, mode="nearest")
    lowest = ndimage.minimum_filter(labels, size, mode="nearest")
    line: NDArray[np.bool_] = highest != lowest
    return line & (labels != 0) if is_inner else line


def _view(sample: Sample, center: tuple[float, float] | None) -> Region:
    """Return the part of a picture that is drawn."""
    whole = Region.of_shape(sample.image.shape)
    side = round(VIEW_DIAMETERS * sample.cell_diameter_px)
    if center is None or max(whole.height, whole.width) <= side:
        return whole
    height, width = min(side, whole.height), min(side, whole.width)
    row = int(np.clip(center[0] - height / 2, 0, whole.height - height))
    column = int(np.clip(center[1] - width / 2, 0, whole.width - width))
    return Region(row, column, height, width)


def _worst_object(score: PictureScore) -> tuple[int, int]:
    """Id of the labeled cell of lowest Dice, or else of a false cell."""
    labeled = [cell for cell in score.cells + score.clumps if np.isfinite(cell.dice)]
    worst = min(labeled, key=lambda cell: cell.dice, default=None)
    if score.false_ids and (worst is None or worst.dice > 0):
        return 0, score.false_ids[0]
    return (worst.cell_id, 0) if worst is not None else (0, 0)


def _center(
    sample: Sample, predicted: PredictedLabels, cell_id: int, false_id: int
) -> tuple[float, float] | None:
    """Middle of a labeled or of a predicted cell; none where there is neither."""
    if false_id:
        mask = predicted.cells == false_id
    else:
        mask = sample.instances == cell_id if cell_id else np.zeros((1, 1), bool)
        if cell_id and not mask.any():
            mask = sample.instances == UNKNOWN_INSTANCE
    rows, columns = np.nonzero(mask)
    return (float(rows.mean()), float(columns.mean())) if rows.size else None


def _captions(score: PictureScore) -> Iterator[str]:
    """Say how well the cells of a picture agree."""
    n_cells = len(score.cells) + len(score.clumps)
    figures = _figure_words(score.cell_dice, score.nucleus_dice, score.cytoplasm_dice)
    yield f"{figures}{f', mean of {n_cells} cells' if n_cells > 1 else ''}"
    if score.false_ids:
        n_false = len(score.false_ids)
        yield f"{n_false} false cell{'s' * (n_false > 1)}"
    classed = [cell for cell in score.cells if cell.class_id]
    yield from (_class_words(cell) for cell in classed[:MOST_NAMED])
    if len(classed) > MOST_NAMED:
        yield f"and {len(classed) - MOST_NAMED} more"


def _class_words(cell: CellScore) -> str:
    """Name the true and the predicted class of a cell."""
    answer = class_name(cell.predicted_class_id)
    sure = f" ({cell.confidence:.2f})" if np.isfinite(cell.confidence) else ""
    return f"{class_name(cell.class_id)} → {answer}{sure}"


def _dice_words(cell: CellScore) -> str:
    """Dice of a cell's parts."""
    return _figure_words(cell.cell_dice, cell.nucleus_dice, cell.cytoplasm_dice)


def _figure_words(*figures: float) -> str:
    """Dice of cell, nucleus and cytoplasm, as far as there are any."""
    parts = zip(("cell", "nucleus", "cytoplasm"), figures, strict=True)
    known = [f"{part} {figure:.3f}" for part, figure in parts if np.isfinite(figure)]
    return f"Dice: {', '.join(known)}" if known else "No labeled cell"
