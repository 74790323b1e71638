"""Teaches the classifier of a model: describes labeled cells, and fits it to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from pydantic import ConfigDict, with_config
from scipy import ndimage

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.classifier import CellClassifier, Examples
from napari_leukoseg.segment.instances import CellView, separate, view_cell
from napari_leukoseg.segment.morphology import describe_cell
from napari_leukoseg.training.appearance import AppearanceSettings, vary_appearance
from napari_leukoseg.training.classifier_fit import FitSettings, fit_classifier
from napari_leukoseg.training.crops import STORED_DIAMETER_FACTOR
from napari_leukoseg.training.splits import family_of
from napari_leukoseg.training.warping import shrink

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.segment.predict import Segmenter
    from napari_leukoseg.training.sample import Sample

__all__ = ["ClassifierSettings", "teach_classifier"]

SIDE_DIAMETERS = 2.5
"""Side of the window in which a labeled cell is looked for, in diameters."""

LEAST_OVERLAP = 0.5
"""IoU with the labeled cell above which a segmented one is described."""

SCALE_SPREAD = 0.1
"""Standard deviation (log) of the scale at which varied cells are shown."""

WIDEST_STEP = 2
"""Most pixels by which outlines are moved: where a nucleus ends is a matter of taste,
and takes a third of the cell in some laboratories, half of it in others."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class ClassifierSettings:
    """How the classifier of a model is taught.

    Parameters
    ----------
    variations : int, optional
        How often each cell is described with another stain, light, focus and scale,
        beside as it is.
    kept : int, optional
        Descriptions of each cell that stay with the model.
    trust : float, optional
        How much the evidence of the segmentation network counts beside it.
    appearance : AppearanceSettings, optional
        How far descriptions are varied.
    fit : FitSettings, optional
        How it is fitted to the descriptions.
    """

    variations: int = 6
    kept: int = 2
    trust: float = 0.35
    appearance: AppearanceSettings = field(
        default_factory=lambda: AppearanceSettings(
            borrow=0.0, stain=0.2, white_balance=0.2, gamma=0.2
        )
    )
    fit: FitSettings = field(default_factory=FitSettings)

    def __post_init__(self) -> None:
        if self.kept < 1:
            raise SettingsError(f"kept is {self.kept}; give 1 or more.")
        for name in ("variations", "trust"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 0 or more.")


def teach_classifier(
    segmenter: Segmenter,
    samples: Sequence[Sample],
    settings: ClassifierSettings,
    seed: int,
    known: Examples | None = None,
) -> Generator[tuple[int, int], None, CellClassifier]:
    """Describe the labeled cells of samples as a model segments them, and fit.

    Parameters
    ----------
    segmenter : Segmenter
        Its masks are what the classifier will see; so a cell that it does not find
        teaches nothing.
    samples : sequence of Sample
        Those without classes are passed over.
    settings : ClassifierSettings
        Variations of the cells, and how the classifier is fitted.
    seed : int
        Seeds both.
    known : Examples, optional
        What a classifier was taught before, and shall not forget.

    Yields
    ------
    done, total : int
        Samples described.

    Returns
    -------
    classifier : CellClassifier
        Of the classes that have examples.

    Raises
    ------
    DataError
        If there are examples of fewer than two classes.
    """
    diameter = STORED_DIAMETER_FACTOR * segmenter.card.cell_diameter_px
    classed = [shrink(sample, diameter) for sample in samples if sample.cell_classes]
    taught = kept = known or Examples.none()
    families = sorted({family_of(sample) for sample in classed})
    own: list[tuple[int, Examples]] = []
    for number, sample in enumerate(classed):
        yield number, len(classed)
        source = families.index(family_of(sample))
        for variation in range(settings.variations + 1):
            rng = np.random.default_rng((seed, number, variation))
            appearance = settings.appearance if variation else None
            found = _describe(segmenter, sample, appearance, rng)
            own += [(variation, Examples.of(found, source))] if found else []
    yield len(classed), len(classed)
    taught = taught.joined(*(examples for _, examples in own))
    kept = kept.joined(*(e for variation, e in own if variation < settings.kept))
    return fit_classifier(
        taught,
        settings.fit,
        class_ids=segmenter.card.class_ids,
        trust=settings.trust,
        kept=kept,
        seed=seed,
    )


def _describe(
    segmenter: Segmenter,
    sample: Sample,
    appearance: AppearanceSettings | None,
    rng: np.random.Generator,
) -> list[tuple[NDArray[np.float32], int]]:
    """Features and class of each cell whose class the model tells apart."""
    described = []
    for cell_id, class_id in sample.cell_classes.items():
        cell = sample.instances == cell_id
        if class_id not in segmenter.card.class_ids or not cell.any():
            continue
        diameter = segmenter.card.cell_diameter_px
        if appearance is not None:
            diameter *= float(np.exp(rng.normal(0, SCALE_SPREAD)))
        image, mask = _show(sample.image, cell, diameter)
        if appearance is not None:
            image = vary_appearance(image, appearance, rng)
        view = _find(segmenter, image, mask)
        if view is not None:
            if appearance is not None:
                view = _vary_masks(view, rng)
            described.append((describe_cell(*view), class_id))
    return described


def _show(
    image: NDArray[np.uint8], cell: NDArray[np.bool_], diameter_px: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Cut a cell out and bring it to a diameter; picture and mask."""
    zoom = 2 * np.sqrt(cell.sum() / np.pi) / diameter_px  # source pixels per pixel
    middle = np.array(ndimage.center_of_mass(cell)) + 0.5
    reach = SIDE_DIAMETERS * diameter_px * zoom / 2
    low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach, cell.shape)
    box = (*low[::-1], *high[::-1])
    height, width = np.maximum(1, np.round((high - low) / zoom)).astype(int)
    with Image.fromarray(image) as picture, Image.fromarray(cell) as drawn:
        shown = picture.resize((width, height), Image.Resampling.BILINEAR, box)
        mask = drawn.resize((width, height), Image.Resampling.NEAREST, box)
    return np.asarray(shown), np.asarray(mask)


def _find(
    segmenter: Segmenter, image: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> CellView | None:
    """Return the segmented cell that is the labeled one; none if it was not found."""
    (prediction,) = segmenter.predict([image])
    diameter = segmenter.card.cell_diameter_px
    found = separate(prediction, diameter, segmenter.settings)
    inside = np.bincount(found.labels[mask], minlength=2)
    best = 1 + int(inside[1:].argmax())
    for cell in found.cells:
        if cell.label == best:
            union = cell.area + mask.sum() - inside[best]
            if inside[best] > LEAST_OVERLAP * union:
                return view_cell(cell, image, prediction)
    return None


def _vary_masks(view: CellView, rng: np.random.Generator) -> CellView:
    """Draw both outlines tighter or wider, as laboratories do."""
    cell = _grown(view.cell, int(rng.integers(-WIDEST_STEP, WIDEST_STEP + 1)))
    nucleus = _grown(view.nucleus, int(rng.integers(-WIDEST_STEP, WIDEST_STEP + 1)))
    return CellView(view.image, nucleus & cell, cell)


def _grown(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Dilate by so many pixels, or erode, unless nothing were left."""
    if steps > 0:
        return np.asarray(ndimage.binary_dilation(mask, iterations=steps))
    if steps < 0:
        eroded = np.asarray(ndimage.binary_erosion(mask, iterations=-steps))
        return eroded if eroded.any() else mask
    return mask
