"""Reading half of a case: what it holds, while others may write it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from napari_leukoseg.case.files import os_errors
from napari_leukoseg.case.layout import LABEL_NAMES, CaseInfo, label_folder
from napari_leukoseg.case.ledger import Ledger
from napari_leukoseg.case.masks import StoredCell
from napari_leukoseg.case.pyramid import LabelPyramid
from napari_leukoseg.case.touched import Touched
from napari_leukoseg.errors import CaseError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from napari_leukoseg.case.state import CaseState
    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.geometry import Region
    from napari_leukoseg.slide import SlideReader

__all__ = ["CaseReader"]


class CaseReader:
    """Labels, cell table and provenance of one slide, never locked.

    Parameters
    ----------
    path : Path
        Case folder.
    info : CaseInfo
        What it says of its slide.
    """

    def __init__(self, path: Path, info: CaseInfo) -> None:
        self.path = path
        self._info = info
        nucleus, cytoplasm = (label_folder(path, name) for name in LABEL_NAMES)
        self._labels = (
            LabelPyramid(nucleus, info.shape),
            LabelPyramid(cytoplasm, info.shape),
        )
        self._ledger = Ledger(path, info.snapshot)
        self._mutex = threading.RLock()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the slide at level 0."""
        return self._info.shape

    @property
    def mpp(self) -> float | None:
        """µm per pixel at level 0, none if unknown."""
        return self._info.mpp

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the slide."""
        return self._info.fingerprint

    @property
    def source_name(self) -> str:
        """File name of the slide."""
        return self._info.source_name

    @property
    def scheme(self) -> ClassScheme:
        """Cell classes."""
        return self._ledger.state.scheme or self._info.scheme

    @property
    def specimen(self) -> str | None:
        """Pseudonym of the specimen."""
        return self._info.specimen

    @property
    def n_levels(self) -> int:
        """Number of levels of the label pyramids."""
        return len(self._labels[0].shapes)

    @property
    def revision(self) -> int:
        """Number that grows with every commit, whichever process makes it.

        Cheap enough to poll, and never waits for a commit in another thread.
        """
        if self._mutex.acquire(blocking=False):
            try:
                with self._reading() as state:
                    return state.revision
            finally:
                self._mutex.release()
        return self._ledger.state.revision

    @property
    def provenance(self) -> list[dict[str, Any]]:
        """One plain record a run, oldest first."""
        with self._reading() as state:
            return [dict(run) for run in state.runs]

    @property
    def protected_ids(self) -> frozenset[int]:
        """Cells that a person edited or reviewed; no run changes them."""
        with self._reading() as state:
            return state.protected

    @property
    def signed_off(self) -> dict[str, Any] | None:
        """Name, time and count of the sign-off in force, none if there is none."""
        with self._reading() as state:
            return state.signed_off and dict(state.signed_off)

    @property
    def reviewed_areas(self) -> tuple[Region, ...]:
        """Areas in which a person has found every cell; no run adds one there."""
        with self._reading() as state:
            return tuple(state.areas)

    def cell_boxes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where the cells are.

        Returns
        -------
        cell_ids : ndarray of int64, shape (n_cells,)
            In no stated order.
        boxes : ndarray of int64, shape (n_cells, 4)
            Row, column, row stop and column stop of each cell at level 0.
        """
        with self._reading() as state:
            return state.boxes()

    def cell_row(self, cell_id: int) -> dict[str, Any]:
        """Return the table row of a cell, less its id; none where missing.

        Raises
        ------
        SettingsError
            If there is no such cell.
        """
        with self._reading() as state:
            if cell_id not in state.cells:
                raise SettingsError(
                    f"{self.path.name} has no cell {cell_id}; name cells of its table."
                )
            return state.cells.row(cell_id)

    def cell(self, cell_id: int) -> StoredCell:
        """Return masks and table row of a cell.

        Raises
        ------
        SettingsError
            If there is no such cell.
        """
        with self._reading() as state:
            row = self.cell_row(cell_id)
            region = state.box(cell_id)
            nucleus, cytoplasm = (
                self.read_labels(name, region) == cell_id for name in LABEL_NAMES
            )
        return StoredCell(int(cell_id), region, nucleus, cytoplasm, row)

    @property
    def next_id(self) -> int:
        """Id of the next new cell."""
        with self._reading() as state:
            return state.next_id

    def summary(self) -> dict[str, Any]:
        """Return the facts of the case as plain data."""
        with self._reading() as state:
            return {
                "path": str(self.path),
                "source_name": self.source_name,
                "fingerprint": self.fingerprint,
                "shape": list(self.shape),
                "mpp": self.mpp,
                "specimen": self.specimen,
                "n_cells": len(state.cells),
                "n_protected": len(state.protected),
                "signed_off": state.signed_off,
                "runs": [dict(run) for run in state.runs],
            }

    def check_slide(self, slide: SlideReader) -> None:
        """Make sure that a slide is the one the case was made from.

        Raises
        ------
        CaseError
            If its fingerprint or shape differs.
        """
        shape = tuple(slide.shape)
        if slide.fingerprint != self.fingerprint or shape != self.shape:
            raise CaseError(
                f"{self.path} belongs to the slide {self.source_name!r} of "
                f"{self.shape[0]}x{self.shape[1]} pixels, not to {slide.path.name!r} "
                f"of {shape[0]}x{shape[1]}, which is another one or was changed "
                "since; open its own slide, or choose another output folder."
            )

    def label_array(self, name: str, level: int = 0) -> zarr.Array[Any]:
        """Return a label image as a lazy, read-only zarr array of uint32.

        Parameters
        ----------
        name : str
            ``"nucleus"`` or ``"cytoplasm"``.
        level : int, optional
            Level, 0 the finest; each next one takes every second pixel.
        """
        self._pyramid(name)
        return zarr.open_array(label_folder(self.path, name) / str(level), mode="r")

    def read_labels(
        self, name: str, region: Region, level: int = 0
    ) -> NDArray[np.uint32]:
        """Read cell ids.

        Parameters
        ----------
        name : str
            ``"nucleus"`` or ``"cytoplasm"``.
        region : Region
            Rectangle inside the level, in that level's pixels.
        level : int, optional
            Level, 0 the finest.

        Returns
        -------
        labels : ndarray of uint32, shape (height, width) of `region`
            Cell ids; 0 is background.

        Raises
        ------
        SettingsError
            If there is no such label image, level or region.
        """
        pyramid = self._pyramid(name)
        with os_errors(self.path, "read"):
            return pyramid.read(region, level)

    def read_ids(self, region: Region, level: int = 0) -> NDArray[np.uint32]:
        """Read cell ids, whether of nucleus or cytoplasm.

        Parameters
        ----------
        region : Region
            Rectangle inside the level, in that level's pixels.
        level : int, optional
            Level, 0 the finest.

        Returns
        -------
        labels : ndarray of uint32, shape (height, width) of `region`
            Cell ids; 0 is background.
        """
        nucleus, cytoplasm = (
            self.read_labels(name, region, level) for name in LABEL_NAMES
        )
        return np.maximum(nucleus, cytoplasm)  # they never overlap

    def read_classes(self, region: Region, level: int = 0) -> NDArray[np.uint8]:
        """Read class ids, derived from the cell table.

        Parameters
        ----------
        region : Region
            Rectangle inside the level, in that level's pixels.
        level : int, optional
            Level, 0 the finest.

        Returns
        -------
        classes : ndarray of uint8, shape (height, width) of `region`
            Class ids; 0 is background.
        """
        ids = self.read_ids(region, level)
        lut = self.class_lut()
        # A tile in flight shows ids that the table does not have yet.
        ids[ids >= len(lut)] = 0
        classes: NDArray[np.uint8] = lut[ids]
        return classes

    def class_lut(self) -> NDArray[np.uint8]:
        """Return the class id of every cell id, 0 where there is no cell."""
        with self._reading() as state:
            return state.class_lut()

    def table(self, only: Collection[str] | None = None) -> pd.DataFrame:
        """Return the cell table: one row a cell, sorted by ``cell_id``.

        Parameters
        ----------
        only : collection of str, optional
            Columns to give besides the id, which costs less than all; those that
            are not there are passed over.
        """
        with self._reading() as state:
            return state.cells.to_frame(only)

    @property
    def position(self) -> int:
        """Byte of the journal after the last commit, whichever process made it."""
        with self._reading():
            return self._ledger.offset

    def touched_since(self, position: int) -> Touched:
        """Return what has changed since an earlier `position`."""
        with self._reading():
            records = self._ledger.records(position)
            return Touched.by_records(records, self._ledger.offset)

    @contextmanager
    def _reading(self) -> Iterator[CaseState]:
        """Give the state, with what another process has appended."""
        with self._mutex, os_errors(self.path, "read"):
            self._ledger.refresh()
            yield self._ledger.state

    def _finished_tiles(self, number: int) -> frozenset[int]:
        """Return the committed tiles of a run, none where a newer one has begun."""
        with self._reading() as state:
            return frozenset(state.tiles if len(state.runs) == number else ())

    def _pyramid(self, name: str) -> LabelPyramid:
        """Return a label image by name."""
        if name not in LABEL_NAMES:
            raise SettingsError(
                f"There is no label image {name!r}; give one of "
                f"{', '.join(LABEL_NAMES)}."
            )
        return self._labels[LABEL_NAMES.index(name)]
