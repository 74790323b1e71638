"""Edits of cells as data with inverses, and one history over all of them."""

from napari_leukoseg.correct.bench import Part
from napari_leukoseg.correct.cells import (
    AddCell,
    AssignClass,
    DeleteCells,
    MarkAreaReviewed,
    MarkReviewed,
    MergeCells,
    ReplaceMasks,
)
from napari_leukoseg.correct.clicking import (
    ArrayPixels,
    Clicker,
    NoCellError,
    Prompt,
)
from napari_leukoseg.correct.edit import Edit, PlannedEdit, RestoreCells
from napari_leukoseg.correct.history import History
from napari_leukoseg.correct.outlines import FillHoles, GrowCells, SmoothCells
from napari_leukoseg.correct.pixels import ErasePixels, PaintPixels
from napari_leukoseg.correct.scheme import adopt_classes, change_scheme
from napari_leukoseg.correct.splitting import SplitByWatershed, SplitCell

__all__ = [
    "AddCell",
    "ArrayPixels",
    "AssignClass",
    "Clicker",
    "DeleteCells",
    "Edit",
    "ErasePixels",
    "FillHoles",
    "GrowCells",
    "History",
    "MarkAreaReviewed",
    "MarkReviewed",
    "MergeCells",
    "NoCellError",
    "PaintPixels",
    "Part",
    "PlannedEdit",
    "Prompt",
    "ReplaceMasks",
    "RestoreCells",
    "SmoothCells",
    "SplitByWatershed",
    "SplitCell",
    "adopt_classes",
    "change_scheme",
]
