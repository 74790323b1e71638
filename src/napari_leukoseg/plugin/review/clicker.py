"""Cells by click: asks the worker what is meant, and makes edits of its answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_leukoseg.plugin.review.packed_outline import PackedOutline

if TYPE_CHECKING:
    from napari_leukoseg.plugin.case_view import CaseView
    from napari_leukoseg.plugin.session import Session

    Point = tuple[float, float]

__all__ = ["CellClicker", "Pointed"]

_DIAMETER_COLUMN = "cell_diameter_px"


@dataclass
class Pointed:
    """All that a person has pointed at for one cell so far.

    Parameters
    ----------
    positive, negative : list of (row, column)
        Clicks in the cell, and outside it, at level 0.
    box : tuple of int, optional
        Row, column, row stop and column stop of a box around it.
    cell_id : int, optional
        The cell, once it is one.
    """

    positive: list[Point] = field(default_factory=list)
    negative: list[Point] = field(default_factory=list)
    box: tuple[int, int, int, int] | None = None
    cell_id: int | None = None


class CellClicker(QObject):
    """Adds the cell that was clicked on, and corrects it by further clicks.

    Several cells may be clicked on before the first answer is there.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.

    Attributes
    ----------
    state_changed : Signal
        See `n_waiting` and `pointed`.
    pointed : Pointed
        Clicks of the cell that a further click would correct.
    """

    state_changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._desk = session, session.desk
        self.pointed = Pointed()
        self._waiting: dict[int, tuple[CaseView, Pointed]] = {}
        session.client.event.connect(self._hear)
        self._desk.selection_changed.connect(self._on_selection)

    @property
    def n_waiting(self) -> int:
        """Number of cells that the worker has not outlined yet."""
        return len(self._waiting)

    def add(self, point: Point) -> None:
        """Add the cell at a point of level 0; select it if there is one already."""
        cell_id = self._cell_at(point)
        if cell_id:
            self._desk.select((cell_id,))
            return
        self.pointed = Pointed(positive=[point])
        self._ask()

    def add_box(self, box: tuple[int, int, int, int]) -> None:
        """Add the cell in a box, given by its bounds at level 0."""
        self.pointed = Pointed(box=box)
        self._ask()

    def correct(self, point: Point, *, is_inside: bool) -> None:
        """Correct the selected cell.

        Parameters
        ----------
        point : tuple of float
            Row and column at level 0.
        is_inside : bool
            Whether the point belongs to the cell.
        """
        selected = self._desk.selected
        if len(selected) != 1 or self._waiting:
            self._desk.failed.emit(
                "The cell is still being outlined; click again in a moment."
                if self._waiting
                else "A click with a key held corrects the selected cell; select one."
            )
            return
        if self.pointed.cell_id != selected[0]:
            self.pointed = Pointed(cell_id=selected[0])
        points = self.pointed.positive if is_inside else self.pointed.negative
        points.append(point)
        self._ask()

    def forget(self) -> None:
        """Let the next click be the first of a cell."""
        self.pointed = Pointed()
        self.state_changed.emit()

    def _cell_at(self, point: Point) -> int:
        """Return the id of the cell at a point, 0 where there is none."""
        view = self._desk.view
        return 0 if view is None else view.cell_at(*point)

    def _ask(self) -> None:
        """Send the clicks to the worker."""
        view, picture = self._desk.view, self._session.picture
        trouble = self._trouble()
        if trouble or view is None or picture is None:
            self._desk.failed.emit(trouble)
            return
        pointed = self.pointed
        number = self._session.client.send(
            "click",
            slide=str(picture.path),
            mpp=picture.mpp,
            positive=pointed.positive,
            negative=pointed.negative,
            box=pointed.box,
            previous=self._outline(pointed),
            cell_diameter_px=self._usual_diameter(),
        )
        self._waiting[number] = (view, pointed)
        self.state_changed.emit()

    def _trouble(self) -> str:
        """Return why there can be no cell by click; empty where there can."""
        picture = self._session.picture
        if not self._desk.can_edit:
            return self._desk.refusal
        if self._session.runs.is_active:
            return "A run is going on; add cells by click when it is over."
        if picture is None or picture.path is None:
            return (
                "Cells can be added by click to pictures that were opened from a file; "
                "draw the outline instead."
            )
        return ""

    def _outline(self, pointed: Pointed) -> dict[str, Any] | None:
        """Return the masks that clicks correct, as plain data."""
        if pointed.cell_id is None or self._desk.case is None:
            return None
        return PackedOutline.of(self._desk.case.cell(pointed.cell_id)).to_dict()

    def _usual_diameter(self) -> float | None:
        """Return the median diameter of the cells that are there."""
        table = self._desk.table
        if _DIAMETER_COLUMN not in table or table.empty:
            return None
        median = float(table[_DIAMETER_COLUMN].median())
        return median if np.isfinite(median) else None

    def _hear(self, event: dict[str, Any]) -> None:
        """Take an answer of the worker."""
        if event.get("do") != "click" or event.get("id") not in self._waiting:
            return
        view, pointed = self._waiting.pop(event["id"])
        if view is self._desk.view:
            if event["event"] == "done":
                self._take(pointed, PackedOutline.from_dict(event["cell"]))
            elif event["event"] != "cancelled":
                self._refuse(pointed, event)
        self.state_changed.emit()

    def _take(self, pointed: Pointed, outline: PackedOutline) -> None:
        """Make an edit of an answer."""
        from napari_leukoseg.correct import AddCell, ReplaceMasks

        known = pointed.cell_id or self._cell_under(outline)
        if known:
            if self._desk.apply(ReplaceMasks(known, *outline)) is not None:
                pointed.cell_id = known
                self._desk.select((known,))
            return
        inverse = self._desk.apply(AddCell(*outline))
        if inverse is not None and inverse.added_ids:
            pointed.cell_id = inverse.added_ids[0]
            self._desk.select(inverse.added_ids)

    def _cell_under(self, outline: PackedOutline) -> int:
        """Return the cell that has most of an outline already, 0 if none has."""
        if self._desk.case is None:
            return 0
        ids = self._desk.case.read_ids(outline.region)
        counts = np.bincount(ids[outline.nucleus | outline.cytoplasm])
        most = int(counts.argmax())
        return most if 2 * counts[most] > counts.sum() else 0

    def _on_selection(self) -> None:
        """Forget the clicks of a cell that is no longer the selected one."""
        cell_id = self.pointed.cell_id
        if cell_id is not None and self._desk.selected != (cell_id,):
            self.forget()

    def _refuse(self, pointed: Pointed, event: dict[str, Any]) -> None:
        """Tell why there is no answer, and take the last click back."""
        if pointed is self.pointed and pointed.cell_id is None:
            self.pointed = Pointed()
        message = event.get("message") or event.get("status") or "it ended"
        is_expected = event.get("is_expected", False)
        self._desk.failed.emit(
            str(message) if is_expected else f"The cell was not outlined: {message}."
        )
