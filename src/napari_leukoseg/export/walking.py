"""Walks over the cells of a case without holding its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.case import LABEL_NAMES, StoredCell
from napari_leukoseg.export.progress import expect_steps, take_step
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_leukoseg.case import Case

__all__ = ["walk_cells"]

BLOCK_PX = 2048
"""Cells whose boxes begin in one block of this side are read together."""


def walk_cells(case: Case) -> Iterator[StoredCell]:
    """Yield the cells of a case, block by block of the slide.

    Parameters
    ----------
    case : Case
        Case to read.

    Yields
    ------
    cell : StoredCell
        Masks and table row. Cells of a block come in the order of their ids; memory
        does not grow with the slide.
    """
    ids, boxes = case.cell_boxes()
    expect_steps(len(ids))
    blocks = boxes[:, :2] // BLOCK_PX
    order = np.lexsort((ids, blocks[:, 1], blocks[:, 0]))
    is_new = np.any(np.diff(blocks[order], axis=0), axis=1)
    for group in np.split(order, 1 + np.flatnonzero(is_new)):
        if group.size:
            yield from _cells_of_block(case, ids[group], boxes[group])


def _cells_of_block(
    case: Case, ids: NDArray[np.int64], boxes: NDArray[np.int64]
) -> Iterator[StoredCell]:
    """Yield cells that lie close to each other."""
    bounds = [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
    block = Region.from_bounds(*(int(bound) for bound in bounds))
    nucleus, cytoplasm = (case.read_labels(name, block) for name in LABEL_NAMES)
    for cell_id, box in zip(ids.tolist(), boxes.tolist(), strict=True):
        region = Region.from_bounds(*box)
        inside = region.shifted(-block.row, -block.column).slices
        yield StoredCell(
            cell_id,
            region,
            nucleus[inside] == cell_id,
            cytoplasm[inside] == cell_id,
            case.cell_row(cell_id),
        )
        take_step()
