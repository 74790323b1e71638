"""Consolidated cell table: what the journal says up to a byte, quick to read."""

from __future__ import annotations

import shutil
import zlib
from array import array
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from napari_leukoseg.case.columns import CellColumns, Column, Kind
from napari_leukoseg.case.state import CaseState

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SNAPSHOT_PREFIX", "read_snapshot", "write_snapshot"]

SNAPSHOT_PREFIX = "cells-"
"""Begins the name of every snapshot array."""

_CHUNK_ROWS = 16_384


def write_snapshot(folder: Path, state: CaseState, offset: int, tail: str) -> None:
    """Write a state as one zarr array of float64, a row a cell.

    The array's attributes name its columns and say what their numbers mean: bool
    and int as such, NaN for missing, text as an index into the column's texts.

    Parameters
    ----------
    folder : Path
        Array to write; replaced where an earlier attempt left one.
    state : CaseState
        What the journal says.
    offset : int
        Bytes of the journal that the state covers.
    tail : str
        Last bytes before `offset`, which identify the journal.
    """
    if folder.exists():
        shutil.rmtree(folder)
    columns = list(state.cells)
    texts = [_texts(column) for column in columns]
    numbers = [_encode(*pair) for pair in zip(columns, texts, strict=True)]
    values = np.stack(numbers, axis=1)  # (n_cells, n_columns)
    zarr.create_array(
        folder,
        data=values,
        chunks=(min(max(len(values), 1), _CHUNK_ROWS), len(columns)),
        attributes={
            "columns": [
                {"name": column.name, "kind": column.kind, "texts": known}
                for column, known in zip(columns, texts, strict=True)
            ],
            "checksum": zlib.crc32(values.tobytes()),
            "state": state.to_dict(),
            "offset": offset,
            "tail": tail,
        },
    )


def read_snapshot(folder: Path) -> tuple[CaseState, int, str]:
    """Read what `write_snapshot` wrote.

    Returns
    -------
    state : CaseState
        What the journal said.
    offset : int
        Bytes of the journal that the state covers.
    tail : str
        Last bytes before `offset`.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError, RuntimeError
        If the array is missing or damaged.
    """
    stored = zarr.open_array(folder, mode="r")
    values = np.asarray(stored[:], dtype=np.float64)
    attributes: dict[str, Any] = stored.attrs.asdict()
    # A power cut may have left chunks unwritten, which zarr reads as zeros.
    if zlib.crc32(values.tobytes()) != attributes["checksum"]:
        raise ValueError(f"{folder} does not hold what was written")
    columns = [
        _decode(entry["name"], entry["kind"], entry["texts"], numbers)
        for entry, numbers in zip(attributes["columns"], values.T, strict=True)
    ]
    cells = CellColumns.of_columns(columns)
    state = CaseState.from_dict(attributes["state"], cells)
    return state, int(attributes["offset"]), str(attributes["tail"])


def _texts(column: Column) -> list[str]:
    """Return the texts that occur in a column, none for numbers."""
    if not isinstance(column.values, list):
        return []
    return sorted({value for value in column.values if value is not None})


def _encode(column: Column, texts: list[str]) -> NDArray[np.float64]:
    """Return a column as numbers."""
    if not isinstance(column.values, list):
        return np.array(column.values, dtype=np.float64)
    codes: dict[str | None, float] = {text: i for i, text in enumerate(texts)}
    codes[None] = np.nan
    return np.array([codes[value] for value in column.values], dtype=np.float64)


def _decode(
    name: str, kind: str | None, texts: list[str], numbers: NDArray[np.float64]
) -> Column:
    """Return a column from its numbers."""
    if kind == Kind.TEXT:
        known = dict(enumerate(texts))
        return Column(name, Kind.TEXT, [known.get(code) for code in numbers.tolist()])
    values = array("d", numbers.tobytes())
    return Column(name, None if kind is None else Kind(kind), values)
