"""Sets that name the class of a cell, or its place, and outline nothing.

Their samples leave every pixel open. The cell is a disk of the estimated diameter,
over which its class is pooled; nothing else is learned from them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import draw, filters

from napari_leukoseg.training.datasets.codes import LEUKEMIA_SCHEME, LMU_CODES
from napari_leukoseg.training.datasets.nuclei import NUCLEUS_SHARE
from napari_leukoseg.training.datasets.reading import (
    class_named,
    equivalent_diameter,
    read_image,
    typical_diameter,
)
from napari_leukoseg.training.sample import ANYTHING, Sample
from napari_leukoseg.training.targets import resolve_overlaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["load_all_idb1", "load_all_idb2", "load_lmu", "load_raabin_crops"]

LYMPHOBLAST = LEUKEMIA_SCHEME.by_name("lymphoblast").id

MAX_DIAMETER_PX = 128.0
"""Crops are reduced to this diameter, twice the working one, so that tens of
thousands fit into memory."""

N_MEASURED = 32
"""Pictures by which the typical diameter of a set is estimated."""

SMOOTHING_PX = 2.0
"""Smoothing before nuclei are told from the rest by their darkness."""

DIAMETER_RANGE = (0.2, 1.0)
"""Limits of the diameter of the cell of a crop, in sides of the crop."""


def dark_parts(image: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Label what is dark in red light: nuclei, which red cells are not."""
    red = ndimage.gaussian_filter(image[..., 0].astype(np.float32), SMOOTHING_PX)
    labels: NDArray[np.int32] = ndimage.label(red < filters.threshold_otsu(red))[0]
    return labels


def central_diameter(image: NDArray[np.uint8]) -> float:
    """Diameter of the cell in the middle of a crop, from the size of its nucleus."""
    parts, side = dark_parts(image), min(image.shape[:2])
    middle = tuple(slice(n // 3, n - n // 3) for n in image.shape[:2])
    lobes = np.unique(parts[middle])
    nucleus = np.isin(parts, lobes[lobes > 0])
    diameter = equivalent_diameter(nucleus) / NUCLEUS_SHARE
    return float(np.clip(diameter, *(share * side for share in DIAMETER_RANGE)))


def estimate_diameter(paths: Sequence[Path]) -> float:
    """Typical diameter in some crops of a set, which all have one scale."""
    some = paths[:: max(1, len(paths) // N_MEASURED)]
    return float(np.median([central_diameter(read_image(path)) for path in some]))


def read_reduced(path: Path, factor: float) -> NDArray[np.uint8]:
    """Read a picture as RGB, resampled by `factor`."""
    with Image.open(path) as picture:
        width, height = (max(1, round(n * factor)) for n in picture.size)
        reduced = picture.convert("RGB").resize((width, height), Image.Resampling.BOX)
        return np.asarray(reduced)


@lru_cache(maxsize=16)
def central_disk(shape: tuple[int, int], diameter_px: float) -> NDArray[np.int32]:
    """Instance 1 in the middle; shared by all crops of a size, hence read-only."""
    disk = np.zeros(shape, np.int32)
    center = tuple((n - 1) / 2 for n in shape)
    disk[draw.disk(center, diameter_px / 2, shape=shape)] = 1
    disk.flags.writeable = False
    return disk


def load_crops(
    dataset: str, crops: Sequence[tuple[Path, str, int | None]]
) -> Iterator[Sample]:
    """Read crops with a cell in the middle: file, source group, class if known."""
    if not crops:
        return
    diameter = estimate_diameter([path for path, *_ in crops])
    factor = min(1.0, MAX_DIAMETER_PX / diameter)
    for path, group, class_id in crops:
        image = read_reduced(path, factor)
        shape = image.shape[:2]
        yield Sample(
            dataset,
            path.stem,
            group,
            image,
            np.broadcast_to(np.uint8(ANYTHING), shape),  # takes no memory
            central_disk(shape, diameter * factor),
            {} if class_id is None else {1: class_id},
            diameter * factor,
            has_distance=False,
            has_outline=False,
        )


def load_lmu(folder: Path) -> Iterator[Sample]:
    """Read AML-Cytomorphology LMU: 18,365 crops of 400 pixels, one class each.

    The name of a crop's folder, anywhere below, is the code of its class, one
    of `LMU_CODES`. Which crops are of one patient is not published, so each is
    a group of its own and figures on a share of this set flatter. The later
    annotations beside the folders are not read.

    References
    ----------
    .. [1] C. Matek et al., "Human-level recognition of blast cells in acute
       myeloid leukaemia with convolutional neural networks", Nat. Mach. Intell.
       1, 2019.
    """
    crops = [
        (path, path.stem, LMU_CODES[path.parent.name])
        for path in sorted(folder.glob("**/*.tif*"))
        if path.parent.name in LMU_CODES
    ]
    yield from load_crops("lmu", crops)


def load_raabin_crops(folder: Path) -> Iterator[Sample]:
    """Read the crops of Raabin-WBC on which two experts agree: 17,965 of 575 pixels.

    ``<part>/<Class>/<name>.jpg`` for the parts of any name (Train, TestA,
    TestB), or ``<Class>/<name>.jpg``. Crops whose names differ in the last
    number only are of one field, also where the segmented cells (kind
    ``raabin-masks``) show it. That the folders bear the English names of the
    five types is confirmed, the spelling of the parts is not.

    References
    ----------
    .. [1] Z. M. Kouzehkanan et al., "A large dataset of white blood cells
       containing cell locations and types, along with segmented nuclei and
       cytoplasm", Sci. Rep. 12, 1123, 2022.
    """
    paths = {*folder.glob("*/*.jpg"), *folder.glob("*/*/*.jpg")}
    crops = [
        (path, path.stem.rpartition("_")[0] or path.stem, class_named(path.parent.name))
        for path in sorted(paths)
        if class_named(path.parent.name)
    ]
    yield from load_crops("raabin-crops", crops)


def load_all_idb2(folder: Path) -> Iterator[Sample]:
    """Read ALL-IDB2: 260 crops, each with a lymphoblast or a healthy white cell.

    ``img/Im<nnn>_1.tif`` shows a lymphoblast; in ``img/Im<nnn>_0.tif`` the cell
    is none, but of a type that is not given, so its class stays unknown. The
    crops are cut from ALL-IDB1, but from which picture is not published: keep
    both sets, which are of one family, on the same side of a split.

    References
    ----------
    .. [1] R. Donida Labati, V. Piuri, F. Scotti, "ALL-IDB: the acute
       lymphoblastic leukemia image database for image processing", ICIP 2011.
    """
    crops = [
        (path, path.stem, LYMPHOBLAST if path.stem.endswith("_1") else None)
        for path in sorted(folder.glob("img/Im*_[01].tif"))
    ]
    yield from load_crops("all-idb2", crops)


def load_all_idb1(folder: Path) -> Iterator[Sample]:
    """Read ALL-IDB1: fields in which the centers of lymphoblasts are marked.

    ``im/Im<nnn>_1.jpg`` has ``xyc/Im<nnn>_1.xyc``, a text file with a line for
    each lymphoblast: column and row of its center, as the ending says; the
    order is not confirmed. Other white cells are not marked, and nothing is in
    the pictures ``Im<nnn>_0.jpg`` of healthy people, which are left out.

    References
    ----------
    .. [1] R. Donida Labati, V. Piuri, F. Scotti, "ALL-IDB: the acute
       lymphoblastic leukemia image database for image processing", ICIP 2011.
    """
    for path in sorted(folder.glob("im/Im*_1.jpg")):
        lines = (folder / "xyc" / f"{path.stem}.xyc").read_text().splitlines()
        words = [line.replace(",", " ").split() for line in lines]
        centers = [(float(w[1]), float(w[0])) for w in words if len(w) > 1]
        image = read_image(path)
        diameter = marked_diameter(image, centers)
        if diameter is None:
            continue
        shape = image.shape[:2]
        disks = [draw.disk(center, diameter / 2, shape=shape) for center in centers]
        instances = resolve_overlaps(disks, shape)
        yield Sample(
            "all-idb1",
            path.stem,
            path.stem,
            image,
            np.broadcast_to(np.uint8(ANYTHING), shape),
            instances,
            {int(i): LYMPHOBLAST for i in np.unique(instances) if i},
            diameter,
            has_distance=False,
            has_outline=False,
        )


def marked_diameter(
    image: NDArray[np.uint8], centers: Sequence[tuple[float, float]]
) -> float | None:
    """Typical diameter of the cells at some points, None if no nucleus is there."""
    parts = dark_parts(image)
    areas = np.bincount(parts.ravel())
    limits = np.array(parts.shape) - 1
    nearest = [tuple(np.clip(np.rint(c).astype(int), 0, limits)) for c in centers]
    found = np.array([areas[parts[place]] for place in nearest if parts[place]])
    return typical_diameter(found) / NUCLEUS_SHARE if found.size else None
