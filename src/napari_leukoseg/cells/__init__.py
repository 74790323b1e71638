"""Measured, classed cells: the cell table and the differential count."""

from napari_leukoseg.cells.columns import (
    COLUMN_GUIDE,
    COLUMNS,
    Column,
    column_guide,
    probability_column,
)
from napari_leukoseg.cells.differential import (
    ClassCount,
    Differential,
    differential,
)
from napari_leukoseg.cells.differential_agreement import (
    Agreement,
    compare_with_model,
)
from napari_leukoseg.cells.differential_cells import CountSettings, Order
from napari_leukoseg.cells.measure import Row, measure_cell

__all__ = [
    "COLUMNS",
    "COLUMN_GUIDE",
    "Agreement",
    "ClassCount",
    "Column",
    "CountSettings",
    "Differential",
    "Order",
    "Row",
    "column_guide",
    "compare_with_model",
    "differential",
    "measure_cell",
    "probability_column",
]
