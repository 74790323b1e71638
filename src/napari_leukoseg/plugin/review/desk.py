"""Selection and edits of the case that the chosen picture shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
from qtpy.QtCore import QObject, QTimer, Signal

from napari_leukoseg.classes import DEFAULT_SCHEME
from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.exporting import LayerPixels
from napari_leukoseg.plugin.review.camera import look_at

if TYPE_CHECKING:
    from napari_leukoseg.case import Case
    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.correct import Edit, History, RestoreCells
    from napari_leukoseg.plugin.case_view import CaseView
    from napari_leukoseg.plugin.results import Results
    from napari_leukoseg.plugin.review.opening import OpenedCase
    from napari_leukoseg.plugin.session import Session
    from napari_leukoseg.slide import SlideReader

__all__ = ["ReviewDesk"]

_T = TypeVar("_T")

RELEASE_MS = 3000
"""Pause after the last edit until other programs may write the case."""

RETRY_MS = 5000
"""Pause until a case that could not be written is tried again."""

_NO_CASE = "There are no cells to review; segment the picture, or open its case."
_OPENING = "The case is being opened; this takes a moment."
_RUNNING = "A run is writing to this case; edits are possible when it is over."


class ReviewDesk(QObject):
    """Selection and edits of the case of the chosen picture.

    The case is locked from an edit until a little later, so that runs and other
    programs may write it in between.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.

    Attributes
    ----------
    changed : Signal of tuple of int
        Ids of cells that edits added, changed or removed; empty where everything is
        new: another case, a run, other classes.
    selection_changed : Signal
        See `selected`.
    state_changed : Signal
        Something is new of `can_edit`, `undo_action`, `redo_action` or the sign-off.
    failed, noticed : Signal of str
        A sentence for people.
    case : Case or None
        Case of the chosen picture, repaired and ready for edits.
    slide : SlideReader or None
        Its slide, none where the source is gone.
    changed_regions : tuple of Region
        Where the edits that `changed` tells of may have changed pixels, at level 0;
        the whole slide where everything is new.
    """

    changed = Signal(object)
    selection_changed = Signal()
    state_changed = Signal()
    failed = Signal(str)
    noticed = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.case: Case | None = None
        self.slide: SlideReader | None = None
        self.selected: tuple[int, ...] = ()
        self.changed_regions: tuple[Region, ...] = ()
        self._view: CaseView | None = None
        self._history: History | None = None
        self._actions: tuple[str | None, str | None] = (None, None)
        self._is_opening = False
        self._trouble = ""
        self._told: int | None = None
        self._releaser = _waiting(self, RELEASE_MS, self._release)
        self._retrier = _waiting(self, RETRY_MS, self._open)
        self._looker = _waiting(self, 0, self._look)
        session.picture_changed.connect(self._follow)
        session.results_changed.connect(self._follow)
        session.runs.state_changed.connect(self._on_run)
        session.cell_clicked.connect(self._on_click)
        self._follow()

    @property
    def view(self) -> CaseView | None:
        """What the layers show of the chosen picture's case, none if nothing."""
        return self._view

    @property
    def scheme(self) -> ClassScheme:
        """Classes of the case."""
        return DEFAULT_SCHEME if self._view is None else self._view.scheme

    @property
    def table(self) -> pd.DataFrame:
        """Cell table as it is now; not to be written to."""
        if self._view is None:
            return pd.DataFrame({"cell_id": [], "class_id": []}, dtype="int64")
        return self._view.snapshot.table

    @property
    def can_edit(self) -> bool:
        """Whether edits are possible; `refusal` says why not."""
        return not self.refusal

    @property
    def refusal(self) -> str:
        """Why there can be no edit, in a sentence; empty where there can."""
        if self._view is None:
            return _NO_CASE
        if self._is_running():
            return _RUNNING
        if self._trouble:
            return self._trouble
        return "" if self.case is not None else _OPENING

    @property
    def undo_action(self) -> str | None:
        """What `undo` would take back, none if there is nothing."""
        return self._actions[0] if self.can_edit else None

    @property
    def redo_action(self) -> str | None:
        """What `redo` would do again, none if there is nothing."""
        return self._actions[1] if self.can_edit else None

    def select(self, cell_ids: Iterable[int], *, center: bool = False) -> None:
        """Select cells of the case; others are passed over.

        Parameters
        ----------
        cell_ids : iterable of int
            Cells, in the order in which they were chosen.
        center : bool, optional
            Whether the viewer goes to them.
        """
        known = set(self.table["cell_id"].tolist())
        selected = tuple(i for i in dict.fromkeys(map(int, cell_ids)) if i in known)
        if selected != self.selected:
            self.selected = selected
            self.selection_changed.emit()
        if center:  # a moment later, since drawing what comes into view takes time
            self._looker.start()

    def apply(self, edit: Edit) -> RestoreCells | None:
        """Carry out an edit; layers and table show it on return.

        Parameters
        ----------
        edit : Edit
            What to do.

        Returns
        -------
        inverse : RestoreCells or None
            Tells the ids of added cells; none where the edit was not possible,
            which `failed` has told.
        """
        return self._edit(lambda history: history.apply(edit))

    def change(self, write: Callable[[Case], None]) -> bool:
        """Change something else of the case: its classes, its sign-off.

        Parameters
        ----------
        write : callable
            Gets the case.

        Returns
        -------
        is_done : bool
            False where it was not possible, which `failed` has told.
        """

        def carry_out(history: History) -> bool:
            write(history.case)
            return True

        return self._edit(carry_out) or False

    def undo(self) -> None:
        """Take back the last edit, also one of an earlier session."""
        self._edit(lambda history: history.undo())

    def redo(self) -> None:
        """Do again what was undone last."""
        self._edit(lambda history: history.redo())

    def close(self) -> None:
        """Let go of the case and the slide; may be repeated."""
        with suppress(RuntimeError):  # at the end of the program Qt goes first
            self._releaser.stop()
            self._retrier.stop()
            self._looker.stop()
        self._let_go()
        self._view = None

    def _edit(self, carry_out: Callable[[History], _T]) -> _T | None:
        """Change the case and show it; none where that was not possible."""
        if not self.can_edit or self._history is None:
            self.failed.emit(self.refusal)
            return None
        try:
            return carry_out(self._history)
        except LeukosegError as error:
            self.failed.emit(str(error))
            return None
        finally:  # what failed halfway, on a full disk, may have happened
            self._show_edits()
            self._releaser.start()

    def _show_edits(self) -> None:
        """Bring layers, table and listeners to the present state of the case."""
        results, view = self._results(), self._view
        if self.case is None or results is None or view is None:
            return
        before = view.snapshot.position
        try:
            touched = self.case.touched_since(before)
            if touched.position == before:
                return
            results.take_edit(touched)
        except LeukosegError as error:
            self.failed.emit(str(error))
            return
        if touched.cell_ids and not touched.is_everything:
            self._told = touched.position
            self.changed_regions = touched.boxes
            self._forget_lost()
            self.changed.emit(touched.cell_ids)
        self._tell_state()

    def _look(self) -> None:
        """Bring the selected cells into view."""
        layer = self._session.layer
        if self.selected and layer is not None:
            rows = self.table[self.table["cell_id"].isin(self.selected)]
            look_at(self._session.viewer, layer, rows)

    def _tell_state(self) -> None:
        """Tell what may be done now, which is read of the case once."""
        history = self._history
        self._actions = (None, None)
        if history is not None and not self._is_running():
            self._actions = (history.undo_action, history.redo_action)
        self.state_changed.emit()

    def _forget_lost(self) -> None:
        """Take cells that are gone out of the selection."""
        self.select(self.selected)

    def _follow(self) -> None:
        """Take note of what the chosen picture shows."""
        results = self._results()
        view = None if results is None else results.view
        if view is not self._view:
            self._let_go()
            self._view, self._told = view, None
            self.select(())
            self._open()
        elif view is None:
            return
        elif self.case is None:
            self._open()
        if view is not None and view.snapshot.position == self._told:
            self._tell_state()  # no more than tables have followed an edit
            return
        self._told = None if view is None else view.snapshot.position
        whole = () if view is None else (Region.of_shape(view.case.shape),)
        self.changed_regions = whole
        self._forget_lost()
        self.changed.emit(())
        self._tell_state()

    def _open(self) -> None:
        """Make the case ready for edits, unless a run is at work."""
        view, layer = self._view, self._session.layer
        if view is None or layer is None or self._is_opening or self._is_running():
            return
        self._is_opening = True
        picture = self._session.picture
        path = None if picture is None else picture.path
        pixels = LayerPixels.of_layer(layer)
        read = partial(_open_case, view.case, path, pixels)
        take = partial(self._take, view)
        self._session.background.run(read, take, partial(self._fail, view))

    def _take(self, view: CaseView, opened: OpenedCase) -> None:
        """Begin to edit a case, if it is still the one."""
        self._is_opening = False
        if view is not self._view:
            opened.close()
            self._open()
            return
        self._trouble = opened.trouble
        if self._trouble:
            opened.close()
            self._retrier.start()
        else:
            self.case, self.slide = opened.history.case, opened.slide
            self._history = opened.history
            self._show_edits()
            if opened.notice:
                self.noticed.emit(opened.notice)
        self._tell_state()

    def _fail(self, view: CaseView, message: str) -> None:
        """Tell that a case cannot be edited."""
        self._is_opening = False
        if view is self._view:
            self._trouble = message
            self._tell_state()

    def _let_go(self) -> None:
        """Close slide and case, so that others may write it."""
        self._release()
        slide, self.slide = self.slide, None
        if slide is not None:
            slide.close()
        self.case = self._history = None
        self._trouble = ""

    def _release(self) -> None:
        """Let other programs write the case; the next edit locks it again."""
        with suppress(RuntimeError):
            self._releaser.stop()
        if self.case is not None:
            self.case.close()

    def _on_run(self) -> None:
        """Leave the case to a run, and take it up again when that is over."""
        if self._is_running():
            self._release()
        elif self.case is None:
            self._open()
        self._tell_state()

    def _on_click(self, cell_id: int) -> None:
        """Select the cell that was clicked on in the canvas."""
        self.select((cell_id,) if cell_id else ())

    def _is_running(self) -> bool:
        """Whether a run writes the case."""
        runs = self._session.runs
        return runs.is_active and runs.layer is self._session.layer

    def _results(self) -> Results | None:
        """Return the results of the chosen picture."""
        return self._session.results


def _open_case(case: Case, path: Any, pixels: LayerPixels) -> OpenedCase:
    """Make a case ready; runs in a thread, which pays for the import."""
    from napari_leukoseg.plugin.review.opening import open_case

    return open_case(case, path, pixels)


def _waiting(parent: QObject, interval_ms: int, then: Callable[[], None]) -> QTimer:
    """Return a timer that calls a function once after each start."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(interval_ms)
    timer.timeout.connect(then)
    return timer
