from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from napari_leukoseg.cells import COLUMNS, measure_cell
from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass, ClassScheme
from napari_leukoseg.errors import SettingsError

DIAMETERS = [20, 61, 130, 300]


def same(left, right):
    """Whether two values are equal, not-a-number included."""
    return left == right or (math.isnan(left) and math.isnan(right))


@pytest.mark.parametrize("mpp", [None, 0.1])
def test_row_holds_the_columns_in_order_as_plain_values(draw_cell, mpp):
    row = measure_cell(*draw_cell(40), mpp=mpp)
    assert ("cell_id", *row) == COLUMNS
    assert {type(value) for value in row.values()} <= {int, float, bool}
    json.dumps(row)


def test_values_of_a_drawn_cell(draw_cell):
    image, cell = draw_cell(100, nucleus=0.5)
    row = measure_cell(image, cell, mpp=0.2)
    assert row["class_id"] == 2
    assert row["confidence"] == row["probability_lymphocyte"] == 0.6
    assert row["score"] == 0.9
    assert row["reviewed"] is False
    assert row["cell_area_px"] == row["nucleus_area_px"] + row["cytoplasm_area_px"]
    assert row["cell_area_um2"] == pytest.approx(row["cell_area_px"] * 0.04)
    assert row["cell_diameter_um"] == pytest.approx(20, rel=0.02)
    assert row["nucleus_to_cytoplasm_ratio"] == pytest.approx(1 / 3, rel=0.03)
    assert row["nucleus_fraction"] == pytest.approx(1 / 4, rel=0.03)
    assert row["nucleus_lobes"] == 1
    assert row["nucleus_green_od"] > row["cytoplasm_green_od"]
    assert row["centroid_row_px"] == pytest.approx(40 + (image.shape[0] - 1) / 2)
    assert row["centroid_row_um"] == pytest.approx(0.2 * row["centroid_row_px"])
    assert (row["box_row_px"], row["box_row_stop_px"]) == (43, 143)
    assert (row["box_column_px"], row["box_column_stop_px"]) == (73, 173)


@pytest.mark.parametrize("margin", [0, 1, 25])
def test_empty_margin_changes_nothing(draw_cell, margin):
    image, cell = draw_cell(50, margin=30)
    tight = slice(30 - margin, 80 + margin)
    cropped = replace(
        cell,
        region=cell.region.padded(margin - 30),
        nucleus=cell.nucleus[tight, tight],
        cytoplasm=cell.cytoplasm[tight, tight],
    )
    row = measure_cell(image, cell, mpp=0.1)
    other = measure_cell(image[tight, tight], cropped, mpp=0.1)
    assert all(same(row[name], other[name]) for name in row)


@pytest.mark.parametrize("diameter", DIAMETERS)
@pytest.mark.parametrize("nucleus", [0, 0.05, 0.6, 1])
def test_features_stay_finite_or_empty_at_every_size(draw_cell, diameter, nucleus):
    row = measure_cell(*draw_cell(diameter, nucleus=nucleus), mpp=0.1)
    assert not any(math.isinf(value) for value in row.values())
    for name in ("cell_eccentricity", "cell_solidity", "cell_circularity"):
        assert 0 <= row[name] <= 1
    assert 0 <= row["nucleus_fraction"] <= 1


@pytest.mark.parametrize("name", ["solidity", "circularity", "eccentricity"])
def test_shape_hardly_depends_on_size(draw_cell, name):
    values = [measure_cell(*draw_cell(d), mpp=None)[f"cell_{name}"] for d in DIAMETERS]
    assert np.ptp(values) < 0.08


def test_absent_nucleus(draw_cell):
    row = measure_cell(*draw_cell(40, nucleus=0), mpp=0.1)
    assert row["nucleus_lobes"] == row["nucleus_area_px"] == 0
    assert row["nucleus_to_cytoplasm_ratio"] == row["nucleus_fraction"] == 0
    assert math.isnan(row["nucleus_red_mean"])
    assert math.isnan(row["nucleus_circularity"])


def test_absent_cytoplasm(draw_cell):
    row = measure_cell(*draw_cell(40, nucleus=1), mpp=0.1)
    assert math.isnan(row["nucleus_to_cytoplasm_ratio"])
    assert row["nucleus_fraction"] == 1
    assert math.isnan(row["cytoplasm_texture_energy"])


def test_unknown_pixel_size_empties_the_um_columns_only(draw_cell):
    row = measure_cell(*draw_cell(40), mpp=None)
    empty = {name for name, value in row.items() if math.isnan(value)}
    assert empty == {name for name in row if name.endswith(("_um", "_um2"))}


@pytest.mark.parametrize(
    ("row", "column", "slide_shape", "touches"),
    [
        (0, 9, None, True),
        (9, 0, (100, 100), True),
        (9, 9, (29, 100), True),
        (9, 9, (100, 29), True),
        (9, 9, (30, 30), False),
        (9, 9, None, False),
    ],
)
def test_touching_the_border(draw_cell, row, column, slide_shape, touches):
    drawn = draw_cell(20, margin=0, row=row, column=column)
    measured = measure_cell(*drawn, mpp=None, slide_shape=slide_shape)
    assert measured["touches_border"] is touches


def test_single_pixel(draw_cell):
    image, cell = draw_cell(5)
    dot = np.zeros(cell.nucleus.shape, bool)
    dot[2, 3] = True
    row = measure_cell(image, replace(cell, nucleus=dot, cytoplasm=~dot & dot), mpp=1)
    assert row["cell_area_px"] == row["nucleus_lobes"] == 1
    assert row["cell_solidity"] == row["nucleus_fraction"] == 1


def test_own_scheme_names_the_probabilities(draw_cell):
    image, cell = draw_cell(30)
    cell = replace(cell, class_ids=(1, 7), class_probabilities=np.array([0.3, 0.7]))
    scheme = ClassScheme((*DEFAULT_SCHEME, CellClass(7, "blast", "7", "#ff00ff")))
    row = measure_cell(image, cell, mpp=None, scheme=scheme)
    assert row["class_id"] == 7
    assert row["probability_blast"] == 0.7
    assert "probability_lymphocyte" not in row
    with pytest.raises(SettingsError, match="7 is not in the scheme"):
        measure_cell(image, cell, mpp=None)


def test_wrong_input_is_refused(draw_cell):
    image, cell = draw_cell(30)
    with pytest.raises(SettingsError, match="does not fit a cell of 36x36"):
        measure_cell(image[1:], cell, mpp=None)
    nothing = np.zeros_like(cell.nucleus)
    with pytest.raises(SettingsError, match="has no pixel"):
        measure_cell(image, replace(cell, nucleus=nothing, cytoplasm=nothing), mpp=None)
