"""Undo and redo over all edits of a case, also those of earlier sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_leukoseg.case import Case
    from napari_leukoseg.correct.edit import Edit, RestoreCells
    from napari_leukoseg.slide import SlideReader

__all__ = ["History"]


class History:
    """One history over every kind of edit, kept in the case.

    It outlives the program and may be taken up by any number of these objects. A run
    that changes labels begins it anew.

    Parameters
    ----------
    case : Case
        Case to edit.
    slide : SlideReader, optional
        Its slide, to measure cells anew whose outline changes.

    Raises
    ------
    CaseError
        If the slide is not that of the case.
    """

    def __init__(self, case: Case, slide: SlideReader | None = None) -> None:
        if slide is not None:
            case.check_slide(slide)
        self.case = case
        self._slide = slide

    @property
    def undo_action(self) -> str | None:
        """What `undo` would take back, none if there is nothing."""
        return self.case.undo_action

    @property
    def redo_action(self) -> str | None:
        """What `redo` would do again, none if there is nothing."""
        return self.case.redo_action

    def apply(self, edit: Edit) -> RestoreCells:
        """Carry out an edit; durable on return.

        Returns
        -------
        inverse : RestoreCells
            Tells the ids of added cells, and whether anything changed at all.

        Raises
        ------
        SettingsError
            If it cannot be done as asked; the case is then as before.
        CaseError
            If the case cannot be written.
        """
        return edit.apply(self.case, self._slide)

    def undo(self) -> str | None:
        """Take back the last edit; return what it was, none if there is nothing."""
        return self.case.undo()

    def redo(self) -> str | None:
        """Do again what was undone last; return what it was, none if nothing."""
        return self.case.redo()
