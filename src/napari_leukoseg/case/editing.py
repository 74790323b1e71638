"""Editing half of a case: what a person does to it, each step durable."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.case.changes import (
    change_of,
    inverse_of,
    pack_change,
    unpack_change,
)
from napari_leukoseg.case.checking import check_change
from napari_leukoseg.case.columns import plain_row
from napari_leukoseg.case.files import os_errors
from napari_leukoseg.case.layout import read_info
from napari_leukoseg.case.plain import plain_data, time_now
from napari_leukoseg.case.reading import CaseReader
from napari_leukoseg.case.writer import CaseWriter
from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from napari_leukoseg.case.changes import CellChanges
    from napari_leukoseg.case.layout import CaseInfo
    from napari_leukoseg.case.state import CaseState
    from napari_leukoseg.classes import ClassScheme

    Change = dict[str, Any]

__all__ = ["CaseEditor"]

_RESERVED = {"kind", "time", "cells", "erase", "scheme"}
_RECORD_ONLY = {"kind", "time", "action", "erase", "inverse"}
"""Fields of a change's record that are not of the change itself."""


class CaseEditor(CaseReader):
    """Case that a person may edit; the first edit makes it the writer.

    Parameters
    ----------
    path : Path
        Case folder.
    info : CaseInfo
        What it says of its slide.
    """

    def __init__(self, path: Path, info: CaseInfo) -> None:
        super().__init__(path, info)
        self._writer: CaseWriter | None = None

    @property
    def undo_action(self) -> str | None:
        """Action of the edit that `undo` would take back, none if there is none."""
        with self._reading() as state:
            return self._action_at(state.done)

    @property
    def redo_action(self) -> str | None:
        """Action of the edit that `redo` would do again, none if there is none."""
        with self._reading() as state:
            return self._action_at(state.undone)

    def change(self, action: str, plan: Callable[[], CellChanges]) -> Change:
        """Carry out an edit of cells; durable on return.

        Parameters
        ----------
        action : str
            What the edit is called in the history.
        plan : callable
            Says what is to become of cells. It may read the case, and nobody else
            writes in the meantime.

        Returns
        -------
        inverse : dict
            Takes the edit back exactly with `restore`. Empty where all was as the
            plan wants it; then nothing is recorded.

        Raises
        ------
        SettingsError
            If the plan names cells or classes that do not exist, or gives one pixel
            to two cells. The case is then as before.
        CaseError
            If the case cannot be written.
        """
        with self._writing() as (writer, state):
            writer.recover()
            change = change_of(plan(), state, self.cell)
            return self._commit(writer, "change", action, change)

    def restore(self, action: str, change: Change) -> Change:
        """Carry out what `change` returned, as an edit of its own.

        Parameters
        ----------
        action : str
            What the edit is called in the history.
        change : dict
            What `change` or `restore` returned.

        Returns
        -------
        inverse : dict
            Takes this edit back exactly.

        Raises
        ------
        SettingsError
            If the case has changed so that it cannot be done.
        CaseError
            If the case cannot be written.
        """
        with self._writing() as (writer, _):
            writer.recover()
            return self._commit(writer, "change", action, change)

    def undo(self) -> str | None:
        """Take back the last edit of cells; durable on return.

        The history outlives the program. It begins anew where a run has changed
        labels.

        Returns
        -------
        action : str or None
            What was taken back, none where there is nothing.

        Raises
        ------
        SettingsError
            If a class that a cell would get back is gone from the scheme.
        CaseError
            If the case cannot be written.
        """
        with self._writing() as (writer, state):
            if not state.done:
                return None
            writer.recover()
            record = self._ledger.record_at(state.done[-1])
            action, change = record["action"], unpack_change(record["inverse"])
            self._commit(writer, "undo", action, change)
            return str(action)

    def redo(self) -> str | None:
        """Do again what `undo` took back last; durable on return.

        Returns
        -------
        action : str or None
            What was done again, none where there is nothing.

        Raises
        ------
        SettingsError
            If a class that a cell would get is gone from the scheme.
        CaseError
            If the case cannot be written.
        """
        with self._writing() as (writer, state):
            if not state.undone:
                return None
            writer.recover()
            record = self._ledger.record_at(state.undone[-1])
            change = {k: v for k, v in record.items() if k not in _RECORD_ONLY}
            self._commit(writer, "redo", record["action"], change)
            return str(record["action"])

    def append_edit(self, record: Mapping[str, Any]) -> None:
        """Record what a person did, without a way back; durable on return.

        Parameters
        ----------
        record : mapping
            Plain data. ``"cell_ids"`` names the cells that were edited or
            reviewed, which protects them from later runs. ``"rows"``, optional,
            holds new values of table columns, each with its ``"cell_id"``, which
            joins the others. With rows, the history begins anew.

        Raises
        ------
        SettingsError
            If it names cells that do not exist.
        CaseError
            If the case cannot be written.
        """
        plain = plain_data(record)
        reserved = _RESERVED & plain.keys()
        if reserved:
            raise SettingsError(
                f"An edit may not name {sorted(reserved)[0]!r} itself; leave it out."
            )
        rows = [plain_row(row) for row in plain.get("rows", ())]
        touched = [*plain.get("cell_ids", ()), *(row.get("cell_id") for row in rows)]
        cell_ids = list(dict.fromkeys(touched))
        with self._writing() as (writer, state):
            for cell_id in cell_ids:
                if cell_id not in state.cells:
                    raise SettingsError(
                        f"The edit names cell {cell_id}, which {self.path.name} does "
                        "not have; name cells of its table."
                    )
            extra = {**plain, "cell_ids": cell_ids, "rows": rows}
            writer.commit({"kind": "edit", "time": time_now(), **extra})

    def sign_off(self, name: str, count: Mapping[str, Any] | None = None) -> None:
        """Record that a person vouches for the count; durable on return.

        It holds until the next edit or run.

        Parameters
        ----------
        name : str
            Name of the person.
        count : mapping, optional
            Plain data on what is signed, such as a differential count.

        Raises
        ------
        SettingsError
            If the name is empty, or the count is not plain data.
        CaseError
            If the case cannot be written.
        """
        if not name.strip():
            raise SettingsError("A sign-off without a name is void; give a name.")
        plain = None if count is None else plain_data(count)
        record = {"kind": "sign_off", "name": name.strip(), "count": plain}
        with self._writing() as (writer, _):
            writer.commit({**record, "time": time_now()})

    def set_scheme(self, scheme: ClassScheme) -> None:
        """Give the case other classes; durable on return, and not undone by `undo`.

        It counts as an edit, since it may change what a count means.

        Raises
        ------
        SettingsError
            If cells have a class that the new scheme lacks.
        CaseError
            If the case cannot be written.
        """
        with self._writing() as (writer, state):
            for class_id in np.unique(state.class_lut()).tolist():
                if class_id and class_id not in scheme:
                    raise SettingsError(
                        f"Cells of {self.path.name} are of class {class_id}, which "
                        "the new scheme lacks; give them another class first."
                    )
            record = {"kind": "edit", "action": "SetScheme", "cell_ids": []}
            writer.commit({**record, "time": time_now(), "scheme": scheme.to_dict()})

    @contextmanager
    def _writing(self) -> Iterator[tuple[CaseWriter, CaseState]]:
        """Give the writer, which holds the lock from the first call on."""
        with self._mutex, os_errors(self.path, "written"):
            if self._writer is None:
                self._writer = CaseWriter(self.path, self._ledger, self.shape)
                self._info = read_info(self.path)
            yield self._writer, self._ledger.state

    def _commit(
        self, writer: CaseWriter, kind: str, action: str, change: Change
    ) -> Change:
        """Check and record a change, and return its inverse."""
        if not change:
            return {}
        state = self._ledger.state
        check_change(change, state, self.scheme, self.read_ids, self.shape)
        inverse = inverse_of(change, state, self.cell)
        moved = [entry["id"] for entry in change.get("cells", ())]
        moved += change.get("removed", ())
        boxes = [[i, *state.box(i).bounds] for i in moved if i in state.cells]
        record = {"kind": kind, "time": time_now(), "action": action, "erase": boxes}
        if kind == "change":
            record["inverse"] = pack_change(inverse)
        writer.commit({**record, **change})
        return inverse

    def _action_at(self, places: list[int]) -> str | None:
        """Return the action of the last of some edits."""
        return str(self._ledger.record_at(places[-1])["action"]) if places else None
