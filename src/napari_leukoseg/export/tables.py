"""Cell table of a case as a CSV or Parquet file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_leukoseg.cells import column_guide
from napari_leukoseg.errors import ExportError
from napari_leukoseg.export.files import replaced_when_complete

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from napari_leukoseg.case import Case
    from napari_leukoseg.classes import ClassScheme

__all__ = ["write_cell_csv", "write_cell_parquet"]

DIGITS = 8
"""Significant digits: a hundredth of a pixel on the largest slides."""


def write_cell_csv(case: Case, path: Path) -> None:
    """Write the cell table as CSV in UTF-8.

    Columns stand in the order of `column_guide`, ``cell_id`` first, with
    ``class_name`` after ``class_id`` and unknown columns last. Probabilities of
    classes that no model has judged are left out; values that do not exist are
    empty.

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
    table = _arranged(case.table(), case.scheme)
    with replaced_when_complete(path) as partial:
        table.to_csv(
            partial,
            index=False,
            encoding="utf-8",
            lineterminator="\n",
            float_format=f"%.{DIGITS}g",
        )


def write_cell_parquet(case: Case, path: Path) -> None:
    """Write the cell table as Parquet, with the columns of `write_cell_csv`.

    Parameters
    ----------
    case : Case
        Case to export.
    path : Path
        File to make or to replace; its folder is made if missing.

    Raises
    ------
    ExportError
        If pyarrow is not installed, or the folder cannot be written to.
    """
    table = _arranged(case.table(), case.scheme)
    with replaced_when_complete(path) as partial:
        try:
            table.to_parquet(partial, engine="pyarrow", index=False)
        except ImportError as error:
            raise ExportError(
                "Parquet needs pyarrow, which is not installed; run: pip install "
                '"napari-leukoseg[parquet]", or export as csv.'
            ) from error


def _arranged(table: pd.DataFrame, scheme: ClassScheme) -> pd.DataFrame:
    """Add class names and put the columns in order."""
    guide = [column.name for column in column_guide(scheme)]
    known = [
        name
        for name in guide
        if name in table.columns or not name.startswith("probability_")
    ]
    others = [name for name in table.columns if name not in known]
    arranged = table.reindex(columns=[*known, *others])
    names = {cell_class.id: cell_class.name for cell_class in scheme}
    arranged.insert(2, "class_name", arranged["class_id"].map(names))
    return arranged
