"""Cuts training crops at the working scale: warped, composed, with targets."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads it
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from PIL import Image
from pydantic import ConfigDict, with_config
from scipy import ndimage
from torch.utils.data import Dataset

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.training.appearance import AppearanceSettings, vary_appearance
from napari_leukoseg.training.sample import ANYTHING, IS_CELL, UNKNOWN_INSTANCE, Sample
from napari_leukoseg.training.warping import (
    Layers,
    compose,
    draw_center,
    elastic_field,
    leave_cells_open,
    paste,
    random_rotation,
    sample_layers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Crop", "CropDataset", "CropSettings", "normalized_distance"]

OFF_SCALE_RANGE = (0.15, 5.0)
"""Cell diameters, as factors of the working one, met while searching for it."""

STORED_DIAMETER_FACTOR = 1.5
"""Samples are kept at most this much finer than the working scale."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class CropSettings:
    """How crops are cut and composed.

    Parameters
    ----------
    size_px : int, optional
        Side of a crop at the working scale.
    cell_diameter_px : float, optional
        Working diameter: the size at which the network sees cells.
    scale_range : tuple of float, optional
        Smallest and largest diameter drawn, as a factor of the working one.
    off_scale : float, optional
        Probability that a picture is shown far too large or too small, with
        its cells left open: so red cells are not taken for white ones while
        the size of cells is being searched for.
    elastic_px : float, optional
        Largest displacement of the elastic warp.
    mosaic, paste : float, optional
        Probability that the ground outside the picture is filled by another
        picture, and that a cell of another picture is pasted in.
    dataset_weights : mapping of str to float, optional
        How often each data set is drawn, relative to the others.
    appearance : AppearanceSettings or None, optional
        Changes of stain, light and focus; none for validation.
    """

    size_px: int = 160
    cell_diameter_px: float = 64.0
    scale_range: tuple[float, float] = (0.55, 1.6)
    off_scale: float = 0.12
    elastic_px: float = 4.0
    mosaic: float = 0.5
    paste: float = 0.35
    dataset_weights: Mapping[str, float] = field(default_factory=dict)
    appearance: AppearanceSettings | None = field(default_factory=AppearanceSettings)

    def __post_init__(self) -> None:
        low, high = self.scale_range
        if not 0 < low <= high:
            raise SettingsError(
                f"A scale range of {low} to {high} is not rising and positive."
            )
        if self.size_px % 16:
            raise SettingsError(
                f"A crop of {self.size_px} pixels does not fit the network's "
                "stride; give a multiple of 16."
            )


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
    classes : Tensor of shape (8,) and dtype int64
        Class index of each such cell, -1 where unused.
    """

    image: torch.Tensor
    allowed: torch.Tensor
    distance: torch.Tensor
    instances: torch.Tensor
    classes: torch.Tensor


MAX_CLASSED_CELLS = 8


def normalized_distance(
    instances: NDArray[np.int32],
) -> NDArray[np.float32]:
    """Distance to the nearest border of the own instance, 1 at its deepest pixel.

    Parameters
    ----------
    instances : ndarray of shape (M, N) and dtype int32
        Instance ids; 0 and negative values are not instances.

    Returns
    -------
    distance : ndarray of shape (M, N) and dtype float32
        0 outside instances; the picture's edge counts as no border.

    References
    ----------
    .. [1] P. Naylor et al., "Segmentation of nuclei in histopathology images
       by deep regression of the distance map", IEEE TMI 38(2), 2019.
    """
    instances = np.maximum(instances, 0)
    if not instances.any():
        return np.zeros(instances.shape, np.float32)
    is_inner = (ndimage.minimum_filter(instances, 3, mode="nearest") == instances) & (
        ndimage.maximum_filter(instances, 3, mode="nearest") == instances
    )
    depth = ndimage.distance_transform_edt(is_inner & (instances > 0)) + 0.5
    deepest = ndimage.maximum(depth, instances, np.arange(instances.max() + 1))
    scale = np.maximum(np.asarray(deepest, np.float64), 1.0)
    return np.where(instances > 0, depth / scale[instances], 0).astype(np.float32)


def shrink(sample: Sample, diameter_px: float) -> Sample:
    """Resample so that cells are no wider than `diameter_px`."""
    factor = diameter_px / sample.cell_diameter_px
    if factor >= 1:
        return sample
    rows, columns = (max(1, round(n * factor)) for n in sample.image.shape[:2])
    near_rows = ((np.arange(rows) + 0.5) / factor).astype(int)
    near_columns = ((np.arange(columns) + 0.5) / factor).astype(int)
    near = np.ix_(
        near_rows.clip(0, sample.image.shape[0] - 1),
        near_columns.clip(0, sample.image.shape[1] - 1),
    )
    with Image.fromarray(sample.image) as picture:
        image = np.asarray(picture.resize((columns, rows), Image.Resampling.BOX))
    return replace(
        sample,
        image=image,
        allowed=sample.allowed[near],
        instances=sample.instances[near],
        cell_diameter_px=diameter_px,
    )


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
        self.samples = [shrink(sample, stored) for sample in samples]
        self._weights = self._draw_weights()
        self._cells = [index for index, s in enumerate(self.samples) if s.has_distance]

    def _draw_weights(self) -> NDArray[np.float64]:
        """Balance classes within each set (square root), then the sets."""
        keys = [
            (s.dataset, next(iter(s.cell_classes.values()), 0)) for s in self.samples
        ]
        counts = {key: keys.count(key) for key in keys}
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
        layers = self._warp(self._draw(rng), rng)
        if rng.random() < self.settings.mosaic and not layers[0].inside.all():
            layers = compose(layers, self._warp(self._draw(rng), rng))
        if self._cells and rng.random() < self.settings.paste:
            donor = self.samples[int(rng.choice(self._cells))]
            layers = paste(layers, self._warp(donor, rng, around_cell=True), rng)
        merged, classes = layers
        image = merged.image
        if self.settings.appearance is not None:
            image = vary_appearance(image, self.settings.appearance, rng)
        return to_crop(merged._replace(image=image), classes)

    def _draw(self, rng: np.random.Generator) -> Sample:
        return self.samples[int(rng.choice(len(self.samples), p=self._weights))]

    def _warp(
        self, sample: Sample, rng: np.random.Generator, *, around_cell: bool = False
    ) -> tuple[Layers, dict[int, int]]:
        """Rotate, scale and bend a picture about one of its points."""
        settings, side = self.settings, self.settings.size_px
        is_off_scale = not around_cell and rng.random() < settings.off_scale
        if is_off_scale:
            factor = np.exp(rng.uniform(*np.log(OFF_SCALE_RANGE)))
        else:  # peaked at the working scale, where nearly all prediction happens
            low, high = np.log(settings.scale_range)
            factor = np.exp(rng.triangular(low, 0, high))
        wanted = settings.cell_diameter_px * factor
        zoom = sample.cell_diameter_px / wanted  # source pixels per crop pixel
        center = draw_center(sample, rng, around_cell=around_cell)
        offset = rng.uniform(-0.4, 0.4, 2) * side
        grid = np.indices((side, side), np.float32) - side / 2 + 0.5
        if rng.random() < 0.3:
            grid += elastic_field(side, settings.elastic_px, rng)
        grid -= offset.astype(np.float32)[:, None, None]
        matrix = random_rotation(rng) * zoom
        source = np.einsum("ij,jrc->irc", matrix.astype(np.float32), grid)
        source += np.asarray(center, np.float32)[:, None, None]
        layers = sample_layers(sample, source, zoom)
        if is_off_scale:
            return leave_cells_open(layers), {}
        return layers, dict(sample.cell_classes)


def to_crop(layers: Layers, classes: Mapping[int, int]) -> Crop:
    """Turn composed layers into tensors with their distance target."""
    distance = normalized_distance(layers.instances)
    unknown = (layers.instances == UNKNOWN_INSTANCE) & (layers.allowed & IS_CELL > 0)
    distance[unknown | (layers.allowed == ANYTHING)] = np.nan
    indexed = np.zeros(layers.instances.shape, np.int64)
    known = np.full(MAX_CLASSED_CELLS, -1, np.int64)
    ids, counts = np.unique(layers.instances, return_counts=True)
    classed = [i for i, n in zip(ids, counts, strict=True) if i in classes and n > 150]
    for position, instance in enumerate(classed[:MAX_CLASSED_CELLS]):
        indexed[layers.instances == instance] = position + 1
        known[position] = classes[int(instance)] - 1
    return Crop(
        torch.from_numpy(np.ascontiguousarray(layers.image.transpose(2, 0, 1))),
        torch.from_numpy(layers.allowed),
        torch.from_numpy(distance),
        torch.from_numpy(indexed),
        torch.from_numpy(known),
    )
