"""Teaches the classifier of a model: describes labeled cells, and fits the networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from pydantic import ConfigDict, with_config
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from napari_leukoseg.errors import DataError, SettingsError
from napari_leukoseg.segment.classifier import CellClassifier, Examples
from napari_leukoseg.segment.instances import CellView, separate, view_cell
from napari_leukoseg.segment.morphology import describe_cell
from napari_leukoseg.training.appearance import AppearanceSettings, vary_appearance
from napari_leukoseg.training.crops import STORED_DIAMETER_FACTOR
from napari_leukoseg.training.splits import family_of
from napari_leukoseg.training.warping import shrink

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.segment.predict import Segmenter
    from napari_leukoseg.training.sample import Sample

__all__ = ["ClassifierSettings", "fit_classifier", "teach_classifier"]

SIDE_DIAMETERS = 2.5
"""Side of the window in which a labeled cell is looked for, in diameters."""

LEAST_OVERLAP = 0.5
"""IoU with the labeled cell above which a segmented one is described."""

SCALE_SPREAD = 0.1
"""Standard deviation (log) of the scale at which varied cells are shown."""

WIDEST_STEP = 2
"""Most pixels by which outlines are moved: where a nucleus ends is a matter of taste,
and takes a third of the cell in some laboratories, half of it in others."""

CLIPPED = 0.005
"""Share of the values of a feature that are clipped at each end."""

BATCH_SIZE = 64


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
    members : int, optional
        Networks that vote.
    hidden : int, optional
        Width of their hidden layer.
    steps : int, optional
        Batches that each of them learns from.
    learning_rate, weight_decay, label_smoothing : float, optional
        Of AdamW and the cross-entropy.
    noise : float, optional
        Standard deviation of what is added to standardized features.
    trust : float, optional
        How much the evidence of the segmentation network counts beside it.
    appearance : AppearanceSettings, optional
        How far descriptions are varied.
    """

    variations: int = 6
    kept: int = 2
    members: int = 8
    hidden: int = 48
    steps: int = 800
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    noise: float = 0.75
    trust: float = 0.35
    appearance: AppearanceSettings = field(
        default_factory=lambda: AppearanceSettings(
            borrow=0.0, stain=0.2, white_balance=0.2, gamma=0.2
        )
    )

    def __post_init__(self) -> None:
        for name in ("kept", "members", "hidden", "steps"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 1 or more.")
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
        Variations of the cells, and how the networks are fitted.
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
        taught, settings, class_ids=segmenter.card.class_ids, kept=kept, seed=seed
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


def fit_classifier(
    examples: Examples,
    settings: ClassifierSettings,
    *,
    class_ids: Sequence[int],
    kept: Examples,
    seed: int,
) -> CellClassifier:
    """Fit a classifier to described cells.

    Classes count alike, and within each class the sets by the square root of their
    cells. Takes seconds.

    Parameters
    ----------
    examples : Examples
        What is taught.
    settings : ClassifierSettings
        Size, length and strength.
    class_ids : sequence of int
        Classes to tell apart; those without an example are left out.
    kept : Examples
        What stays with the classifier.
    seed : int
        Seeds weights, batches and noise.

    Raises
    ------
    DataError
        If there are fewer than two classes.
    """
    taught = np.isin(examples.class_ids, class_ids)
    known = np.array([i for i in class_ids if i in set(examples.class_ids.tolist())])
    if len(known) < 2:
        raise DataError(
            f"There are cells of {len(known)} classes; a classifier needs two or more."
        )
    features = examples.features[taught]
    low, high = np.quantile(features, (CLIPPED, 1 - CLIPPED), axis=0)
    clipped = features.clip(low, high)
    center, spread = clipped.mean(axis=0), clipped.std(axis=0) + 1e-6
    inputs = torch.from_numpy(((clipped - center) / spread).astype(np.float32))
    index = np.searchsorted(np.sort(known), examples.class_ids[taught])
    order = np.argsort(known)
    targets = torch.from_numpy(order[index])
    shares = _shares(examples.class_ids[taught], examples.sources[taught])
    members = [
        _fit_member(inputs, targets, shares, len(known), settings, seed * 1000 + member)
        for member in range(settings.members)
    ]
    layers = (np.stack(arrays) for arrays in zip(*members, strict=True))
    hidden_weight, hidden_bias, weight, bias = layers
    return CellClassifier(
        known.astype(np.int64),
        low.astype(np.float32),
        high.astype(np.float32),
        center.astype(np.float32),
        spread.astype(np.float32),
        hidden_weight,
        hidden_bias,
        weight,
        bias,
        np.array(settings.trust, np.float32),
        kept,
    )


def _shares(
    class_ids: NDArray[np.int64], sources: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How often each example is shown."""
    shares = np.zeros(len(class_ids))
    for class_id in np.unique(class_ids):
        of_class = class_ids == class_id
        for source in np.unique(sources[of_class]):
            here = of_class & (sources == source)
            shares[here] = here.sum() ** -0.5
        shares[of_class] /= shares[of_class].sum()
    shares /= shares.sum()
    return shares


def _fit_member(
    inputs: Tensor,
    targets: Tensor,
    shares: NDArray[np.float64],
    n_classes: int,
    settings: ClassifierSettings,
    seed: int,
) -> tuple[NDArray[np.float32], ...]:
    """Fit one network; give the weights and biases of both layers."""
    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden = nn.Linear(inputs.shape[1], settings.hidden)
        out = nn.Linear(settings.hidden, n_classes)
    network = nn.Sequential(hidden, nn.SiLU(), out)
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, settings.steps
    )
    for _ in range(settings.steps):
        drawn = torch.from_numpy(rng.choice(len(inputs), BATCH_SIZE, p=shares))
        noise = torch.randn((BATCH_SIZE, inputs.shape[1]), generator=generator)
        logits = network(inputs[drawn] + settings.noise * noise)
        loss = functional.cross_entropy(
            logits, targets[drawn], label_smoothing=settings.label_smoothing
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    layers = (hidden.weight, hidden.bias, out.weight, out.bias)
    return tuple(layer.detach().numpy() for layer in layers)
