"""Pictures of what a network predicts for a few validation crops."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image
from scipy import ndimage

from napari_leukoseg.classes import DEFAULT_SCHEME, UNCLASSIFIED
from napari_leukoseg.export.files import replaced_when_complete
from napari_leukoseg.export.outlines import draw_outlines
from napari_leukoseg.segment.networks.base import BACKGROUND, NUCLEUS
from napari_leukoseg.training.pixel_losses import cell_target, nucleus_target
from napari_leukoseg.training.sample import ANYTHING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.segment.networks import NetworkOutput
    from napari_leukoseg.training.crops import Crop

__all__ = ["write_preview"]

T = TypeVar("T", bound=np.generic)

GAP_PX = 4
"""White space between pictures."""

LINE_PX = 2

SMALLEST_SIDE_PX = 256
"""Crops are enlarged by a whole factor up to about this size."""

OTHER_COLOR = (1.0, 0.0, 1.0)
"""Of classes that the default scheme lacks."""


def write_preview(
    path: Path, crop: Crop, output: NetworkOutput, class_ids: Sequence[int]
) -> None:
    """Draw crops in two rows: as the expert marked them, and as predicted.

    Cells and nuclei are outlined in the color of the class; what the expert
    left open is darkened.

    Parameters
    ----------
    path : Path
        PNG file to make or to replace.
    crop : Crop
        Batch of crops.
    output : NetworkOutput
        Prediction of the same batch.
    class_ids : sequence of int
        Class of each index in the crops and of each channel of evidence.
    """
    colors = palette(class_ids)
    indices = range(len(crop.image))
    rows = (
        [draw_marked(crop, i, colors) for i in indices],
        [draw_predicted(crop, output, i, colors) for i in indices],
    )
    sheet = stack([stack(row, axis=1) for row in rows], axis=0)
    with replaced_when_complete(path) as partial, partial.open("wb") as file:
        Image.fromarray(sheet).save(file, "PNG")


def palette(class_ids: Sequence[int]) -> NDArray[np.uint8]:
    """Color of each class, and last of cells without one, shape (K + 1, 3)."""
    known = {c.id: c.rgb for c in DEFAULT_SCHEME}
    colors = [known.get(i, OTHER_COLOR) for i in (*class_ids, UNCLASSIFIED)]
    return np.multiply(colors, 255).round().astype(np.uint8)


def stack(pictures: list[NDArray[np.uint8]], axis: int) -> NDArray[np.uint8]:
    """Join pictures along an axis, with a gap after each."""
    pad = [(0, 0), (0, 0), (0, 0)]
    pad[axis] = (0, GAP_PX)
    return np.concatenate([np.pad(p, pad, constant_values=255) for p in pictures], axis)


def to_image(crop: Crop, index: int) -> NDArray[np.uint8]:
    """Picture of one crop of a batch, shape (S, S, 3)."""
    image: NDArray[np.uint8] = crop.image[index].cpu().numpy().transpose(1, 2, 0)
    return image


def draw_marked(crop: Crop, index: int, colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw what is marked in one crop of a batch."""
    allowed, image = crop.allowed[index].cpu(), to_image(crop, index)
    is_open = (allowed == ANYTHING).numpy()[..., None]
    unknown = len(colors) - 1
    classes = crop.classes[index].cpu().numpy()
    of_instance = np.concatenate([[unknown], np.where(classes < 0, unknown, classes)])
    return outlined(
        np.where(is_open, image // 2, image),
        cell_target(allowed)[0].numpy(),
        nucleus_target(allowed)[0].numpy(),
        np.eye(len(colors))[of_instance[crop.instances[index].cpu().numpy()]],
        colors,
    )


def draw_predicted(
    crop: Crop, output: NetworkOutput, index: int, colors: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Draw what is predicted for one crop of a batch."""
    part = output.semantic[index].float().argmax(dim=0).cpu().numpy()
    evidence = np.zeros((*part.shape, len(colors)))  # without a class, if all agree
    evidence[..., -1] = 1
    if output.evidence is not None:
        maps = output.evidence[index].float().cpu().numpy()  # (K, h, w)
        stride = part.shape[0] // maps.shape[1]
        maps = maps.repeat(stride, axis=1).repeat(stride, axis=2)
        evidence[..., :-1], evidence[..., -1] = maps.transpose(1, 2, 0), -np.inf
    image = to_image(crop, index)
    return outlined(image, part != BACKGROUND, part == NUCLEUS, evidence, colors)


def outlined(
    image: NDArray[np.uint8],
    cell: NDArray[np.bool_],
    nucleus: NDArray[np.bool_],
    evidence: NDArray[np.float64],
    colors: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """Enlarge, and outline connected cells in the color of their mean evidence."""
    labels, count = ndimage.label(cell)
    means = [evidence[labels == number].mean(axis=0) for number in range(1, count + 1)]
    own = np.array([(0, 0, 0), *(colors[mean.argmax()] for mean in means)], np.uint8)
    factor = max(1, SMALLEST_SIDE_PX // len(image))
    drawn, labels = enlarged(image, factor), enlarged(labels.astype(np.uint32), factor)
    in_nucleus = enlarged(nucleus, factor)
    parts = np.where(in_nucleus, labels, 0), np.where(in_nucleus, 0, labels)
    draw_outlines(drawn, *parts, own, LINE_PX)
    return drawn


def enlarged(pixels: NDArray[T], factor: int) -> NDArray[T]:
    """Repeat rows and columns; always a copy."""
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
