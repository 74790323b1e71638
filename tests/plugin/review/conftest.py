"""Fixtures of the review: drawn pictures with a case, open in the viewer."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_leukoseg.case import Case, case_path, tight_box
from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.cells import measure_cell
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_leukoseg.plugin.review.desk import ReviewDesk
    from napari_leukoseg.plugin.session import Session
    from napari_leukoseg.synthetic import DrawnRegion

CLASS_IDS = (1, 2, 3, 4, 5)

BIG_CELLS = (
    ((1000, 1000), 40, 1),
    ((1000, 1078), 38, 2),  # touches the first
    ((1300, 1150), 45, 3),
    ((3500, 3600), 42, 4),
)
"""Center, radius and class of the cells of `big_case`; their ids are 1 to 4."""


@pytest.fixture(scope="session")
def field_template(
    tmp_path_factory: pytest.TempPathFactory, field_png: Path, drawn_field: DrawnRegion
) -> Path:
    """Folder with the drawn field and the case of its true cells."""
    folder = tmp_path_factory.mktemp("field-case")
    picture = shutil.copy(field_png, folder / "field.png")
    cells = []
    for drawn in drawn_field.cells:
        nucleus, cytoplasm = (
            labels == drawn.cell_id
            for labels in (drawn_field.nucleus, drawn_field.cytoplasm)
        )
        whole = Region.of_shape(nucleus.shape)
        cells.append(_cell(whole, nucleus, cytoplasm, drawn.class_id))
    make_case(picture, cells)
    return folder


@pytest.fixture(scope="session")
def big_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a large picture and the case of its cells."""
    folder = tmp_path_factory.mktemp("big-case")
    picture = np.full((4200, 4200, 3), 230, np.uint8)
    cells = []
    for center, radius, class_id in BIG_CELLS:
        corner = [x - radius for x in center]
        box = Region(*corner, 2 * radius + 1, 2 * radius + 1)
        distance = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1])
        nucleus, whole = distance <= radius / 2, distance <= radius
        picture[box.slices][whole] = (200, 180, 230)
        picture[box.slices][nucleus] = (90, 40, 140)
        cells.append(_cell(box, nucleus, whole & ~nucleus, class_id))
    path = folder / "big.tif"
    tifffile.imwrite(path, picture, photometric="rgb", tile=(512, 512))
    make_case(path, cells)
    return folder


@pytest.fixture
def field_case(tmp_path: Path, field_template: Path) -> Path:
    """Case of the drawn field with its true cells, the picture beside it."""
    folder = shutil.copytree(field_template, tmp_path / "field")
    return case_path(folder, "field")


@pytest.fixture
def big_case(tmp_path: Path, big_template: Path) -> Path:
    """Case whose labels are a pyramid in the viewer, the picture beside it."""
    folder = shutil.copytree(big_template, tmp_path / "big")
    return case_path(folder, "big")


@pytest.fixture
def open_case(session: Session, wait: Any) -> Callable[[Path], ReviewDesk]:
    """Open a case, and give the desk once edits are possible."""

    def open_it(path: Path) -> ReviewDesk:
        session.open(path)
        wait(lambda: session.desk.can_edit and session.results.is_settled)
        return session.desk

    return open_it


def make_case(picture: Path, cells: Sequence[SegmentedCell]) -> Path:
    """Make a case beside a picture, as a run that finds these cells would."""
    path = case_path(picture.parent, picture.stem)
    with open_slide(picture) as slide, Case.create(path, slide) as case:
        run = case.begin_run({"model": "drawn"}, 1)
        fitted = [cell for cell in run.fit_cells(cells) if cell is not None]
        rows = [
            measure_cell(
                slide.read_region(cell.region),
                cell,
                mpp=slide.mpp,
                slide_shape=slide.shape,
            )
            for cell in fitted
        ]
        run.commit_tile(0, fitted, rows)
        run.finish({})
    return path


def _cell(region: Region, nucleus: Any, cytoplasm: Any, class_id: int) -> SegmentedCell:
    """Return a cell of masks of a region, in its smallest box."""
    box = tight_box(nucleus | cytoplasm)
    probabilities = np.where(np.array(CLASS_IDS) == class_id, 0.8, 0.05)
    return SegmentedCell(
        box.shifted(region.row, region.column),
        nucleus[box.slices],
        cytoplasm[box.slices],
        CLASS_IDS,
        probabilities,
        0.9,
    )
