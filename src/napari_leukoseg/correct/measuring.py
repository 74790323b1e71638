"""Table row of a cell whose outline a person has drawn or changed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case import CLASS_COLUMN, REVIEWED_COLUMN
from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.cells import measure_cell
from napari_leukoseg.cells.appearance import measure_color, measure_texture

if TYPE_CHECKING:
    from napari_leukoseg.case import Case, StoredCell
    from napari_leukoseg.slide import SlideReader

__all__ = ["measured_row"]


def measured_row(
    case: Case, slide: SlideReader | None, cell: StoredCell
) -> dict[str, Any]:
    """Return the row of a cell with its measurements made anew.

    Parameters
    ----------
    case : Case
        Gives pixel size, classes and size of the slide.
    slide : SlideReader or None
        Slide of the case. Without it, color and texture become missing, as those of
        the old outline would be wrong.
    cell : StoredCell
        Masks to measure; class, review and what the model said of the cell stay as
        its row has them.

    Returns
    -------
    row : dict
        Value by column name, less ``cell_id``; none where missing.
    """
    region = cell.region
    image = (
        np.zeros((region.height, region.width, 3), np.uint8)
        if slide is None
        else slide.read_region(region)
    )
    any_class = next(iter(case.scheme))
    whole = SegmentedCell(
        region, cell.nucleus, cell.cytoplasm, (any_class.id,), np.ones(1), 0.0
    )
    measured: dict[str, Any] = measure_cell(
        image, whole, mpp=case.mpp, scheme=case.scheme, slide_shape=case.shape
    )
    if slide is None:
        measured |= dict.fromkeys(_appearance_columns())
    kept = {CLASS_COLUMN, REVIEWED_COLUMN, "confidence", "score"}
    features = {
        name: value
        for name, value in measured.items()
        if name not in kept and not name.startswith("probability_")
    }
    return {**cell.row, **features}


@cache
def _appearance_columns() -> tuple[str, ...]:
    """Return the columns that are measured in the picture."""
    image, mask = np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), bool)
    color, texture = measure_color(image, mask), measure_texture(image, mask, 1)
    names = [*color, *(f"texture_{name}" for name in texture)]
    return tuple(
        f"{part}_{name}" for part in ("nucleus", "cytoplasm") for name in names
    )
