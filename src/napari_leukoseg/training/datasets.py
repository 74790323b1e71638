"""Reads the open data sets, in their publishers' layouts, into samples."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import measure, morphology

from napari_leukoseg.classes import DEFAULT_SCHEME
from napari_leukoseg.errors import DataError
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    NOT_NUCLEUS,
    UNKNOWN_INSTANCE,
    Sample,
)
from napari_leukoseg.training.unlabeled import find_unlabeled_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["DATASETS", "load_dataset"]

MASK_THRESHOLDS = (80, 208)
"""Grey levels between background, cytoplasm (128 or 155) and nucleus (255)."""

MIN_CELL_PX = 80
"""Smallest component of a mask that is a cell and not a stray pixel."""

BCISC_CLASSES = {"neut": 1, "lymp": 2, "mono": 3, "eosi": 4, "baso": 5}


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read a picture as RGB, shape (M, N, 3)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a mask as grey levels, shape (M, N)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def allowed_from_grey(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bits of background, cytoplasm and nucleus from a mask of three greys."""
    bits = np.array([IS_BACKGROUND, IS_CYTOPLASM, IS_NUCLEUS], np.uint8)
    return bits[np.digitize(mask, MASK_THRESHOLDS)]


def equivalent_diameter(mask: NDArray[np.bool_]) -> float:
    """Diameter of the disk with the area of `mask`, in pixels."""
    return float(2 * np.sqrt(mask.sum() / np.pi))


def label_cells(cell: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Give each connected component a number if it is large enough to be a cell."""
    cell = morphology.remove_small_objects(cell, max_size=MIN_CELL_PX)
    labels: NDArray[np.int32] = ndimage.label(cell)[0].astype(np.int32)
    return labels


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


def whole_cell_sample(
    name: str,
    picture: tuple[str, str],
    image: NDArray[np.uint8],
    instances: NDArray[np.int32],
    class_id: int,
) -> Sample | None:
    """Build a sample from whole-cell instances of one class, if there is a cell."""
    ids = np.unique(instances[instances > 0])
    if not ids.size:
        return None
    cell = instances > 0
    diameter = equivalent_diameter(cell) / np.sqrt(ids.size)
    unlabeled = find_unlabeled_cells(image, cell, None, diameter)
    allowed = np.where(cell, np.uint8(IS_CELL), np.uint8(IS_BACKGROUND))
    allowed[unlabeled] = ANYTHING
    return Sample(
        name,
        *picture,
        image,
        allowed,
        instances,
        {int(i): class_id for i in ids},
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


def unmerge(instances: NDArray[np.int32], typical_diameter: float) -> NDArray[np.int32]:
    """Set cells that look like several touching ones to `UNKNOWN_INSTANCE`."""
    for cell in measure.regionprops(instances):
        is_large = cell.equivalent_diameter_area > 1.35 * typical_diameter
        if is_large and cell.solidity < 0.92:
            instances[instances == cell.label] = UNKNOWN_INSTANCE
    return instances


def load_bccd(folder: Path) -> Iterator[Sample]:
    """Read the BCCD fields with their nucleus and cytoplasm masks."""
    classes = read_bccd_classes(folder / "labels.csv")
    pictures = []
    for path in sorted(folder.glob("images/*.jpg")):
        number = int(path.stem.rsplit("_", 1)[1])
        mask = read_mask(folder / "masks" / f"BloodImage_Mask_{number:05d}.png")
        allowed = allowed_from_grey(mask)
        pictures.append((number, path, allowed, label_cells((allowed & IS_CELL) > 0)))
    areas = [np.bincount(cells.ravel())[1:] for *_, cells in pictures]
    typical = float(2 * np.sqrt(np.median(np.concatenate(areas)) / np.pi))
    for number, path, allowed, cells in pictures:
        instances = unmerge(cells, typical)
        allowed[instances == 0] = IS_BACKGROUND
        ids = np.unique(instances[instances > 0])
        own = {int(i): classes[number] for i in ids} if number in classes else {}
        image = read_image(path)
        yield Sample(
            "bccd", path.stem, str(number), image, allowed, instances, own, typical
        )


def load_dsb2018(folder: Path) -> Iterator[Sample]:
    """Read the stained tissue nuclei of the 2018 Data Science Bowl."""
    for path in sorted(folder.glob("*/images/*.png")):
        image = read_image(path)
        instances = np.zeros(image.shape[:2], np.int32)
        for number, mask in enumerate(
            sorted(path.parent.parent.glob("masks/*.png")), start=1
        ):
            instances[read_mask(mask) > 127] = number
        if not instances.any():
            continue
        areas = np.bincount(instances.ravel())[1:]
        # A tissue nucleus is drawn at the size of a nucleus, not of a cell.
        diameter = float(2 * np.sqrt(np.median(areas[areas > 0]) / np.pi)) / 0.7
        bits = np.where(instances > 0, np.uint8(IS_NUCLEUS), np.uint8(NOT_NUCLEUS))
        yield Sample(
            "dsb2018",
            path.stem,
            path.stem,
            image,
            bits,
            instances,
            cell_diameter_px=diameter,
            has_distance=False,
        )


DATASETS: dict[str, Callable[[Path], Iterator[Sample]]] = {
    "jtsc": lambda folder: load_zheng(folder, "jtsc"),
    "cellavision": lambda folder: load_zheng(folder, "cellavision"),
    "bcisc": load_bcisc_crops,
    "bcisc-fields": load_bcisc_fields,
    "bccd": load_bccd,
    "dsb2018": load_dsb2018,
}
"""Loader of each kind of data set; each takes the set's own folder."""


def load_dataset(kind: str, folder: Path) -> list[Sample]:
    """Read a whole data set.

    Parameters
    ----------
    kind : str
        One of `DATASETS`.
    folder : Path
        Folder in the publisher's layout.

    Returns
    -------
    samples : list of Sample
        Ordered by file name.

    Raises
    ------
    DataError
        If the kind is unknown, or the folder is not of that layout.
    """
    if kind not in DATASETS:
        raise DataError(
            f"Data set kind {kind!r} is unknown; there is {', '.join(DATASETS)}."
        )
    try:
        samples = list(DATASETS[kind](folder))
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{folder} is not a {kind} folder: {error}") from error
    if not samples:
        raise DataError(f"{folder} holds no pictures in the layout of {kind}.")
    return samples
