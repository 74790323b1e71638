"""Cells of a case as GeoJSON that QuPath opens as cells."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case import CLASS_COLUMN, REVIEWED_COLUMN
from napari_leukoseg.export.files import replaced_when_complete
from napari_leukoseg.export.polygons import trace_polygons
from napari_leukoseg.export.walking import walk_cells

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.case import Case, StoredCell
    from napari_leukoseg.classes import CellClass
    from napari_leukoseg.geometry import Region

__all__ = ["write_geojson"]


def write_geojson(case: Case, path: Path) -> None:
    """Write the cells as a GeoJSON feature collection.

    Fields are those of QuPath's cell objects: ``geometry`` is the cell,
    ``nucleusGeometry`` its nucleus where it has one, and the properties hold
    ``objectType``, ``classification`` with its color, and all numbers of the cell
    table as ``measurements``. Coordinates are x, y in pixels of level 0, whose
    first pixel spans 0 to 1, so that outlines follow the edges of pixels.

    Parameters
    ----------
    case : Case
        Case to export.
    path : Path
        File to make or to replace; its folder is made if missing.

    Raises
    ------
    ExportError
        If the folder cannot be written to.
    """
    scheme = case.scheme
    with (
        replaced_when_complete(path) as partial,
        partial.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.write('{"type": "FeatureCollection", "features": [')
        separator = "\n"
        for cell in walk_cells(case):
            feature = _feature(cell, scheme[cell.row[CLASS_COLUMN]], case.fingerprint)
            file.write(separator + json.dumps(feature, allow_nan=False))
            separator = ",\n"
        file.write("\n]}\n")


def _feature(cell: StoredCell, cell_class: CellClass, slide: str) -> dict[str, Any]:
    """Return one cell as QuPath has it."""
    name = f"{slide}/{cell.cell_id}"
    nucleus = _geometry(cell.nucleus, cell.region)
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        "geometry": _geometry(cell.mask, cell.region),
        **({"nucleusGeometry": nucleus} if nucleus["coordinates"] else {}),
        "properties": {
            "objectType": "cell",
            "name": str(cell.cell_id),
            "classification": {
                "name": cell_class.name,
                "color": list(bytes.fromhex(cell_class.color[1:])),
            },
            "measurements": {
                name: float(value)
                for name, value in cell.row.items()
                if name not in (CLASS_COLUMN, REVIEWED_COLUMN)
                and isinstance(value, bool | int | float)
            },
            "metadata": {REVIEWED_COLUMN: str(bool(cell.row[REVIEWED_COLUMN])).lower()},
        },
    }


def _geometry(mask: NDArray[np.bool_], region: Region) -> dict[str, Any]:
    """Return a mask as a polygon, or as several."""
    origin = (region.column, region.row)
    polygons = [
        [(np.concatenate([ring, ring[:1]]) + origin).tolist() for ring in polygon]
        for polygon in trace_polygons(mask)
    ]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}
