"""Counts how many clicks a person would need until a cell is outlined well."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.correct.clicking import ArrayPixels, NoCellError, Prompt
from napari_leukoseg.training.click_prompts import Pointing, correct, deep_point
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.cell import SegmentedCell
    from napari_leukoseg.correct.clicking import Clicker
    from napari_leukoseg.training.sample import Sample

__all__ = ["CellClicks", "ClickTarget", "click_targets", "click_through"]

MIN_TARGET_SHARE = 0.15
"""Smallest area of a cell, as a share of a disk of the typical diameter: less is a
piece that the picture's edge cuts off."""


@dataclass(frozen=True, eq=False)
class ClickTarget:
    """One cell that an expert outlined.

    Parameters
    ----------
    image : ndarray of shape (M, N, 3) and dtype uint8
        Its picture.
    cell, known : ndarray of bool, shape (M, N)
        The cell, and where it is known whether a pixel is in it.
    nucleus : ndarray of bool, shape (M, N), or None
        Its nucleus, where the expert told it apart.
    """

    image: NDArray[np.uint8]
    cell: NDArray[np.bool_]
    known: NDArray[np.bool_]
    nucleus: NDArray[np.bool_] | None


@dataclass(frozen=True)
class CellClicks:
    """What came of clicking on one cell.

    Parameters
    ----------
    ious : tuple of float
        Overlap of the cell after each click; the last one holds where no click
        followed.
    nucleus_iou : float
        Overlap of the nucleus after the first click; NaN where it is not known.
    seconds : tuple of float
        Time of each answer.
    """

    ious: tuple[float, ...]
    nucleus_iou: float
    seconds: tuple[float, ...]

    def clicks_to(self, iou: float) -> int:
        """Clicks until an overlap is reached; one more than were made if never."""
        reached = [i for i, value in enumerate(self.ious, 1) if value >= iou]
        return reached[0] if reached else len(self.ious) + 1


def click_targets(sample: Sample) -> list[ClickTarget]:
    """List the cells of a picture that can be clicked on.

    Parameters
    ----------
    sample : Sample
        With outlines of whole cells; others give none.
    """
    if not sample.has_distance:
        return []
    smallest = MIN_TARGET_SHARE * np.pi / 4 * sample.cell_diameter_px**2
    bits, instances = sample.allowed, sample.instances
    is_unclear = (instances <= 0) & (bits & IS_CELL > 0)
    targets = []
    for cell_id in sample.instance_ids:
        cell = instances == cell_id
        if cell.sum() < smallest:
            continue
        parts = np.unique(bits[cell])
        has_nucleus = IS_NUCLEUS in parts and set(parts) <= {IS_NUCLEUS, IS_CYTOPLASM}
        nucleus = cell & (bits == IS_NUCLEUS) if has_nucleus else None
        known = cell | ~(is_unclear | (bits == ANYTHING))
        targets.append(ClickTarget(sample.image, cell, known, nucleus))
    return targets


def click_through(
    clicker: Clicker,
    target: ClickTarget,
    *,
    n_clicks: int = 10,
    cell_diameter_px: float | None = None,
    rng: np.random.Generator | None = None,
) -> CellClicks:
    """Click as in [1]_: first into the cell, then into the largest error.

    Parameters
    ----------
    clicker : Clicker
        What answers; each answer is given back with the next click.
    target : ClickTarget
        The cell that is meant.
    n_clicks : int, optional
        Most clicks.
    cell_diameter_px : float, optional
        What the clicker is told of the size of cells.
    rng : Generator, optional
        Draws places in the cell and in errors; the deepest ones if not given.

    References
    ----------
    .. [1] K. Sofiiuk, I. Petrov, A. Konushin, "Reviving iterative training with
       mask guidance for interactive segmentation", ICIP 2022.
    """
    pixels = ArrayPixels(target.image)
    found = np.zeros((2, *target.cell.shape), np.float32)
    pointing = Pointing(found, positive=[deep_point(target.cell, 0.3, rng)])
    previous: SegmentedCell | None = None
    ious: list[float] = []
    seconds: list[float] = []
    nucleus_iou = float("nan")
    for number in range(n_clicks):
        prompt = Prompt(tuple(pointing.positive), tuple(pointing.negative))
        began = time.perf_counter()
        try:
            previous = clicker.segment(
                pixels, prompt, previous=previous, cell_diameter_px=cell_diameter_px
            )
        except NoCellError:
            previous = None
        seconds.append(time.perf_counter() - began)
        pointing.outline = drawn(previous, target.cell.shape)
        is_cell, is_nucleus = pointing.outline > 0.5
        ious.append(overlap(is_cell, target.cell, target.known))
        if number == 0 and target.nucleus is not None:
            nucleus_iou = overlap(is_nucleus, target.nucleus, target.known)
        if not correct(pointing, target.cell, target.known, rng):
            break
    last = ious[-1:] * (n_clicks - len(ious))
    return CellClicks((*ious, *last), nucleus_iou, tuple(seconds))


def drawn(cell: SegmentedCell | None, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Cell and nucleus in a picture of a shape, 0 or 1."""
    masks = np.zeros((2, *shape), np.float32)
    if cell is not None:
        masks[:, *cell.region.slices] = cell.mask, cell.nucleus
    return masks


def overlap(
    found: NDArray[np.bool_], target: NDArray[np.bool_], known: NDArray[np.bool_]
) -> float:
    """Intersection over union where the truth is known."""
    return float((found & target).sum() / ((found & known) | target).sum())
