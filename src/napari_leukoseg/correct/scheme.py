"""Changing the classes of a case, with what its cells and table allow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_leukoseg.cells import probability_column
from napari_leukoseg.classes import FIRST_OWN_CLASS
from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from napari_leukoseg.case import Case
    from napari_leukoseg.classes import ClassScheme

__all__ = ["adopt_classes", "change_scheme"]


def change_scheme(case: Case, scheme: ClassScheme) -> None:
    """Give a case other classes; durable on return, and not undone by `undo`.

    Parameters
    ----------
    case : Case
        Case to change.
    scheme : ClassScheme
        New classes, such as ``case.scheme.added(...)``.

    Raises
    ------
    SettingsError
        If cells have a class that the new scheme lacks, if one is gone that all
        schemes share, or if a class gets another name whose probabilities the table
        holds under the old one.
    CaseError
        If the case cannot be written.
    """
    columns = set(case.table().columns)
    for before in case.scheme:
        if before.id not in scheme:
            if before.id < FIRST_OWN_CLASS:
                raise SettingsError(
                    f"Class {before.name!r} is one that all schemes share; keep it."
                )
            continue
        is_named = probability_column(before) in columns
        if is_named and scheme[before.id].name != before.name:
            raise SettingsError(
                f"Class {before.name!r} cannot be renamed to "
                f"{scheme[before.id].name!r}: the cell table holds the probabilities "
                "that a model gave it under this name; add another class instead."
            )
    case.set_scheme(scheme)


def adopt_classes(case: Case, scheme: ClassScheme) -> None:
    """Add the classes of a model that a case lacks, so that its cells may have them.

    Parameters
    ----------
    case : Case
        Case to change; it is not where it has them all.
    scheme : ClassScheme
        Classes of the model.

    Raises
    ------
    SettingsError
        If a class of the model has the id of another one of the case.
    CaseError
        If the case cannot be written.
    """
    adopted = case.scheme
    for own in scheme:
        if own.id not in adopted:
            keys = {known.key for known in adopted}
            adopted = adopted.added(replace(own, key="") if own.key in keys else own)
        elif own.id >= FIRST_OWN_CLASS and adopted[own.id].name != own.name:
            raise SettingsError(
                f"Class {own.id} is {own.name!r} for the model, but "
                f"{adopted[own.id].name!r} in {case.path.name}; choose another model, "
                "or give the case's class another id."
            )
    if adopted != case.scheme:
        case.set_scheme(adopted)
