"""Stained tissue with single nuclei outlined, and no cells."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import tifffile
from skimage import draw

from napari_leukoseg.errors import DataError
from napari_leukoseg.training.datasets.reading import (
    read_image,
    read_mask,
    typical_diameter,
)
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_NUCLEUS,
    NOT_NUCLEUS,
    UNKNOWN_INSTANCE,
    Sample,
)
from napari_leukoseg.training.targets import relabel_connected, resolve_overlaps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["NUCLEUS_SHARE", "load_dsb2018", "load_monuseg", "load_nuinsseg"]

NUCLEUS_SHARE = 0.7
"""Diameter of a nucleus in diameters of its cell, as in a white cell: so tissue
nuclei are drawn at the size of nuclei, not of cells."""

MIN_FRAGMENT_PX = 10
"""Pieces of a nucleus below this were cut off by one that lies over it."""


def nucleus_sample(
    dataset: str,
    name: str,
    image: NDArray[np.uint8],
    instances: NDArray[np.int32],
    unclear: NDArray[np.bool_] | None = None,
) -> Sample | None:
    """Build a sample from outlined nuclei, if there are any that can be judged."""
    bits = np.where(instances != 0, np.uint8(IS_NUCLEUS), np.uint8(NOT_NUCLEUS))
    if unclear is not None:
        bits[unclear] = ANYTHING
        instances = np.where(unclear, np.int32(UNKNOWN_INSTANCE), instances)
    areas = np.bincount(np.maximum(instances, 0).ravel())[1:]
    if not areas.any():
        return None
    diameter = typical_diameter(areas[areas > 0]) / NUCLEUS_SHARE
    return Sample(
        dataset,
        name,
        name,
        image,
        bits,
        instances,
        cell_diameter_px=diameter,
        has_distance=False,
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
        sample = nucleus_sample("dsb2018", path.stem, image, instances)
        if sample is not None:
            yield sample


def load_nuinsseg(folder: Path) -> Iterator[Sample]:
    """Read NuInsSeg: tissue of 31 human and mouse organs, 512 pixels each.

    In the folder of an organ, ``tissue images/<name>.png`` has its instances in
    ``label masks modify/<name>.tif``, where overlaps are resolved, and the
    areas that could not be judged in ``vague areas/mask binary/<name>.png``.
    Pictures of an organ are of one slide, but of different fields of it; each
    is a group of its own, as in the folds that the publishers advise.

    References
    ----------
    .. [1] A. Mahbod et al., "NuInsSeg: a fully annotated dataset for nuclei
       instance segmentation in H&E-stained histological images", Sci. Data 11,
       295, 2024.
    """
    for path in sorted(folder.glob("*/tissue images/*.png")):
        organ = path.parent.parent
        labels = tifffile.imread(organ / "label masks modify" / f"{path.stem}.tif")
        unclear = organ / "vague areas" / "mask binary" / path.name
        sample = nucleus_sample(
            "nuinsseg",
            path.stem,
            read_image(path),
            relabel_connected(labels.astype(np.int32), MIN_FRAGMENT_PX),
            read_mask(unclear) > 0 if unclear.exists() else None,
        )
        if sample is not None:
            yield sample


def load_monuseg(folder: Path) -> Iterator[Sample]:
    """Read MoNuSeg: H&E-stained tissue at 40x, one polygon for each nucleus.

    Polygons are the ``Region`` elements of ``<name>.xml``, anywhere below the
    folder; pictures are ``<name>.tif``, beside them (test part) or in a folder
    of their own (training part). Where nuclei overlap, pixels go to the smaller
    one.

    References
    ----------
    .. [1] N. Kumar et al., "A multi-organ nucleus segmentation challenge", IEEE
       TMI 39(5), 2020.
    """
    pictures = {path.stem: path for path in folder.glob("**/*.tif")}
    for path in sorted(folder.glob("**/*.xml")):
        if path.stem not in pictures:
            raise DataError(f"{path} has no picture {path.stem}.tif below {folder}.")
        image = read_image(pictures[path.stem])
        instances = draw_polygons(path, image.shape[:2])
        sample = nucleus_sample("monuseg", path.stem, image, instances)
        if sample is not None:
            yield sample


def draw_polygons(path: Path, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Draw the regions of an annotation file as instances."""
    try:
        # Expat, which reads it, has limits against entities that grow.
        regions = list(ElementTree.parse(path).iter("Region"))  # noqa: S314
    except ElementTree.ParseError as error:
        raise DataError(
            f"{path} is not readable XML ({error}); take it from the publisher again."
        ) from error
    pixels = []
    for region in regions:
        corners = [
            (float(vertex.attrib["Y"]), float(vertex.attrib["X"]))
            for vertex in region.iter("Vertex")
        ]
        if len(corners) < 3 or region.get("NegativeROA") == "1":
            continue
        # Coordinates count from the corner of the picture, pixels from the middle
        # of the first.
        rows, columns = np.transpose(corners) - 0.5
        pixels.append(draw.polygon(rows, columns, shape))
    return relabel_connected(resolve_overlaps(pixels, shape), MIN_FRAGMENT_PX)
