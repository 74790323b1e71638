"""Small samples cut from drawn fields, single cells, and where the real data are."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.segment.classifier import Examples
from napari_leukoseg.segment.morphology import feature_names
from napari_leukoseg.training.sample import (
    IS_BACKGROUND,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    Sample,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_leukoseg.synthetic import DrawnRegion


class DrawnCell(NamedTuple):
    """Picture of one cell in the middle, and where it and its nucleus are."""

    image: NDArray[np.uint8]
    cell: NDArray[np.bool_]
    nucleus: NDArray[np.bool_]

    def greys(
        self, cytoplasm: int = 128, nucleus: int = 255, ground: int = 0
    ) -> NDArray[np.uint8]:
        """Mask with these gray levels."""
        levels = np.where(self.nucleus, nucleus, np.where(self.cell, cytoplasm, ground))
        return levels.astype(np.uint8)


@pytest.fixture(scope="session")
def drawn_cell() -> DrawnCell:
    """Cell of 40 pixels with a nucleus of 20, in a crop of 60."""
    rows, columns = np.indices((60, 60)) - 29.5
    radius = np.hypot(rows, columns)
    cell, nucleus = radius < 20, radius < 10
    image = np.full((60, 60, 3), 230, np.uint8)
    image[cell], image[nucleus] = (190, 170, 220), (90, 50, 140)
    return DrawnCell(image, cell, nucleus)


@pytest.fixture(scope="session")
def save() -> Callable[[Path, NDArray[np.uint8]], None]:
    """Return a function that writes a picture, and its folder where need be."""

    def save(path: Path, pixels: NDArray[np.uint8]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)

    return save


@pytest.fixture(scope="session")
def samples(drawn_field: DrawnRegion) -> list[Sample]:
    """Four samples of one drawn field, in two groups."""
    kinds = np.where(drawn_field.nucleus > 0, 2, drawn_field.cytoplasm > 0)
    allowed = np.array([IS_BACKGROUND, IS_CYTOPLASM, IS_NUCLEUS], np.uint8)[kinds]
    cells = np.maximum(drawn_field.nucleus, drawn_field.cytoplasm).astype(np.int32)
    found = []
    for number in range(4):
        part = np.s_[:, 50 * number : 50 * number + 200]
        ids = [int(i) for i in np.unique(cells[part]) if i]
        classes = {i: int(drawn_field.classes[cells == i].max()) for i in ids}
        found.append(
            Sample(
                "drawn",
                str(number),
                str(number // 2),
                np.ascontiguousarray(drawn_field.image[part]),
                allowed[part],
                cells[part],
                classes,
                60.0,
            )
        )
    return found


@pytest.fixture(scope="session")
def unmarked() -> Callable[[Sample, int], Sample]:
    """Return a function that takes the marks off a picture, and leaves these bits."""

    def unmark(sample: Sample, bits: int) -> Sample:
        return replace(
            sample,
            allowed=np.full_like(sample.allowed, bits),
            instances=np.zeros_like(sample.instances),
            cell_classes={},
        )

    return unmark


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the open data; skips where it is not given."""
    root = os.environ.get("LEUKOSEG_DATA")
    if not root:
        pytest.skip("LEUKOSEG_DATA names no folder")
    return Path(root)


@pytest.fixture
def cell_clusters() -> Callable[[list[int]], Examples]:
    """Describe forty cells of each class, whose first features tell it."""

    def describe(class_ids: list[int]) -> Examples:
        rng = np.random.default_rng(1)
        targets = np.repeat(class_ids, 40)
        features = rng.normal(0, 0.2, (len(targets), len(feature_names())))
        features[:, :12] += targets[:, None]
        sources = np.zeros(len(targets), np.int64)
        return Examples(features.astype(np.float32), targets, sources)

    return describe
