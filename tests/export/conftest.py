"""Small cases with drawn cells for the tests of the writers."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from skimage.draw import disk

from napari_leukoseg.case import Case
from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.cells import measure_cell
from napari_leukoseg.classes import DEFAULT_SCHEME
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import SlideReader, open_slide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Shape = tuple[int, int]


@dataclass
class DrawnCase:
    """A case, its slide, and the labels that were drawn."""

    case: Case
    slide: SlideReader
    nucleus: np.ndarray
    cytoplasm: np.ndarray
    classes: np.ndarray


def drawn_cell(center: Shape, radius: int, class_id: int, shape: Shape):
    """Draw a round cell, cut at the border of the picture."""
    whole, nucleus = np.zeros((2, *shape), bool)
    whole[disk(center, radius, shape=shape)] = True
    nucleus[disk(center, radius / 2, shape=shape)] = True
    rows, columns = np.nonzero(whole)
    region = Region.from_bounds(
        rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
    )
    region = Region.from_bounds(*(int(bound) for bound in region.bounds))
    probabilities = np.full(5, 0.05)
    probabilities[class_id - 1] = 0.8
    return SegmentedCell(
        region,
        nucleus[region.slices],
        (whole & ~nucleus)[region.slices],
        (1, 2, 3, 4, 5),
        probabilities,
        0.9,
    )


@pytest.fixture
def make_case(tmp_path) -> Iterator[Callable[..., DrawnCase]]:
    """Make a case of cells given as (center, radius, class id)."""
    with ExitStack() as stack:

        def make(shape: Shape, cells=(), *, mpp=None, scheme=DEFAULT_SCHEME):
            image = np.full((*shape, 3), 210, np.uint8)
            path = tmp_path / "source.png"
            Image.fromarray(image).save(path)
            slide = stack.enter_context(open_slide(path, mpp=mpp))
            case = Case.create(tmp_path / "x.leukoseg.zarr", slide, scheme=scheme)
            stack.enter_context(case)
            drawn = [drawn_cell(*cell, shape) for cell in cells]
            rows = [
                measure_cell(image[c.region.slices], c, mpp=mpp, scheme=scheme)
                for c in drawn
            ]
            run = case.begin_run({"model": "drawn"}, 1)
            ids = run.commit_tile(0, drawn, rows)
            case.close()  # settles the coarser levels; reading goes on
            nucleus, cytoplasm = np.zeros((2, *shape), np.uint32)
            classes = np.zeros(shape, np.uint8)
            for cell_id, cell in zip(ids, drawn, strict=True):
                nucleus[cell.region.slices][cell.nucleus] = cell_id
                cytoplasm[cell.region.slices][cell.cytoplasm] = cell_id
                classes[cell.region.slices][cell.mask] = cell.class_id
            return DrawnCase(case, slide, nucleus, cytoplasm, classes)

        yield make
