"""What every edit of cells is: data that says what to do, and gives its inverse."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from napari_leukoseg.correct.bench import Bench

if TYPE_CHECKING:
    from napari_leukoseg.case import Case, CellChanges
    from napari_leukoseg.slide import SlideReader

__all__ = ["Edit", "PlannedEdit", "RestoreCells"]


class Edit(Protocol):
    """One step of a person's work on the cells of a case."""

    @property
    def action(self) -> str:
        """What the history calls it."""

    def apply(self, case: Case, slide: SlideReader | None = None) -> RestoreCells:
        """Carry it out and return its inverse; durable on return.

        Parameters
        ----------
        case : Case
            Case to edit.
        slide : SlideReader, optional
            Slide of the case, to measure cells anew whose outline changes.

        Returns
        -------
        inverse : RestoreCells
            Restores labels, table, protection and review exactly.

        Raises
        ------
        SettingsError
            If it names cells or classes that do not exist, or cannot be done as
            asked. The case is then as before.
        CaseError
            If the case cannot be written.
        """


@dataclass(frozen=True)
class RestoreCells:
    """Inverse of an edit: gives cells back what they were.

    Parameters
    ----------
    action : str
        What the history calls the edit that it takes back.
    change : dict
        As `Case.change` returned it.
    """

    action: str
    change: dict[str, Any]

    @property
    def is_empty(self) -> bool:
        """Whether the edit changed nothing, so that none was recorded."""
        return not self.change

    @property
    def added_ids(self) -> tuple[int, ...]:
        """Ids of the cells that the edit added."""
        return tuple(self.change.get("removed", ()))

    def apply(self, case: Case, slide: SlideReader | None = None) -> RestoreCells:  # noqa: ARG002
        """Carry it out; see `Edit.apply`. What it restores needs no slide."""
        return RestoreCells(self.action, case.restore(self.action, self.change))


class PlannedEdit(ABC):
    """Edit that looks at the case and says what is to become of cells."""

    @property
    def action(self) -> str:
        """What the history calls it."""
        return type(self).__name__

    @abstractmethod
    def plan(self, bench: Bench) -> CellChanges:
        """Say what is to become of cells."""

    def apply(self, case: Case, slide: SlideReader | None = None) -> RestoreCells:
        """Carry it out; see `Edit.apply`."""
        bench = Bench(case, slide)
        return RestoreCells(
            self.action, case.change(self.action, lambda: self.plan(bench))
        )
