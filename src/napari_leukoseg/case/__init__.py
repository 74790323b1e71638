"""One slide on disk: label pyramids, cell table, provenance and journal."""

from napari_leukoseg.case.case import Case
from napari_leukoseg.case.changes import CellChanges
from napari_leukoseg.case.layout import LABEL_NAMES
from napari_leukoseg.case.masks import StoredCell, boxes_meeting, tight_box
from napari_leukoseg.case.paths import (
    CASE_SUFFIX,
    case_path,
    is_case,
    slide_stem,
    unique_stems,
)
from napari_leukoseg.case.pyramid import level_shapes
from napari_leukoseg.case.run import Run
from napari_leukoseg.case.state import CLASS_COLUMN, REVIEWED_COLUMN
from napari_leukoseg.case.touched import Touched

__all__ = [
    "CASE_SUFFIX",
    "CLASS_COLUMN",
    "LABEL_NAMES",
    "REVIEWED_COLUMN",
    "Case",
    "CellChanges",
    "Run",
    "StoredCell",
    "Touched",
    "boxes_meeting",
    "case_path",
    "is_case",
    "level_shapes",
    "slide_stem",
    "tight_box",
    "unique_stems",
]
