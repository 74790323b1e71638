"""One slide on disk: label pyramids, cell table, provenance and journal."""

from napari_leukoseg.case.case import Case
from napari_leukoseg.case.layout import LABEL_NAMES
from napari_leukoseg.case.paths import (
    CASE_SUFFIX,
    case_path,
    is_case,
    slide_stem,
    unique_stems,
)
from napari_leukoseg.case.run import Run
from napari_leukoseg.case.state import CLASS_COLUMN

__all__ = [
    "CASE_SUFFIX",
    "CLASS_COLUMN",
    "LABEL_NAMES",
    "Case",
    "Run",
    "case_path",
    "is_case",
    "slide_stem",
    "unique_stems",
]
