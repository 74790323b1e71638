"""Drawn fields with the cells that a model would find, each with its case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.case import Case, case_path, tight_box
from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.cells import measure_cell
from napari_leukoseg.slide import open_slide
from napari_leukoseg.synthetic import Smear, SmearSettings, write_field

if TYPE_CHECKING:
    from pathlib import Path

    from napari_leukoseg.synthetic import DrawnRegion

SETTINGS = SmearSettings(
    (300, 400), seed=5, cell_diameter_px=44.0, white_cell_fraction=0.15
)


def make_drawn_case(folder: Path) -> Path:
    """Draw a field with about ten cells, and its case, which nobody has reviewed."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / "field.png"
    for _ in write_field(picture, SETTINGS):
        pass
    path = case_path(folder, picture.stem)
    with open_slide(picture) as slide, Case.create(path, slide) as case:
        run = case.begin_run({"model": "drawn"}, 1)
        fitted = run.fit_cells(cells_of(Smear(SETTINGS).draw()))
        cells = [cell for cell in fitted if cell is not None]
        rows = [
            measure_cell(slide.read_region(cell.region), cell, mpp=slide.mpp)
            for cell in cells
        ]
        run.commit_tile(0, cells, rows)
        run.finish({})
    return path


def cells_of(field: DrawnRegion) -> list[SegmentedCell]:
    """Return the cells of a drawn field, as a sure model gives them."""
    ids = np.maximum(field.nucleus, field.cytoplasm)
    cells = []
    for cell_id in np.unique(ids[ids > 0]):
        nucleus, cytoplasm = field.nucleus == cell_id, field.cytoplasm == cell_id
        box = tight_box(nucleus | cytoplasm)
        evidence = np.full(5, 0.05)
        evidence[int(field.classes[ids == cell_id][0]) - 1] = 0.8
        masks = (nucleus[box.slices], cytoplasm[box.slices])
        cells.append(SegmentedCell(box, *masks, (1, 2, 3, 4, 5), evidence, 0.9))
    return cells
