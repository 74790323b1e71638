"""Cuts training crops at the working scale: warped, composed, with targets."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from napari_leukoseg.training.appearance import ColorStatistics, vary_appearance
from napari_leukoseg.training.bending import bend
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_NUCLEUS,
    NOT_NUCLEUS,
    UNKNOWN_INSTANCE,
    Sample,
)
from napari_leukoseg.training.targets import (
    find_gaps,
    normalized_distance,
    outline_nuclei,
)
from napari_leukoseg.training.warping import (
    Layers,
    arrange,
    compose,
    draw_center,
    elastic_field,
    leave_cells_open,
    paste,
    random_rotation,
    sample_layers,
    shrink,
    visible_classes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.training.crop_settings import CropSettings

__all__ = ["Crop", "CropDataset"]

OFF_SCALE_RANGE = (0.15, 5.0)
"""Cell diameters, as factors of the working one, met while searching for it."""

OFFSET = 0.25
"""Farthest that a chosen cell lies from the middle, in sides of the crop: most
cells are whole, and some are cut."""

STORED_DIAMETER_FACTOR = 1.5
"""Samples are kept at most this much finer than the working scale."""

GRID_DIAMETER = 0.5
"""Largest diameter of the cells of a grid, in sides of their part: about what
single-cell pictures show."""

MIN_CLASSED_PX = 150
"""Area above which enough of a cell is seen to tell its class."""


class Crop(NamedTuple):
    """One training example of S x S pixels.

    Parameters
    ----------
    image : Tensor of shape (3, S, S) and dtype uint8
        RGB.
    allowed : Tensor of shape (S, S) and dtype uint8
        Bits of the semantic classes possible at each pixel.
    distance : Tensor of shape (S, S) and dtype float32
        Normalized distance to the cell's border; NaN where unknown.
    instances : Tensor of shape (S, S) and dtype int64
        Index into `classes` plus one, for cells with a known class; else 0.
    classes : Tensor of shape (N,) and dtype int64
        Class index of each such cell, -1 where unused; N is
        `CropSettings.max_classed_cells`.
    """

    image: torch.Tensor
    allowed: torch.Tensor
    distance: torch.Tensor
    instances: torch.Tensor
    classes: torch.Tensor


class CropDataset(Dataset[Crop]):
    """Endless, reproducible crops: an index always gives the same crop.

    Parameters
    ----------
    samples : sequence of Sample
        Training pictures.
    settings : CropSettings
        How they are cut.
    length : int
        Number of crops.
    seed : int
        Together with the index, seeds every random choice.
    """

    def __init__(
        self, samples: Sequence[Sample], settings: CropSettings, length: int, seed: int
    ) -> None:
        self.settings, self.length, self.seed = settings, length, seed
        stored = STORED_DIAMETER_FACTOR * settings.cell_diameter_px
        if settings.outline_nuclei:
            samples = [outline_nuclei(sample) for sample in samples]
        self.samples = [shrink(sample, stored) for sample in samples]
        self._weights = self._draw_weights()
        self._cells = [index for index, s in enumerate(self.samples) if s.has_distance]
        self._lures = [(s, lure) for s in self.samples for lure in s.lures]
        self._colors = self._measure_colors()

    def _measure_colors(self) -> list[tuple[ColorStatistics, ...]]:
        """Color statistics of the pictures of each data set."""
        of_set: dict[str, list[ColorStatistics]] = {}
        for sample in self.samples:
            measured = ColorStatistics.measure(sample.image, is_surely_cell(sample))
            if sample.has_distance and measured is not None:
                of_set.setdefault(sample.dataset, []).append(measured)
        return [tuple(colors) for colors in of_set.values()]

    def _draw_colors(
        self, layers: Layers, rng: np.random.Generator
    ) -> tuple[ColorStatistics | None, ColorStatistics | None]:
        """Colors of this crop, and of a picture of any set, each as likely."""
        if not self._colors:
            return None, None
        of_set = self._colors[int(rng.integers(len(self._colors)))]
        other = of_set[int(rng.integers(len(of_set)))]
        return ColorStatistics.measure(layers.image, is_surely_cell(layers)), other

    def _draw_weights(self) -> NDArray[np.float64]:
        """Balance classes within each set (square root), then the sets."""
        keys = [
            (s.dataset, next(iter(s.cell_classes.values()), 0)) for s in self.samples
        ]
        counts = Counter(keys)
        weights = np.array([counts[key] ** -0.5 for key in keys])
        names = np.array([s.dataset for s in self.samples])
        for name in np.unique(names):
            of_set = names == name
            share = self.settings.dataset_weights.get(str(name), 1.0)
            weights[of_set] *= share / weights[of_set].sum()
        normalized: NDArray[np.float64] = weights / weights.sum()
        return normalized

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Crop:
        rng = np.random.default_rng((self.seed, index))
        merged, classes = self._draw_layers(rng)
        image = merged.image
        if self.settings.appearance is not None:
            colors = self._draw_colors(merged, rng)
            image = vary_appearance(image, self.settings.appearance, rng, colors)
        return to_crop(merged._replace(image=image), classes, self.settings)

    def _draw_layers(self, rng: np.random.Generator) -> tuple[Layers, dict[int, int]]:
        """Show one picture, or several in a square."""
        if self.settings.grid and rng.random() < self.settings.grid:
            return self._arrange(rng)
        return self._compose(rng)

    def _compose(
        self, rng: np.random.Generator, *, around_cell: bool = False
    ) -> tuple[Layers, dict[int, int]]:
        """Warp a picture; fill up what lies outside, and paste in a cell."""
        if self._lures and not around_cell and rng.random() < self.settings.lures:
            sample, lure = self._lures[int(rng.integers(len(self._lures)))]
            layers = self._warp(sample, rng, center=lure)
        else:
            layers = self._warp(self._draw(rng), rng, around_cell=around_cell)
        if rng.random() < self.settings.mosaic and not layers[0].inside.all():
            layers = compose(layers, self._warp(self._draw(rng), rng))
        if self._cells and rng.random() < self.settings.paste:
            donor = self.samples[int(rng.choice(self._cells))]
            layers = paste(layers, self._warp(donor, rng, around_cell=True), rng)
        return layers

    def _arrange(self, rng: np.random.Generator) -> tuple[Layers, dict[int, int]]:
        """Set different pictures side by side in a square."""
        n_along = int(rng.choice(self.settings.grid_sides))
        edges = np.linspace(0, self.settings.size_px, n_along + 1).round().astype(int)
        sizes = np.diff(edges).tolist()
        is_short = bool((self._weights > 0).sum() < n_along**2)
        chosen = rng.choice(
            len(self.samples), n_along**2, replace=is_short, p=self._weights
        )
        parts = [
            self._warp(self.samples[i], rng, around_cell=True, side=max(sizes))
            for i in chosen
        ]
        return arrange(parts, sizes, sizes)

    def _draw(self, rng: np.random.Generator) -> Sample:
        return self.samples[int(rng.choice(len(self.samples), p=self._weights))]

    def _warp(
        self,
        sample: Sample,
        rng: np.random.Generator,
        *,
        around_cell: bool = False,
        center: tuple[float, float] | None = None,
        side: int | None = None,
    ) -> tuple[Layers, dict[int, int]]:
        """Rotate, scale and bend a picture about one of its points, drawn or given.

        Given a side, it is that of a part of a grid, which shows a whole cell.
        """
        settings = self.settings
        is_off_scale = not around_cell and rng.random() < settings.off_scale
        if is_off_scale:
            factor = float(np.exp(rng.uniform(*np.log(OFF_SCALE_RANGE))))
        else:
            factor = draw_factor(settings.scale_range, rng)
        wanted = settings.cell_diameter_px * factor
        if side is None:
            side = settings.size_px
        else:
            wanted = min(wanted, GRID_DIAMETER * side)
        zoom = sample.cell_diameter_px / wanted  # source pixels per crop pixel
        if center is None:
            center = draw_center(sample, rng, around_cell=around_cell)
        offset = rng.uniform(-OFFSET, OFFSET, 2) * side
        grid = np.indices((side, side), np.float32) - side / 2 + 0.5
        grid = bend(grid, settings.bend, rng)
        if rng.random() < 0.3:
            amplitude = settings.elastic_px * side / settings.size_px
            grid += elastic_field(side, amplitude, rng)
        grid -= offset.astype(np.float32)[:, None, None]
        matrix = random_rotation(rng) * zoom
        source = np.einsum("ij,jrc->irc", matrix.astype(np.float32), grid)
        source += np.asarray(center, np.float32)[:, None, None]
        layers = sample_layers(sample, source, zoom)
        if is_off_scale:
            return leave_cells_open(layers), {}
        return layers, visible_classes(layers, sample.cell_classes)


def draw_factor(scale_range: tuple[float, float], rng: np.random.Generator) -> float:
    """Draw a scale, mostly near 1, where nearly all prediction happens."""
    low, high = np.log(scale_range)
    if low == high:
        return float(np.exp(low))
    return float(np.exp(rng.triangular(low, np.clip(0, low, high), high)))


def is_surely_cell(marked: Sample | Layers) -> NDArray[np.bool_]:
    """Pixels that the expert marked as a white cell."""
    bits = marked.allowed
    is_cell: NDArray[np.bool_] = (bits & IS_CELL > 0) & (bits & IS_BACKGROUND == 0)
    return is_cell


def to_crop(
    layers: Layers, cell_classes: Mapping[int, int], settings: CropSettings
) -> Crop:
    """Turn composed layers into tensors with their distance target."""
    allowed, instances = layers.allowed, layers.instances
    distance = normalized_distance(instances)
    unknown = (instances == UNKNOWN_INSTANCE) & (allowed & IS_CELL > 0)
    distance[unknown | (allowed == ANYTHING)] = np.nan
    if settings.outline_nuclei:
        gap = find_gaps(instances) & (allowed == IS_NUCLEUS)
        allowed = np.where(gap, np.uint8(NOT_NUCLEUS), allowed)
    indexed, known = index_classes(instances, cell_classes, settings)
    return Crop(
        torch.from_numpy(np.ascontiguousarray(layers.image.transpose(2, 0, 1))),
        torch.from_numpy(allowed),
        torch.from_numpy(distance),
        torch.from_numpy(indexed),
        torch.from_numpy(known),
    )


def index_classes(
    instances: NDArray[np.int32],
    cell_classes: Mapping[int, int],
    settings: CropSettings,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the cells whose class the network knows a number, and list the channels."""
    index = settings.class_index
    indexed = np.zeros(instances.shape, np.int64)
    known = np.full(settings.max_classed_cells, -1, np.int64)
    ids, counts = np.unique(instances, return_counts=True)
    classed = [
        int(i)
        for i, count in zip(ids, counts, strict=True)
        if cell_classes.get(int(i)) in index and count > MIN_CLASSED_PX
    ]
    for position, instance in enumerate(classed[: len(known)]):
        indexed[instances == instance] = position + 1
        known[position] = index[cell_classes[instance]]
    return indexed, known
