"""Pictures of single cells, in one folder a class."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from PIL import Image

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.export.files import (
    check_free,
    replaced_when_complete,
    write_errors,
)
from napari_leukoseg.export.progress import expect_steps, take_step
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from pathlib import Path

    from napari_leukoseg.case import Case
    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.slide import SlideReader

__all__ = ["CROP_MARGIN", "class_folders", "write_crops"]

CROP_MARGIN = 0.25
"""Ground around a cell, as a fraction of its longer side."""

MAX_MARGIN = 10.0

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def write_crops(
    case: Case,
    slide: SlideReader,
    folder: Path,
    stem: str,
    *,
    margin: float = CROP_MARGIN,
    overwrite: bool = False,
) -> list[Path]:
    """Write one RGB picture a cell, at full resolution.

    Parameters
    ----------
    case : Case
        Case to export.
    slide : SlideReader
        Its slide.
    folder : Path
        Made if missing, with a folder a class that has cells.
    stem : str
        Begin of the names.
    margin : float, optional
        Ground around a cell, as a fraction of the longer side of its box; less at
        the border of the slide.
    overwrite : bool, optional
        Whether the crops that an earlier export made of this stem are replaced; all
        of them are removed first, since cells may have changed their class.

    Returns
    -------
    paths : list of Path
        ``<class>/<stem>_cell<id>.png``.

    Raises
    ------
    CaseError
        If the slide is not that of the case.
    SettingsError
        If the margin is out of range.
    ExportError
        If files exist that may not be replaced, or the folder cannot be written to.
    """
    if not 0 <= margin <= MAX_MARGIN:
        raise SettingsError(
            f"A margin of {margin} is out of range; give 0 to {MAX_MARGIN:g} times "
            "the side of the cell."
        )
    case.check_slide(slide)
    folders = class_folders(case.scheme)
    ids, boxes = case.cell_boxes()
    classes = case.class_lut()
    paths = {
        i: folder / folders[int(classes[i])] / f"{stem}_cell{i}.png"
        for i in ids.tolist()
    }
    if overwrite:
        with write_errors(folder):
            _remove_crops(folder, stem, set(folders.values()))
    check_free(paths.values(), overwrite=overwrite)
    whole = Region.of_shape(case.shape)
    expect_steps(len(ids))
    for cell_id, box in sorted(zip(ids.tolist(), boxes.tolist(), strict=True)):
        region = Region.from_bounds(*box)
        around = math.ceil(margin * max(region.height, region.width))
        picture = slide.read_region(region.padded(around).intersection(whole))
        path = paths[cell_id]
        with replaced_when_complete(path) as partial, partial.open("wb") as file:
            Image.fromarray(picture).save(file, "PNG")
        take_step()
    return [paths[cell_id] for cell_id in sorted(paths)]


def class_folders(scheme: ClassScheme) -> dict[int, str]:
    """Return a folder name of each class that every system allows.

    A name that another class has already, or that differs from it in case only, gets
    the id of the class at its end.
    """
    folders: dict[int, str] = {}
    taken: set[str] = set()
    for cell_class in scheme:
        name = _FORBIDDEN.sub("_", cell_class.name).strip().rstrip(".") or "class"
        if _RESERVED.match(name) or name.casefold() in taken:
            name = f"{name}_{cell_class.id}"
        taken.add(name.casefold())
        folders[cell_class.id] = name
    return folders


def _remove_crops(folder: Path, stem: str, classes: set[str]) -> None:
    """Remove the crops that an earlier export made of a stem."""
    ours = re.compile(re.escape(stem) + r"_cell\d+\.png")
    for name in classes:
        if (folder / name).is_dir():
            for path in (folder / name).iterdir():
                if ours.fullmatch(path.name):
                    path.unlink()
