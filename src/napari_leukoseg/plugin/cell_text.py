"""What is known of one cell, in a line for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from napari_leukoseg.classes import ClassScheme

__all__ = ["describe_cell"]


def describe_cell(table: pd.DataFrame, scheme: ClassScheme, cell_id: int) -> str:
    """Return class, confidence and size of a cell; empty if there is no such cell.

    Parameters
    ----------
    table : DataFrame
        Cell table.
    scheme : ClassScheme
        Names of classes.
    cell_id : int
        Cell, 0 for none.
    """
    import pandas as pd

    rows = table[table["cell_id"] == cell_id]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    parts = [f"Cell {cell_id}: {scheme[int(row['class_id'])].name}"]
    if pd.notna(row.get("confidence")):
        parts.append(f"confidence {row['confidence']:.0%}")
    if pd.notna(row.get("cell_area_um2")):
        parts.append(f"{row['cell_area_um2']:.0f} µm²")
    if pd.notna(row.get("nucleus_to_cytoplasm_ratio")):
        parts.append(f"N:C {row['nucleus_to_cytoplasm_ratio']:.2g}")
    return ", ".join(parts)
