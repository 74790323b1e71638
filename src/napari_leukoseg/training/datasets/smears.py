"""Smears with outlined white cells: the sets that the default model learns from."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.classes import DEFAULT_SCHEME
from napari_leukoseg.errors import DataError
from napari_leukoseg.training.datasets.reading import (
    allowed_from_grey,
    equivalent_diameter,
    label_cells,
    read_image,
    read_mask,
    typical_diameter,
    unmerge,
    whole_cell_sample,
)
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_NUCLEUS,
    Sample,
)
from napari_leukoseg.training.unlabeled import find_unlabeled_cells

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["load_bccd", "load_bcisc_crops", "load_bcisc_fields", "load_zheng"]

BCISC_CLASSES = {"neut": 1, "lymp": 2, "mono": 3, "eosi": 4, "baso": 5}


def load_zheng(folder: Path, name: str) -> Iterator[Sample]:
    """Read one of the two crop sets of Zheng et al., *Micron* 107, 2018."""
    labels = next(iter(folder.glob("Class Labels*.csv")), None)
    if labels is None:
        raise DataError(f"{folder} has no 'Class Labels of Dataset N.csv'.")
    with labels.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))[1:]
    classes = {int(row[0]): int(row[1]) for row in rows if row[0]}
    for path in sorted(folder.glob("Dataset */*.bmp")):
        image, mask = read_image(path), read_mask(path.with_suffix(".png"))
        allowed = allowed_from_grey(mask)
        cell = (allowed & IS_CELL) > 0
        diameter = equivalent_diameter(cell)
        unlabeled = find_unlabeled_cells(image, cell, allowed == IS_NUCLEUS, diameter)
        yield Sample(
            name,
            path.stem,
            path.stem,
            image,
            np.where(unlabeled, np.uint8(ANYTHING), allowed),
            cell.astype(np.int32),
            {1: classes[int(path.stem)]},
            diameter,
        )


def load_bcisc_crops(folder: Path) -> Iterator[Sample]:
    """Read the 256-pixel crops of BCISC (Fan et al., 2019): whole-cell masks."""
    for path in sorted(folder.glob("sub-images/images/*.jpg")):
        mask = read_mask(folder / "sub-images" / "masks" / f"{path.stem}.png")
        instances = label_cells(mask > 127)
        class_id = BCISC_CLASSES[path.stem.split("_")[0]]
        group = path.stem.rsplit("_", 1)[0]
        sample = whole_cell_sample(
            "bcisc", (path.stem, group), read_image(path), instances, class_id
        )
        if sample is not None:
            yield sample


def load_bcisc_fields(folder: Path) -> Iterator[Sample]:
    """Read the whole fields of BCISC; one mask file a cell, some unlabeled."""
    for path in sorted(folder.glob("original-images/*/*.jpg")):
        kind, image = path.parent.name, read_image(path)
        instances = np.zeros(image.shape[:2], np.int32)
        masks = re.compile(re.escape(path.stem) + r"(\(\d+\))?\.png")
        for mask_path in sorted(path.parent.glob("*.png")):
            if not masks.fullmatch(mask_path.name):
                continue
            cells = label_cells(read_mask(mask_path) > 127)
            cells[cells > 0] += instances.max()
            instances = np.where(cells > 0, cells, instances)
        name = f"{kind}_{path.stem}"
        sample = whole_cell_sample(
            "bcisc-fields", (name, name), image, instances, BCISC_CLASSES[kind]
        )
        if sample is not None:
            yield sample


def read_bccd_classes(path: Path) -> dict[int, int]:
    """Class of the pictures in which all named cells are of one class."""
    names: dict[int, set[str]] = defaultdict(set)
    with path.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.reader(file):
            if len(row) > 2 and row[1].strip().isdigit():
                names[int(row[1])] |= {n.strip().lower() for n in row[2].split(",")}
    known = {c.name: c.id for c in DEFAULT_SCHEME}
    return {
        number: known[next(iter(kinds))]
        for number, kinds in names.items()
        if len(kinds) == 1 and next(iter(kinds)) in known
    }


def load_bccd(folder: Path) -> Iterator[Sample]:
    """Read the BCCD fields with their nucleus and cytoplasm masks.

    They were taken at two magnifications or more, so each has its own size of cells.
    """
    classes = read_bccd_classes(folder / "labels.csv")
    pictures = []
    for path in sorted(folder.glob("images/*.jpg")):
        number = int(path.stem.rsplit("_", 1)[1])
        mask = read_mask(folder / "masks" / f"BloodImage_Mask_{number:05d}.png")
        allowed = allowed_from_grey(mask)
        pictures.append((number, path, allowed, label_cells((allowed & IS_CELL) > 0)))
    areas = [np.bincount(cells.ravel())[1:] for *_, cells in pictures]
    typical = typical_diameter(np.concatenate(areas))
    for number, path, allowed, cells in pictures:
        instances = unmerge(cells, typical)
        allowed[instances == 0] = IS_BACKGROUND
        ids, sizes = np.unique(instances[instances > 0], return_counts=True)
        own = {int(i): classes[number] for i in ids} if number in classes else {}
        diameter = typical_diameter(sizes) if ids.size else typical
        image = read_image(path)
        yield Sample(
            "bccd", path.stem, str(number), image, allowed, instances, own, diameter
        )
