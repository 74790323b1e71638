"""Warps pictures with their targets, and composes several into one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch.nn import functional

from napari_leukoseg.training.sample import ANYTHING, IS_CELL, UNKNOWN_INSTANCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.training.sample import Sample

__all__ = [
    "Layers",
    "arrange",
    "compose",
    "draw_center",
    "elastic_field",
    "leave_cells_open",
    "paste",
    "random_rotation",
    "sample_layers",
    "shrink",
    "visible_classes",
]

MAX_COVERED = 0.25
"""Share of a cell that another may hide before its class is no longer taught."""


class Layers(NamedTuple):
    """A warped picture with its targets, and where it lies in the crop."""

    image: NDArray[np.uint8]
    allowed: NDArray[np.uint8]
    instances: NDArray[np.int32]
    inside: NDArray[np.bool_]


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
        lures=tuple((row * factor, column * factor) for row, column in sample.lures),
    )


def draw_center(
    sample: Sample, rng: np.random.Generator, *, around_cell: bool
) -> tuple[float, float]:
    """Middle of a random cell, or now and then any point of the picture."""
    ids = sample.instance_ids
    if ids.size and (around_cell or rng.random() < 0.75):
        rows, columns = np.nonzero(sample.instances == rng.choice(ids))
        return float(rows.mean()), float(columns.mean())
    rows_total, columns_total = sample.image.shape[:2]
    return float(rng.uniform(0, rows_total)), float(rng.uniform(0, columns_total))


def random_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    """Rotation by any angle, mirrored half the time, slightly stretched."""
    angle = rng.uniform(0, 2 * np.pi)
    cosine, sine = np.cos(angle), np.sin(angle)
    stretch = np.exp(rng.normal(0, 0.06, 2)) * [1, rng.choice([-1, 1])]
    matrix: NDArray[np.float64] = np.array([[cosine, -sine], [sine, cosine]]) * stretch
    return matrix


def elastic_field(
    side: int, amplitude: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Smooth random displacement, shape (2, side, side), in pixels."""
    coarse = rng.uniform(-amplitude, amplitude, (1, 2, 6, 6)).astype(np.float32)
    bent = functional.interpolate(
        torch.from_numpy(coarse), size=(side, side), mode="bicubic", align_corners=True
    )
    return bent[0].numpy()


def sample_layers(sample: Sample, source: NDArray[np.float32], zoom: float) -> Layers:
    """Read a picture and its targets at `source` (row, column) coordinates."""
    near_row, near_column = np.rint(source).astype(int)
    rows, columns = sample.image.shape[:2]
    inside = (near_row >= 0) & (near_row < rows)
    inside &= (near_column >= 0) & (near_column < columns)
    near = near_row.clip(0, rows - 1), near_column.clip(0, columns - 1)
    # Outlines of nuclei say nothing of where cells end.
    has_instances = sample.has_distance or not sample.has_outline
    instances = np.int32(UNKNOWN_INSTANCE)
    return Layers(
        read_pixels(sample.image, source, zoom),
        np.where(inside, sample.allowed[near], np.uint8(ANYTHING)),
        np.where(inside & has_instances, sample.instances[near], instances).astype(
            np.int32
        ),
        inside,
    )


def read_pixels(
    image: NDArray[np.uint8], source: NDArray[np.float32], zoom: float
) -> NDArray[np.uint8]:
    """Interpolate an image at `source` coordinates, mirrored at its edges."""
    margin = int(2 * zoom) + 2
    starts, stops = [], []
    for axis in range(2):
        limit = image.shape[axis]
        low, high = source[axis].min() - margin, source[axis].max() + margin
        starts.append(int(np.clip(low, 0, limit - 1)))
        stops.append(int(np.clip(high, starts[axis] + 1, limit)))
        if low < 0 or high > limit:  # mirroring must see as far as it reaches
            reach = int(max(-low, high - limit)) + 1
            starts[axis] = 0 if low < 0 else max(0, min(starts[axis], limit - reach))
            stops[axis] = limit if high > limit else max(stops[axis], min(limit, reach))
    window = image[starts[0] : stops[0], starts[1] : stops[1]].astype(np.float32)
    if zoom > 1.5:  # a coarser picture is averaged first, against aliasing
        window = ndimage.gaussian_filter(window, (0.4 * zoom, 0.4 * zoom, 0))
    rows, columns = window.shape[:2]
    grid = np.stack(
        [
            (2 * (source[1] - starts[1]) + 1) / columns - 1,
            (2 * (source[0] - starts[0]) + 1) / rows - 1,
        ],
        axis=-1,
    )
    warped = functional.grid_sample(
        torch.from_numpy(window.transpose(2, 0, 1)[None]),
        torch.from_numpy(grid[None].astype(np.float32)),
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    )[0]
    return warped.numpy().transpose(1, 2, 0).astype(np.uint8)


def leave_cells_open(layers: Layers) -> Layers:
    """Say nothing of cells, and only that the rest is background."""
    is_cell = layers.allowed & IS_CELL > 0
    near = ndimage.binary_dilation(is_cell, iterations=2)
    return layers._replace(
        allowed=np.where(near, np.uint8(ANYTHING), layers.allowed),
        instances=np.where(near, np.int32(UNKNOWN_INSTANCE), layers.instances).astype(
            np.int32
        ),
    )


def renumbered(
    other: tuple[Layers, dict[int, int]], start: int
) -> tuple[Layers, dict[int, int]]:
    """Shift instance ids so that they follow those of another picture."""
    layers, classes = other
    ids = np.where(layers.instances > 0, layers.instances + start, layers.instances)
    return (
        layers._replace(instances=ids.astype(np.int32)),
        {i + start: c for i, c in classes.items()},
    )


def compose(
    first: tuple[Layers, dict[int, int]], second: tuple[Layers, dict[int, int]]
) -> tuple[Layers, dict[int, int]]:
    """Fill what lies outside the first picture with the second."""
    second = renumbered(second, max(0, int(first[0].instances.max())))
    inside = first[0].inside
    merged = Layers(
        np.where(inside[..., None], first[0].image, second[0].image),
        np.where(inside, first[0].allowed, second[0].allowed),
        np.where(inside, first[0].instances, second[0].instances),
        inside | second[0].inside,
    )
    return merged, first[1] | second[1]


def arrange(
    parts: Sequence[tuple[Layers, dict[int, int]]],
    heights: Sequence[int],
    widths: Sequence[int],
) -> tuple[Layers, dict[int, int]]:
    """Set pictures side by side, row by row, each cut to its place.

    Parameters
    ----------
    parts : sequence of tuple
        One for each place, with the classes of its cells.
    heights, widths : sequence of int
        Sizes of the rows and of the columns.
    """
    numbered: list[tuple[Layers, dict[int, int]]] = []
    start = 0
    for layers, classes in parts:
        numbered.append(renumbered((layers, visible_classes(layers, classes)), start))
        start = max(start, int(numbered[-1][0].instances.max()))
    places = iter(numbered)
    rows = [
        joined([cut(next(places)[0], height, width) for width in widths], axis=1)
        for height in heights
    ]
    return joined(rows, axis=0), {i: c for _, own in numbered for i, c in own.items()}


def visible_classes(layers: Layers, classes: Mapping[int, int]) -> dict[int, int]:
    """Keep the classes of cells that are to be seen, whose ids are not given anew."""
    ids = np.unique(layers.instances)
    return {int(i): classes[int(i)] for i in ids if int(i) in classes}


def cut(layers: Layers, height: int, width: int) -> Layers:
    """Keep the upper left part."""
    part = np.s_[:height, :width]
    return Layers(
        layers.image[part],
        layers.allowed[part],
        layers.instances[part],
        layers.inside[part],
    )


def joined(parts: Sequence[Layers], axis: int) -> Layers:
    """Concatenate pictures with their targets."""
    return Layers(
        *(np.concatenate(of_all, axis) for of_all in zip(*parts, strict=True))
    )


def paste(
    ground: tuple[Layers, dict[int, int]],
    donor: tuple[Layers, dict[int, int]],
    rng: np.random.Generator,
) -> tuple[Layers, dict[int, int]]:
    """Lay one cell of the donor over the ground, with a soft border."""
    layers, classes = ground
    donor = renumbered(donor, max(0, int(layers.instances.max())))
    ids, counts = np.unique(donor[0].instances, return_counts=True)
    ids = ids[(ids > 0) & (counts > 100)]
    if not ids.size:
        return ground
    chosen = int(rng.choice(ids))
    mask = donor[0].instances == chosen
    if (ndimage.binary_dilation(mask) & ~donor[0].inside).any():
        return ground  # half a cell would show a straight cut
    soft = ndimage.gaussian_filter(
        ndimage.binary_dilation(mask).astype(np.float32), 0.8
    )[..., None]
    blended = layers.image * (1 - soft) + donor[0].image * soft
    merged = Layers(
        blended.astype(np.uint8),
        np.where(mask, donor[0].allowed, layers.allowed),
        np.where(mask, np.int32(chosen), layers.instances),
        layers.inside,
    )
    own = {chosen: donor[1][chosen]} if chosen in donor[1] else {}
    return merged, without_covered(layers.instances, mask, classes) | own


def without_covered(
    instances: NDArray[np.int32], cover: NDArray[np.bool_], classes: dict[int, int]
) -> dict[int, int]:
    """Forget the class of cells that are covered so far that it cannot be told."""
    return {
        cell: class_id
        for cell, class_id in classes.items()
        if (cover & (instances == cell)).sum()
        <= MAX_COVERED * (instances == cell).sum()
    }
