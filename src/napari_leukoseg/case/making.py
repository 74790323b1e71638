"""Making a case in one step, and putting aside the one it replaces."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from napari_leukoseg.case.files import (
    PARTIAL_SUFFIX,
    os_errors,
    replace_path,
    sync_folder,
)
from napari_leukoseg.case.layout import (
    OVERVIEW_PX,
    CaseInfo,
    journal_folder,
    read_info,
    write_layout,
)
from napari_leukoseg.case.ledger import Ledger
from napari_leukoseg.case.lock import WriterLock
from napari_leukoseg.case.paths import backup_path, is_case
from napari_leukoseg.errors import CaseError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.slide import SlideReader

__all__ = ["make_case"]

SETTLE_S = 0.05
"""How long a removed draft has to stay away."""

ATTEMPTS = 20
"""How often it is removed."""


def make_case(
    path: Path, slide: SlideReader, scheme: ClassScheme, *, overwrite: bool
) -> None:
    """Make an empty case; see `Case.create`.

    The case is written beside its place and moved there when it is whole.
    """
    with os_errors(path.parent, "written"):
        if path.exists():
            _check_replaceable(path, overwrite=overwrite)
    info = CaseInfo.of_slide(slide, scheme)
    overview = slide.overview(OVERVIEW_PX)
    draft = path.with_name(f".{path.name}{PARTIAL_SUFFIX}")
    with os_errors(path.parent, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            write_layout(draft, info, overview)
            if path.exists():
                _put_aside(path)
            replace_path(draft, path)
        except BaseException:
            _discard(draft)
            raise
        sync_folder(path.parent)


def _discard(draft: Path) -> None:
    """Remove a draft, to which zarr may go on writing after one chunk has failed."""
    for _ in range(ATTEMPTS):
        shutil.rmtree(draft, ignore_errors=True)
        time.sleep(SETTLE_S)
        if not draft.exists():
            return


def _check_replaceable(path: Path, *, overwrite: bool) -> None:
    """Refuse to replace what is not a free case."""
    if not is_case(path):
        raise CaseError(
            f"{path} exists and is not a case, so it is left alone; move it away or "
            "choose another output folder."
        )
    if not overwrite:
        raise CaseError(f"{path} exists; open it, or ask to overwrite it.")
    lock = WriterLock(journal_folder(path) / "lock")
    if journal_folder(path).is_dir():
        lock.acquire(path)
        lock.release()


def _put_aside(path: Path) -> None:
    """Remove a case, or keep it under another name if a person worked on it."""
    if _has_work(path):
        replace_path(path, backup_path(path))
        return
    trash = path.with_name(f".{path.name}.old{PARTIAL_SUFFIX}")
    shutil.rmtree(trash, ignore_errors=True)
    replace_path(path, trash)
    shutil.rmtree(trash, ignore_errors=True)


def _has_work(path: Path) -> bool:
    """Whether a case holds the work of a person, or cannot tell."""
    try:
        return Ledger(path, read_info(path).snapshot).state.has_work
    except CaseError:
        return True
