"""Which folder holds the case of a slide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_leukoseg.case import Case, case_path, is_case
from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.slide import open_slide

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


__all__ = ["find_case", "find_source"]


def find_case(folder: Path, stem: str, fingerprint: str) -> Path:
    """Return where the case of a slide is, or where it should be made.

    Slides of the same name get numbered cases; the fingerprint tells them apart.

    Raises
    ------
    CaseError
        If a case that might be the slide's cannot be read.
    """
    number = 1
    while True:
        path = case_path(folder, stem if number == 1 else f"{stem}_{number}")
        if not path.exists():
            return path
        if is_case(path):
            with Case.open(path) as case:
                if case.fingerprint == fingerprint:
                    return path
        number += 1


def find_source(case: Case, elsewhere: Iterable[Path]) -> Path | None:
    """Return the slide of a case, if it lies beside it or in one of some places.

    Parameters
    ----------
    case : Case
        It knows the slide's name and fingerprint, not its folder.
    elsewhere : iterable of Path
        Slides that were opened before.
    """
    beside = case.path.parent / case.source_name
    known = [path for path in elsewhere if path.name == case.source_name]
    for path in (beside, *known):
        if path.exists() and _is_source(path, case):
            return path
    return None


def _is_source(path: Path, case: Case) -> bool:
    """Whether a slide is the one that a case was made from."""
    try:
        with open_slide(path) as slide:
            case.check_slide(slide)
    except LeukosegError:
        return False
    return True
