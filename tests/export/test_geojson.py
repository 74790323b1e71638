"""GeoJSON as QuPath reads it: the fields of its PathObjectTypeAdapter."""

from __future__ import annotations

import json
import math
import uuid
from itertools import pairwise

import numpy as np
import pytest
from shapely.geometry import shape

from napari_leukoseg.correct import ErasePixels, MergeCells
from napari_leukoseg.export import write_geojson
from napari_leukoseg.geometry import Region

CELLS = [((40, 50), 20, 1), ((90, 90), 15, 3), ((0, 120), 12, 2)]


def features_of(case, path):
    write_geojson(case, path)
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["type"] == "FeatureCollection"
    return data["features"]


def burn(geometry, size):
    """Mask of a geometry by the even-odd rule, along the middles of pixel rows."""
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    mask = np.zeros(size, bool)
    for polygon in getattr(geometry, "geoms", [geometry]):
        for ring in (polygon.exterior, *polygon.interiors):
            for (x0, y0), (x1, y1) in pairwise(ring.coords):
                crosses = (rows > min(y0, y1)) & (rows < max(y0, y1))
                mask ^= crosses & (columns > (x0 + x1) / 2)
    return mask


def test_outlines_are_those_of_the_labels(make_case, tmp_path):
    drawn = make_case((130, 150), CELLS)
    features = features_of(drawn.case, tmp_path / "out" / "cells.geojson")
    nucleus, cell = np.zeros((2, 130, 150), np.uint32)
    for feature in features:
        cell_id = int(feature["properties"]["name"])
        whole, inner = shape(feature["geometry"]), shape(feature["nucleusGeometry"])
        assert whole.is_valid
        assert inner.is_valid
        assert whole.contains(inner)
        nucleus[burn(inner, nucleus.shape)] = cell_id
        cell[burn(whole, cell.shape)] = cell_id
    np.testing.assert_array_equal(nucleus, drawn.nucleus)
    np.testing.assert_array_equal(cell, drawn.nucleus + drawn.cytoplasm)


def test_properties_are_those_of_qupath(make_case, tmp_path):
    case = make_case((130, 150), CELLS, mpp=0.1).case
    table = case.table().set_index("cell_id")
    for feature in features_of(case, tmp_path / "cells.json"):
        assert set(feature) == {
            "type",
            "id",
            "geometry",
            "nucleusGeometry",
            "properties",
        }
        assert uuid.UUID(feature["id"])
        properties = feature["properties"]
        assert properties["objectType"] == "cell"
        row = table.loc[int(properties["name"])]
        cell_class = case.scheme[int(row["class_id"])]
        assert properties["classification"] == {
            "name": cell_class.name,
            "color": [round(255 * v) for v in cell_class.rgb],
        }
        measurements = properties["measurements"]
        assert all(type(value) is float for value in measurements.values())
        for name, value in row.drop(["class_id", "reviewed"]).items():
            if name in measurements:
                assert measurements[name] == value
            else:
                assert math.isnan(value)
        assert properties["metadata"] == {"reviewed": "false"}


def test_cell_in_pieces_with_a_hole_and_without_a_nucleus(make_case, tmp_path):
    case = make_case((130, 150), CELLS[:2]).case
    MergeCells((1, 2)).apply(case)
    everywhere = Region(0, 0, 130, 150)
    ErasePixels("nucleus", everywhere, np.ones((130, 150), bool)).apply(case)
    (feature,) = features_of(case, tmp_path / "cells.json")
    geometry = shape(feature["geometry"])
    assert geometry.is_valid
    assert geometry.geom_type == "MultiPolygon"
    assert all(len(polygon.interiors) == 1 for polygon in geometry.geoms)
    assert geometry.area == case.table()["cell_area_px"][0]
    assert "nucleusGeometry" not in feature


def test_ids_do_not_change(make_case, tmp_path):
    case = make_case((130, 150), CELLS).case
    first, again = (features_of(case, tmp_path / name) for name in "ab")
    assert first == again
    assert len({feature["id"] for feature in first}) == 3


@pytest.mark.parametrize("name", ["a.geojson", "a.json"])
def test_no_cell(make_case, tmp_path, name):
    assert features_of(make_case((20, 20)).case, tmp_path / name) == []
