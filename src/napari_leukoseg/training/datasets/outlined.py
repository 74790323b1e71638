"""Published sets of outlined white cells beside those in `smears`."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.errors import DataError
from napari_leukoseg.training.datasets.reading import (
    class_named,
    equivalent_diameter,
    label_cells,
    read_image,
    read_mask,
    whole_cell_sample,
)
from napari_leukoseg.training.datasets.smears import BCISC_CLASSES
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    Sample,
)
from napari_leukoseg.training.unlabeled import find_unlabeled_cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["load_krd", "load_lisc", "load_raabin_masks"]

RAABIN_THRESHOLDS = (50, 200)
"""Grey levels between background and the two parts of a cell (100 and 255)."""

VOTERS = 24
"""Pictures by which it is found out which grey level is the nucleus."""


def load_lisc(folder: Path) -> Iterator[Sample]:
    """Read the main data set of LISC: fields of healthy people, whole-cell masks.

    ``Main Dataset/<class>/<n>.bmp`` has its mask in ``Ground Truth
    Segmentation/<class>/areaforexpert1/<n>_expert.bmp``, whose gray level
    differs by class; whatever is not black is cell. Class folders begin with
    baso, eosi, lymp, mono, neut; the mixed pictures and those without a mask
    are left out. Which pictures come from one subject is not published.

    References
    ----------
    .. [1] S. H. Rezatofighi, H. Soltanian-Zadeh, "Automatic recognition of five
       types of white blood cells in peripheral blood", Computerized Medical
       Imaging and Graphics 35(4), 2011.
    """
    for path in sorted(folder.glob("Main Dataset/*/*.bmp")):
        kind = path.parent.name
        class_id = BCISC_CLASSES.get(kind.lower())
        masks = folder / "Ground Truth Segmentation" / kind / "areaforexpert1"
        mask_path = masks / f"{path.stem}_expert.bmp"
        if class_id is None or not mask_path.exists():
            continue
        name = f"{kind.lower()}_{path.stem}"
        instances = label_cells(read_mask(mask_path) > 0)
        sample = whole_cell_sample(
            "lisc", (name, name), read_image(path), instances, class_id
        )
        if sample is not None:
            yield sample


def load_krd(folder: Path) -> Iterator[Sample]:
    """Read KRD-WBC: 600 fields of 512 pixels with whole-cell masks.

    ``Dataset/image/image<n>.jpg`` has its mask in ``Dataset/mask/mask<n>.jpg``,
    a JPEG, hence a threshold. ``class labels.csv`` names the class of each
    picture, in a column that begins with "categ" beside one that begins with
    "image"; it is taken where there is one cell. How the publishers write the
    class names is not confirmed: case and plural do not matter.

    References
    ----------
    .. [1] H. Taha, F. Alizadeh, N. Mohammad, "Creating a white blood cell
       dataset for segmentation", Mendeley Data, 2023, doi:10.17632/jzdj6h7gms.2.
    """
    classes = read_krd_classes(folder / "class labels.csv")
    for path in sorted(folder.glob("Dataset/image/image*.jpg")):
        number = path.stem.removeprefix("image")
        mask = read_mask(folder / "Dataset" / "mask" / f"mask{number}.jpg")
        instances = label_cells(mask > 127)
        class_id = classes.get(number) if instances.max() == 1 else None
        sample = whole_cell_sample(
            "krd", (path.stem, path.stem), read_image(path), instances, class_id
        )
        if sample is not None:
            yield sample


def read_krd_classes(path: Path) -> dict[str, int]:
    """Class of each picture by its number, where the name is one of the five."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        columns = [c for c in rows.fieldnames or () if c]
        image, category = (
            next((c for c in columns if c.strip().lower().startswith(start)), None)
            for start in ("image", "categ")
        )
        if image is None or category is None:
            raise DataError(
                f"{path} has the columns {columns}; one must begin with 'image' and "
                "one with 'categ'."
            )
        named = {
            row[image].strip().lower().removeprefix("image"): row[category] or ""
            for row in rows
        }
    ids = {number: class_named(name) for number, name in named.items()}
    return {number: class_id for number, class_id in ids.items() if class_id}


def load_raabin_masks(folder: Path) -> Iterator[Sample]:
    """Read the segmented cells of Raabin-WBC: 1,145 crops of 575 pixels.

    ``GrTh/Original/<Class>/<name>`` has its mask under the same name in
    ``GrTh/Ground Truth/<Class>``, with two gray levels beside black, about 100
    and 255. Published code does not agree on which of them is the nucleus, so
    the pictures decide: the nucleus is the darker one in red light. Crops whose
    names differ in the last number only are of one field.

    References
    ----------
    .. [1] Z. M. Kouzehkanan et al., "A large dataset of white blood cells
       containing cell locations and types, along with segmented nuclei and
       cytoplasm", Sci. Rep. 12, 1123, 2022.
    """
    pairs = sorted(
        (path, folder / "GrTh" / "Ground Truth" / path.parent.name / path.name)
        for path in folder.glob("GrTh/Original/*/*.*")
        if class_named(path.parent.name)
    )
    if not pairs:
        return
    nucleus_level = find_nucleus_level(pairs)
    for path, mask_path in pairs:
        levels = read_levels(mask_path)
        cell = levels > 0
        if not cell.any():
            continue
        nucleus, image = levels == nucleus_level, read_image(path)
        diameter = equivalent_diameter(cell)
        allowed = np.full(cell.shape, IS_BACKGROUND, np.uint8)
        allowed[cell], allowed[nucleus] = IS_CYTOPLASM, IS_NUCLEUS
        allowed[find_unlabeled_cells(image, cell, nucleus, diameter)] = ANYTHING
        class_id = class_named(path.parent.name)
        yield Sample(
            "raabin-masks",
            path.stem,
            path.stem.rpartition("_")[0] or path.stem,
            image,
            allowed,
            cell.astype(np.int32),
            {} if class_id is None else {1: class_id},
            diameter,
        )


def read_levels(path: Path) -> NDArray[np.intp]:
    """Level of each pixel of a mask of Raabin-WBC: 0, 1 or 2."""
    return np.digitize(read_mask(path), RAABIN_THRESHOLDS)


def find_nucleus_level(pairs: Sequence[tuple[Path, Path]]) -> int:
    """Level that is darker in red light in most of some pictures."""
    votes = []
    for path, mask_path in pairs[:: max(1, len(pairs) // VOTERS)]:
        red, levels = read_image(path)[..., 0], read_levels(mask_path)
        parts = [red[levels == level] for level in (1, 2)]
        if all(part.size for part in parts):
            votes.append(parts[1].mean() < parts[0].mean())
    return 2 if np.mean(votes or [True]) > 0.5 else 1
