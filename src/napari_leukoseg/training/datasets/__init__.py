"""Reads the open data sets, in their publishers' layouts, into samples."""

from __future__ import annotations

import csv
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from napari_leukoseg.errors import DataError
from napari_leukoseg.training.datasets.codes import LEUKEMIA_SCHEME
from napari_leukoseg.training.datasets.nuclei import (
    load_dsb2018,
    load_monuseg,
    load_nuinsseg,
)
from napari_leukoseg.training.datasets.outlined import (
    load_krd,
    load_lisc,
    load_raabin_masks,
)
from napari_leukoseg.training.datasets.pictures import (
    PICTURE_SUFFIXES,
    load_labeled_pictures,
    load_masked_pictures,
)
from napari_leukoseg.training.datasets.smears import (
    load_bccd,
    load_bcisc_crops,
    load_bcisc_fields,
    load_zheng,
)
from napari_leukoseg.training.datasets.unoutlined import (
    load_all_idb1,
    load_all_idb2,
    load_lmu,
    load_raabin_crops,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_leukoseg.training.sample import Sample

__all__ = [
    "DATASETS",
    "LEUKEMIA_SCHEME",
    "Layout",
    "digest_of",
    "iterate_dataset",
    "load_dataset",
]


class Layout(NamedTuple):
    """How a kind of data set is read.

    Parameters
    ----------
    load : callable
        Yields the samples of a folder.
    files : tuple of str
        Patterns of the files that it reads, below the folder.
    """

    load: Callable[[Path], Iterator[Sample]]
    files: tuple[str, ...]


ZHENG_FILES = ("Class Labels*.csv", "Dataset */*.bmp", "Dataset */*.png")
GRTH_FILES = ("GrTh/Original/*/*", "GrTh/Ground Truth/*/*")

DATASETS: dict[str, Layout] = {
    "jtsc": Layout(lambda folder: load_zheng(folder, "jtsc"), ZHENG_FILES),
    "cellavision": Layout(
        lambda folder: load_zheng(folder, "cellavision"), ZHENG_FILES
    ),
    "bcisc": Layout(
        load_bcisc_crops, ("sub-images/images/*.jpg", "sub-images/masks/*.png")
    ),
    "bcisc-fields": Layout(
        load_bcisc_fields, ("original-images/*/*.jpg", "original-images/*/*.png")
    ),
    "bccd": Layout(load_bccd, ("images/*.jpg", "labels.csv", "masks/*.png")),
    "dsb2018": Layout(load_dsb2018, ("*/images/*.png", "*/masks/*.png")),
    "monuseg": Layout(load_monuseg, ("**/*.tif", "**/*.xml")),
    "nuinsseg": Layout(
        load_nuinsseg,
        (
            "*/tissue images/*.png",
            "*/label masks modify/*.tif",
            "*/vague areas/mask binary/*.png",
        ),
    ),
    "lisc": Layout(
        load_lisc,
        ("Main Dataset/*/*.bmp", "Ground Truth Segmentation/*/areaforexpert1/*.bmp"),
    ),
    "krd": Layout(
        load_krd, ("Dataset/image/*.jpg", "Dataset/mask/*.jpg", "class labels.csv")
    ),
    "raabin-masks": Layout(load_raabin_masks, GRTH_FILES),
    "raabin-crops": Layout(load_raabin_crops, ("*/*.jpg", "*/*/*.jpg")),
    "all-idb1": Layout(load_all_idb1, ("im/*.jpg", "xyc/*.xyc")),
    "all-idb2": Layout(load_all_idb2, ("img/*.tif",)),
    "lmu": Layout(load_lmu, ("**/*.tif*",)),
    "labels": Layout(
        load_labeled_pictures,
        tuple(f"*{suffix}" for suffix in (*PICTURE_SUFFIXES, ".json")),
    ),
    "masks": Layout(load_masked_pictures, ("images/*", "masks/*", "classes.csv")),
}
"""Layout of each kind of data set; each is read from the set's own folder."""


def layout_of(kind: str) -> Layout:
    """Layout of a kind, if there is one of that name."""
    if kind not in DATASETS:
        raise DataError(
            f"Data set kind {kind!r} is unknown; there is {', '.join(DATASETS)}."
        )
    return DATASETS[kind]


def iterate_dataset(kind: str, folder: Path) -> Iterator[Sample]:
    """Read a data set picture by picture, so that one at a time is in memory.

    Parameters
    ----------
    kind : str
        One of `DATASETS`.
    folder : Path
        Folder in the publisher's layout.

    Yields
    ------
    sample : Sample
        In the order of file names.

    Raises
    ------
    DataError
        If the kind is unknown, or the folder is not of that layout.
    """
    layout = layout_of(kind)
    try:
        yield from layout.load(folder)
    except (OSError, LookupError, ValueError, csv.Error) as error:
        raise DataError(f"{folder} is not a {kind} folder: {error}") from error


def load_dataset(kind: str, folder: Path) -> list[Sample]:
    """Read a whole data set.

    Parameters
    ----------
    kind, folder
        As for `iterate_dataset`.

    Returns
    -------
    samples : list of Sample
        Ordered by file name.

    Raises
    ------
    DataError
        If the kind is unknown, or the folder is not of that layout.
    """
    samples = list(iterate_dataset(kind, folder))
    if not samples:
        raise DataError(f"{folder} holds no pictures in the layout of {kind}.")
    return samples


def digest_of(kind: str, folder: Path) -> str:
    """Digest of the files of a data set, to be kept with what was trained on it.

    Parameters
    ----------
    kind : str
        One of `DATASETS`.
    folder : Path
        Folder in the publisher's layout.

    Returns
    -------
    digest : str
        SHA-256, in hexadecimal, of one line for each file that the kind reads:
        SHA-256 of the content, two spaces, path below the folder with slashes;
        lines are sorted by path, as UTF-8, and end in a newline. ``sha256sum``
        writes such lines.

    Raises
    ------
    DataError
        If the kind is unknown, or the folder holds no such file.
    """
    found = {path for pattern in layout_of(kind).files for path in folder.glob(pattern)}
    names = {p.relative_to(folder).as_posix(): p for p in found if p.is_file()}
    if not names:
        raise DataError(f"{folder} holds no file in the layout of {kind}.")
    total = hashlib.sha256()
    for name in sorted(names, key=str.encode):
        with names[name].open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{content}  {name}\n".encode())
    return total.hexdigest()
