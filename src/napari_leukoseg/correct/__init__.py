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
from napari_leukoseg.correct.edit import Edit, PlannedEdit, RestoreCells
from napari_leukoseg.correct.history import History
from napari_leukoseg.correct.outlines import FillHoles, GrowCells, SmoothCells
from napari_leukoseg.correct.pixels import ErasePixels, PaintPixels
from napari_leukoseg.correct.scheme import change_scheme
from napari_leukoseg.correct.splitting import SplitByWatershed, SplitCell

__all__ = [
    "AddCell",
    "AssignClass",
    "DeleteCells",
    "Edit",
    "ErasePixels",
    "FillHoles",
    "GrowCells",
    "History",
    "MarkAreaReviewed",
    "MarkReviewed",
    "MergeCells",
    "PaintPixels",
    "Part",
    "PlannedEdit",
    "ReplaceMasks",
    "RestoreCells",
    "SmoothCells",
    "SplitByWatershed",
    "SplitCell",
    "change_scheme",
]
