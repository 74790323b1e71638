"""Readers for napari: pictures, slides, and our cases."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error

from napari_leukoseg.case import CASE_SUFFIX, Case, is_case
from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.plugin.case_view import CaseView
from napari_leukoseg.plugin.cases import find_source
from napari_leukoseg.plugin.layers import features_of, layer_attributes
from napari_leukoseg.plugin.picture_files import load_picture
from napari_leukoseg.plugin.pictures import LayerData, spatial
from napari_leukoseg.plugin.preferences import Preferences
from napari_leukoseg.plugin.roles import ROLES
from napari_leukoseg.slide import SLIDE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Reader = Callable[[str | list[str]], list[LayerData]]

__all__ = ["get_reader", "read_case"]

NOTHING: list[LayerData] = [(None,)]  # type: ignore[list-item]
"""What napari takes for "read, and there is no layer"."""


def get_reader(path: str | list[str]) -> Reader | None:
    """Return a reader for a picture, a slide or a case.

    Parameters
    ----------
    path : str or list of str
        File or folder; a list is a stack, which is left to other readers.
    """
    if isinstance(path, list):
        return None
    name = Path(path).name.lower()
    if name.endswith(CASE_SUFFIX) or is_case(path):
        return partial(_read_safely, _read_case_only)
    if name.endswith(SLIDE_SUFFIXES) or Path(path).is_dir():
        return partial(_read_safely, _read_picture)
    return None


def read_case(path: Path, elsewhere: Iterable[Path]) -> list[LayerData]:
    """Read a case as three labels layers, over its picture if that is found.

    Parameters
    ----------
    path : Path
        Case folder.
    elsewhere : iterable of Path
        Slides that were opened before, among which the picture may be.

    Raises
    ------
    CaseError
        If it is not a case, or damaged.
    """
    case = Case.open(path)
    view = CaseView(case)
    source = find_source(case, elsewhere)
    picture = [] if source is None else [load_picture(source, case.mpp)[1]]
    features = features_of(view.snapshot.table, view.snapshot.count, view.scheme)
    labels: list[LayerData] = []
    for role in ROLES:
        attributes = layer_attributes(view, role, spatial(case.mpp))
        attributes["features"] = features[role]
        labels.append((view.data(role), attributes, "labels"))
    return [*picture, *labels]


def _read_case_only(path: Path) -> list[LayerData]:
    """Read a case; its picture may be among the recent files."""
    recent = Preferences.load().recent
    return read_case(path, [Path(entry.path) for entry in recent])


def _read_picture(path: Path) -> list[LayerData]:
    """Read a picture or slide."""
    return [load_picture(path, Preferences.load().mpp_of(path))[1]]


def _read_safely(
    read: Callable[[Path], list[LayerData]], path: str | list[str], **_: object
) -> list[LayerData]:
    """Read, telling what is wrong in one sentence instead of a traceback."""
    try:
        return read(Path(str(path)))
    except LeukosegError as error:
        show_error(str(error))
        return NOTHING
