"""Reviewed cells as pictures with labels that training reads."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from PIL import Image

from napari_leukoseg.errors import ExportError
from napari_leukoseg.export.files import (
    SOFTWARE,
    check_free,
    replaced_when_complete,
    write_errors,
)
from napari_leukoseg.export.progress import expect_steps, take_step
from napari_leukoseg.export.tiles import resolution_tags
from napari_leukoseg.export.training_windows import (
    KNOWN_MARGIN,
    known_pixels,
    median_side,
    reviewed_by_id,
    training_windows,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.case import Case
    from napari_leukoseg.geometry import Region
    from napari_leukoseg.slide import SlideReader

__all__ = ["source_group", "window_name", "write_training_pairs"]

ENDS = (".png", "_nucleus.tif", "_cytoplasm.tif", "_class.tif", "_known.tif", ".json")
"""Ends of the names of one window's files."""

GROUP_DIGITS = 16
"""Digits of the slide's fingerprint that name its group."""


def write_training_pairs(
    case: Case, slide: SlideReader, folder: Path, stem: str, *, overwrite: bool = False
) -> list[Path]:
    """Write pictures of what a person has reviewed, with labels beside them.

    A field gives one picture, a slide windows around its reviewed cells and areas.
    For each there are ``<name>.png`` (RGB), ``<name>_nucleus.tif`` and
    ``<name>_cytoplasm.tif`` (uint32 cell ids), ``<name>_class.tif`` (uint8 class
    ids), ``<name>_known.tif`` (uint8, 1 where these are the truth), and
    ``<name>.json``: ``source_group``, which pictures of one specimen share and which
    must stay on one side of a split, ``mpp`` and where the picture comes from.

    Parameters
    ----------
    case : Case
        Case to export.
    slide : SlideReader
        Its slide.
    folder : Path
        Made if missing.
    stem : str
        Name of a field; windows add their place to it.
    overwrite : bool, optional
        Whether the files that an earlier export made of this stem are replaced; all
        of them are removed first.

    Returns
    -------
    paths : list of Path
        The pictures.

    Raises
    ------
    CaseError
        If the slide is not that of the case.
    ExportError
        If nothing is reviewed, files exist that may not be replaced, or the folder
        cannot be written to.
    """
    case.check_slide(slide)
    windows = {
        window_name(stem, window, case): window for window in training_windows(case)
    }
    if not windows:
        raise ExportError(
            f"{case.path.name} has no reviewed cell or area to train on; review some "
            "cells first."
        )
    if overwrite:
        with write_errors(folder):
            _remove_pairs(folder, stem)
    files = (folder / (name + end) for name in windows for end in ENDS)
    check_free(files, overwrite=overwrite)
    reviewed, margin_px = reviewed_by_id(case), KNOWN_MARGIN * median_side(case)
    expect_steps(len(windows))
    for name, window in windows.items():
        known = known_pixels(case, window, reviewed, margin_px)
        _write_pair(case, slide, folder / name, window, known)
        take_step()
    return [folder / f"{name}.png" for name in windows]


def window_name(stem: str, window: Region, case: Case) -> str:
    """Return the name of a window's picture: that of a field has no place.

    Parameters
    ----------
    stem : str
        Name of the field or slide.
    window : Region
        As `training_windows` gives it.
    case : Case
        Case to export.
    """
    if window.bounds == (0, 0, *case.shape):
        return stem
    return f"{stem}_r{window.row}_c{window.column}"


def source_group(case: Case) -> str:
    """Return what pictures of one specimen share: its pseudonym, or the fingerprint."""
    return case.specimen or case.fingerprint[:GROUP_DIGITS]


def _write_pair(
    case: Case,
    slide: SlideReader,
    base: Path,
    window: Region,
    known: NDArray[np.bool_],
) -> None:
    """Write the files of one window; the picture last, which makes it a pair."""
    labels: dict[str, NDArray[Any]] = {
        "nucleus": case.read_labels("nucleus", window),
        "cytoplasm": case.read_labels("cytoplasm", window),
        "class": case.read_classes(window),
        "known": known.astype(np.uint8),
    }
    for name, values in labels.items():
        path = base.with_name(f"{base.name}_{name}.tif")
        with replaced_when_complete(path) as partial:
            tifffile.imwrite(
                partial,
                values,
                photometric="minisblack",
                compression="zlib",
                metadata=None,
                software=SOFTWARE,
                **resolution_tags(case.mpp),
            )
    with replaced_when_complete(base.with_name(f"{base.name}.json")) as partial:
        text = json.dumps(_facts(case, window), indent=2)
        partial.write_text(text + "\n", encoding="utf-8")
    picture = Image.fromarray(slide.read_region(window))
    path = base.with_name(f"{base.name}.png")
    with replaced_when_complete(path) as partial, partial.open("wb") as file:
        picture.save(file, "PNG")


def _facts(case: Case, window: Region) -> dict[str, Any]:
    """Return what training should know of a window."""
    return {
        "source_group": source_group(case),
        "mpp": case.mpp,
        "fingerprint": case.fingerprint,
        "region": list(window.bounds),
        "cell_side_px": median_side(case),
        **case.scheme.to_dict(),
    }


def _remove_pairs(folder: Path, stem: str) -> None:
    """Remove what an earlier export made of a stem."""
    ends = "|".join(re.escape(end) for end in ENDS)
    ours = re.compile(re.escape(stem) + rf"(_r\d+_c\d+)?({ends})")
    if folder.is_dir():
        for path in folder.iterdir():
            if ours.fullmatch(path.name):
                path.unlink()
