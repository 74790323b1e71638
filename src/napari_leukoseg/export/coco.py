"""Cells of a case in COCO's format, with run-length encoded masks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case import CLASS_COLUMN, REVIEWED_COLUMN
from napari_leukoseg.errors import ExportError
from napari_leukoseg.export.files import SOFTWARE, replaced_when_complete
from napari_leukoseg.export.walking import walk_cells

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.case import Case, StoredCell
    from napari_leukoseg.geometry import Region

__all__ = ["compress_runs", "run_lengths", "write_coco"]

MAX_PIXELS = 2**32
"""Readers hold the length of a run in 32 bits."""


def write_coco(case: Case, path: Path) -> None:
    """Write the cells as COCO instances of one image.

    The id of an annotation is that of the cell, the category that of the class, and
    ``segmentation`` the whole cell. Beside COCO's fields, ``nucleus`` has the
    nucleus in the same form, and ``reviewed`` tells whether a person has confirmed
    the cell.

    Parameters
    ----------
    case : Case
        Case to export.
    path : Path
        File to make or to replace; its folder is made if missing.

    Raises
    ------
    ExportError
        If the slide is too large for COCO, or the folder cannot be written to.
    """
    if case.shape[0] * case.shape[1] >= MAX_PIXELS:
        raise ExportError(
            f"The slide of {case.shape[0]}x{case.shape[1]} pixels is too large for "
            "COCO, whose runs end at 2^32 pixels; export as geojson or ome-zarr."
        )
    with (
        replaced_when_complete(path) as partial,
        partial.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.write(json.dumps(_head(case))[:-1] + ', "annotations": [')
        separator = "\n"
        for cell in walk_cells(case):
            file.write(separator + json.dumps(_annotation(cell, case.shape)))
            separator = ",\n"
        file.write("\n]}\n")


def run_lengths(
    mask: NDArray[np.bool_], region: Region, shape: tuple[int, int]
) -> list[int]:
    """Return the runs of a mask in a picture, column by column.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width) of `region`
        Pixels of the object.
    region : Region
        Box of the mask in the picture.
    shape : tuple of int
        Rows and columns of the picture.

    Returns
    -------
    runs : list of int
        Pixels outside, then inside, and so on; together they are the picture.
    """
    columns, rows = np.nonzero(mask.T)
    places = (columns + region.column) * shape[0] + rows + region.row
    if not places.size:
        return [shape[0] * shape[1]]
    is_last = np.append(np.diff(places) > 1, True)
    is_first = np.append(True, is_last[:-1])
    bounds = np.stack([places[is_first], places[is_last] + 1], axis=1).ravel()
    ends = np.concatenate([[0], bounds, [shape[0] * shape[1]]])
    runs: list[int] = np.diff(ends).tolist()
    return runs if runs[-1] else runs[:-1]


def compress_runs(runs: list[int]) -> str:
    """Return runs as the text that COCO's tools read.

    From the third on, a run is given as its difference to the one before the last.
    Each number is cut into groups of five bits, the lowest first; a sixth bit tells
    that more follow, and the last group's highest bit is the sign. A group is one
    character from ``0`` on.
    """
    groups = []
    for index, run in enumerate(runs):
        number = run - runs[index - 2] if index > 2 else run
        while True:
            group = number & 0x1F
            number >>= 5
            is_last = number == (-1 if group & 0x10 else 0)
            groups.append(48 + (group if is_last else group | 0x20))
            if is_last:
                break
    return bytes(groups).decode("ascii")


def _head(case: Case) -> dict[str, Any]:
    """Return everything but the cells."""
    return {
        "info": {
            "description": f"Cells of {case.source_name}",
            "contributor": SOFTWARE,
        },
        "images": [
            {
                "id": 1,
                "file_name": case.source_name,
                "height": case.shape[0],
                "width": case.shape[1],
            }
        ],
        "categories": [
            {"id": c.id, "name": c.name, "supercategory": "cell"} for c in case.scheme
        ],
    }


def _annotation(cell: StoredCell, shape: tuple[int, int]) -> dict[str, Any]:
    """Return one cell as an annotation."""
    mask, region = cell.mask, cell.region
    return {
        "id": cell.cell_id,
        "image_id": 1,
        "category_id": cell.row[CLASS_COLUMN],
        "segmentation": _encoded(mask, region, shape),
        "area": int(mask.sum()),
        "bbox": [region.column, region.row, region.width, region.height],
        "iscrowd": 0,
        "nucleus": _encoded(cell.nucleus, region, shape),
        "reviewed": bool(cell.row[REVIEWED_COLUMN]),
    }


def _encoded(
    mask: NDArray[np.bool_], region: Region, shape: tuple[int, int]
) -> dict[str, Any]:
    """Return a mask as COCO's run-length encoding."""
    counts = compress_runs(run_lengths(mask, region, shape))
    return {"size": list(shape), "counts": counts}
