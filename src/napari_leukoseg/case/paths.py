"""Names of cases, and the stems that tell the results of several slides apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "CASE_SUFFIX",
    "backup_path",
    "case_path",
    "is_case",
    "slide_stem",
    "unique_stems",
]

CASE_SUFFIX = ".leukoseg.zarr"
"""End of the name of every case folder."""

_DOUBLE_SUFFIX_MARKS = {".ome", ".leukoseg"}


def slide_stem(path: str | Path) -> str:
    """Return the name of a slide without its suffix.

    Parameters
    ----------
    path : str or Path
        File or folder of a slide; it need not exist.

    Returns
    -------
    stem : str
        ``x`` for ``x.svs``, ``x.ome.tif``, ``x.ome.zarr`` and
        ``x.leukoseg.zarr``.
    """
    name = Path(Path(path).name)
    if name.with_suffix("").suffix.lower() in _DOUBLE_SUFFIX_MARKS:
        name = name.with_suffix("")
    return name.stem


def unique_stems(paths: Iterable[str | Path]) -> list[str]:
    """Return one stem a slide, numbered where a stem comes again.

    Parameters
    ----------
    paths : iterable of str or Path
        Slides in the order in which they are processed.

    Returns
    -------
    stems : list of str
        The second slide of stem ``x`` gets ``x_2``. Stems that differ only in
        case count as equal, since some file systems cannot hold both.
    """
    taken: set[str] = set()
    stems = []
    for path in paths:
        stem = candidate = slide_stem(path)
        number = 1
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{stem}_{number}"
        taken.add(candidate.casefold())
        stems.append(candidate)
    return stems


def case_path(folder: str | Path, stem: str) -> Path:
    """Return the path of the case of `stem` in `folder`."""
    return Path(folder) / f"{stem}{CASE_SUFFIX}"


def is_case(path: str | Path) -> bool:
    """Whether a folder looks like a case; it may still be damaged."""
    return (Path(path) / "leukoseg" / "zarr.json").is_file()


def backup_path(path: Path) -> Path:
    """Return the first unused name for a copy of a case kept beside it."""
    stem = path.name.removesuffix(CASE_SUFFIX)
    number = 1
    while (backup := case_path(path.parent, f"{stem}.bak-{number}")).exists():
        number += 1
    return backup
