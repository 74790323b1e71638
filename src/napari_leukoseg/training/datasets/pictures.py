"""A user's own pictures: with masks, or with label files beside them.

Kind ``labels``, which `leukoseg segment`, `synthetic.write_field` and the export of
training pairs write, has for each picture ``<stem>.png`` (or TIFF, JPEG, BMP):

``<stem>_nucleus.tif``, ``<stem>_cytoplasm.tif``
    Cell id of each pixel, the same in both; 0 elsewhere.
``<stem>_class.tif``
    Class id of each cell's pixels; 0 or unclassified where unknown.
``<stem>_known.tif``
    Optional, uint8: 0 where nobody judged the labels, which are then not taught
    there. It covers cells whole or not at all.
``<stem>.json``
    Optional: ``source_group`` keeps pictures of one field or slide on one side
    of any split (the stem, where it is missing); ``mpp``, micrometers per pixel,
    gives the size of cells in a picture without any. Other entries are free.

Kind ``masks`` has pictures in ``images``, each with a mask of equal stem in
``masks``, and optionally ``classes.csv``. What the masks say is decided for the
whole folder:

- of more than 8 bits, or with no value above 127: instance labels, a number for
  each whole cell;
- else gray levels. Where some areas, and not just edges, are between 80 and 208,
  these are cytoplasm, higher ones nucleus; where there are none, whatever is above
  127 is whole cell.

What is not marked is background. ``classes.csv`` has the columns ``picture`` (file
name or stem) and ``class`` (name or id), and optionally ``cell``, the number in the
instance labels; a class without a number is that of all cells of the picture.
"""

from __future__ import annotations

import csv
import json
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from PIL import Image
from scipy import ndimage

from napari_leukoseg.classes import DEFAULT_SCHEME, UNCLASSIFIED
from napari_leukoseg.errors import DataError
from napari_leukoseg.geometry import WHITE_CELL_UM
from napari_leukoseg.training.datasets.reading import (
    MASK_THRESHOLDS,
    allowed_from_grey,
    class_named,
    label_cells,
    read_image,
    read_mask,
    typical_diameter,
    unmerge,
)
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    UNKNOWN_INSTANCE,
    Sample,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["PICTURE_SUFFIXES", "load_labeled_pictures", "load_masked_pictures"]

PICTURE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")
"""Pictures looked for, in this order."""

MAX_8BIT_LABEL = 127
"""Largest number of a cell in labels of 8 bits; gray levels reach higher."""

MIN_MIDDLE_SHARE = 0.01
"""Share of the marked pixels above which a middle gray level is meant."""

BLOCK = np.ones((3, 3), bool)
"""Middle grays that fill it are no blurred edge of a whole cell."""


def find_picture(folder: Path, stem: str) -> Path | None:
    """Picture of that stem in a folder."""
    paths = [folder / f"{stem}{suffix}" for suffix in PICTURE_SUFFIXES]
    return next((path for path in paths if path.exists()), None)


def load_labeled_pictures(folder: Path) -> Iterator[Sample]:
    """Read pictures with label files beside them; the module tells their layout."""
    for nucleus_path in sorted(folder.glob("*_nucleus.tif")):
        stem = nucleus_path.name.removesuffix("_nucleus.tif")
        picture = find_picture(folder, stem)
        if picture is None:
            raise DataError(f"{nucleus_path} has no picture beside it.")
        sample = read_labeled_picture(picture, stem)
        if sample is not None:
            yield sample


def read_labeled_picture(picture: Path, stem: str) -> Sample | None:
    """Read one picture with its labels; None where no cell tells its scale."""
    nucleus, cytoplasm, classes = (
        tifffile.imread(picture.with_name(f"{stem}_{part}.tif"))
        for part in ("nucleus", "cytoplasm", "class")
    )
    instances = np.maximum(nucleus.astype(np.int32), cytoplasm.astype(np.int32))
    check_agreement(stem, nucleus, cytoplasm, classes)
    allowed = np.full(instances.shape, IS_BACKGROUND, np.uint8)
    allowed[cytoplasm > 0], allowed[nucleus > 0] = IS_CYTOPLASM, IS_NUCLEUS
    group, mpp = read_notes(picture.with_name(f"{stem}.json"), stem)
    areas = np.bincount(instances.ravel())[1:]
    if areas.any():
        diameter = typical_diameter(areas[areas > 0])
    elif mpp is not None:
        diameter = WHITE_CELL_UM / mpp
    else:
        return None
    known_path = picture.with_name(f"{stem}_known.tif")
    if known_path.exists():
        is_open = tifffile.imread(known_path) == 0
        allowed[is_open], instances[is_open] = ANYTHING, UNKNOWN_INSTANCE
    ids, firsts = np.unique(instances, return_index=True)
    found = zip(ids.tolist(), classes.ravel()[firsts].tolist(), strict=True)
    return Sample(
        "labels",
        stem,
        group,
        read_image(picture),
        allowed,
        instances,
        {i: c for i, c in found if i > 0 and c not in (0, UNCLASSIFIED)},
        diameter,
    )


def check_agreement(
    stem: str,
    nucleus: NDArray[np.integer[Any]],
    cytoplasm: NDArray[np.integer[Any]],
    classes: NDArray[np.integer[Any]],
) -> None:
    """Refuse label files of which one says something else than another.

    Raises
    ------
    DataError
        If they are not of one size, give a pixel to two cells, or a cell two classes.
    """
    shapes = [part.shape for part in (nucleus, cytoplasm, classes)]
    if len(set(shapes)) > 1:
        raise DataError(
            f"The label files of {stem} are of {shapes[0]}, {shapes[1]} and "
            f"{shapes[2]} pixels; they must be of one size."
        )
    both = (nucleus > 0) & (cytoplasm > 0) & (nucleus != cytoplasm)
    if both.any():
        row, column = np.argwhere(both)[0].tolist()
        raise DataError(
            f"The masks of {stem} contradict each other: {int(both.sum())} pixels are "
            f"nucleus of one cell and cytoplasm of another (the first in row {row}, "
            f"column {column}); give each pixel to one cell."
        )
    ids = np.maximum(nucleus, cytoplasm)
    marked = ids > 0
    pairs = np.unique(np.stack([ids[marked], classes[marked]]), axis=1)
    twice = pairs[0, 1:][pairs[0, 1:] == pairs[0, :-1]]
    if twice.size:
        raise DataError(
            f"{stem}_class.tif gives cell {int(twice[0])} more than one class; give "
            "all pixels of a cell the same."
        )


def read_notes(path: Path, stem: str) -> tuple[str, float | None]:
    """Source group and micrometers per pixel of a labeled picture."""
    if not path.exists():
        return stem, None
    try:
        notes: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        mpp = None if notes.get("mpp") is None else float(notes["mpp"])
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} cannot be read ({error}); it holds an object with "
            "'source_group' and 'mpp', or is left out."
        ) from error
    if mpp is not None and not mpp > 0:
        raise DataError(f"{path} gives mpp {mpp}; it is positive, or left out.")
    return str(notes.get("source_group") or stem), mpp


class MaskMeaning(Enum):
    """What the values of the masks of a folder stand for."""

    INSTANCES = "instance labels"
    PARTS = "nucleus and cytoplasm"
    CELLS = "whole cells"


def load_masked_pictures(folder: Path) -> Iterator[Sample]:
    """Read pictures with masks in a folder of their own; the module tells how."""
    pairs = find_pairs(folder)
    meaning = find_meaning([mask_path for _, mask_path in pairs])
    read = [read_cells(mask_path, meaning) for _, mask_path in pairs]
    areas = [np.bincount(instances.ravel())[1:] for _, instances in read]
    diameters = [typical_diameter(own[own > 0]) for own in areas if own.any()]
    if not diameters:
        return
    typical = float(np.median(diameters))
    classes = read_classes(folder / "classes.csv")
    for (path, _), (allowed, instances), own in zip(pairs, read, areas, strict=True):
        if meaning is not MaskMeaning.INSTANCES:
            instances = unmerge(instances, typical)
        of_picture = classes.get(path.name, classes.get(path.stem, {}))
        ids = np.unique(instances[instances > 0]).tolist()
        named = {i: of_picture.get(i, of_picture.get(None)) for i in ids}
        yield Sample(
            "masks",
            path.stem,
            path.stem,
            read_image(path),
            allowed,
            instances,
            {i: class_id for i, class_id in named.items() if class_id is not None},
            typical_diameter(own[own > 0]) if own.any() else typical,
        )


def find_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Pictures of a folder, each with its mask."""
    pairs = []
    for path in sorted((folder / "images").iterdir()):
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            continue
        mask_path = find_picture(folder / "masks", path.stem)
        if mask_path is None:
            raise DataError(
                f"{path} has no mask {path.stem}.png (or .tif) in {folder / 'masks'}."
            )
        pairs.append((path, mask_path))
    return pairs


def find_meaning(paths: list[Path]) -> MaskMeaning:
    """Decide what the masks of a folder say, by the rule in the module."""
    n_marked, n_middle, highest = 0, 0, 0
    low, high = MASK_THRESHOLDS
    for path in paths:
        mask = read_values(path)
        if mask.dtype != np.uint8:
            return MaskMeaning.INSTANCES
        is_middle = (mask >= low) & (mask < high)
        n_marked += int((mask >= low).sum())
        n_middle += int(ndimage.binary_erosion(is_middle, BLOCK).sum())
        highest = max(highest, int(mask.max()))
    if highest <= MAX_8BIT_LABEL:
        return MaskMeaning.INSTANCES
    if n_middle > MIN_MIDDLE_SHARE * n_marked:
        return MaskMeaning.PARTS
    return MaskMeaning.CELLS


def read_values(path: Path) -> NDArray[np.integer[Any]]:
    """Read a mask as it is if it has one channel, else by its gray level."""
    if path.suffix.lower() in (".tif", ".tiff"):
        values: NDArray[np.integer[Any]] = tifffile.imread(path)
        if values.ndim == 2 and values.dtype != bool:
            return values
    else:
        with Image.open(path) as picture:
            if picture.mode.startswith("I"):  # 16 or 32 bits
                return np.asarray(picture).astype(np.int32)
    return read_mask(path)


def read_cells(
    path: Path, meaning: MaskMeaning
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Read what a mask allows, and its cells."""
    mask = read_values(path)
    if meaning is MaskMeaning.INSTANCES:
        instances = mask.astype(np.int32)
    elif meaning is MaskMeaning.CELLS:
        instances = label_cells(mask > 127)
    else:
        allowed = allowed_from_grey(mask.astype(np.uint8))
        instances = label_cells((allowed & IS_CELL) > 0)
        allowed[instances == 0] = IS_BACKGROUND
        return allowed, instances
    bits = np.where(instances > 0, np.uint8(IS_CELL), np.uint8(IS_BACKGROUND))
    return bits, instances


def read_classes(path: Path) -> dict[str, dict[int | None, int]]:
    """Class of each cell of each picture; None stands for all its cells."""
    classes: dict[str, dict[int | None, int]] = {}
    if not path.exists():
        return classes
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if not {"picture", "class"} <= set(rows.fieldnames or ()):
            raise DataError(
                f"{path} has the columns {rows.fieldnames}; it needs 'picture' and "
                "'class'."
            )
        for row in rows:
            name = (row["class"] or "").strip()
            cell = (row.get("cell") or "").strip()
            if name:
                of_picture = classes.setdefault(row["picture"].strip(), {})
                of_picture[int(cell) if cell else None] = parse_class(name, path)
    return classes


def parse_class(text: str, path: Path) -> int:
    """Id of a class given by its name or its id."""
    found = int(text) if text.isdigit() else class_named(text)
    if not found:
        names = ", ".join(c.name for c in DEFAULT_SCHEME if c.id != UNCLASSIFIED)
        raise DataError(f"{path} names class {text!r}; give one of {names}, or an id.")
    return found
