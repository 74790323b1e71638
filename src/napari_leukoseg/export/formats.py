"""Every export by its name, and what it needs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from napari_leukoseg.case import slide_stem
from napari_leukoseg.errors import ExportError
from napari_leukoseg.export.coco import write_coco
from napari_leukoseg.export.crops import CROP_MARGIN, write_crops
from napari_leukoseg.export.files import check_free
from napari_leukoseg.export.geojson import write_geojson
from napari_leukoseg.export.ome_tiff import write_ome_tiff
from napari_leukoseg.export.ome_zarr import write_ome_zarr
from napari_leukoseg.export.palette_masks import write_palette_masks
from napari_leukoseg.export.tables import write_cell_csv, write_cell_parquet
from napari_leukoseg.export.training_pairs import write_training_pairs

if TYPE_CHECKING:
    from napari_leukoseg.case import Case
    from napari_leukoseg.slide import SlideReader

__all__ = ["ExportFormat", "export_case", "find_source"]


class ExportFormat(StrEnum):
    """What a case can be exported as."""

    OME_TIFF = "ome-tiff"
    PNG = "png"
    GEOJSON = "geojson"
    COCO = "coco"
    CSV = "csv"
    PARQUET = "parquet"
    CROPS = "crops"
    TRAINING = "training"
    OME_ZARR = "ome-zarr"

    @property
    def is_folder(self) -> bool:
        """Whether it makes files in a folder, or a folder, rather than one file."""
        return self not in _FILE_WRITERS

    @property
    def needs_slide(self) -> bool:
        """Whether it shows the picture."""
        return self in (ExportFormat.CROPS, ExportFormat.TRAINING)


_FILE_WRITERS = {
    ExportFormat.OME_TIFF: write_ome_tiff,
    ExportFormat.GEOJSON: write_geojson,
    ExportFormat.COCO: write_coco,
    ExportFormat.CSV: write_cell_csv,
    ExportFormat.PARQUET: write_cell_parquet,
}


def export_case(
    case: Case,
    to: ExportFormat,
    out: Path,
    *,
    slide: SlideReader | None = None,
    stem: str | None = None,
    margin: float = CROP_MARGIN,
    overwrite: bool = False,
) -> list[Path]:
    """Write a case in a format that other programs read.

    Memory does not grow with the slide.

    Parameters
    ----------
    case : Case
        Case to export.
    to : ExportFormat
        Format.
    out : Path
        File, or folder if the format makes several files or a folder.
    slide : SlideReader, optional
        Slide of the case, for formats that show the picture.
    stem : str, optional
        Begin of the names in a folder; that of the case by default.
    margin : float, optional
        Ground around the cell of a crop, as a fraction of its longer side.
    overwrite : bool, optional
        Whether what is there is replaced.

    Returns
    -------
    paths : list of Path
        What was written; of training pairs, the pictures.

    Raises
    ------
    ExportError
        If the slide is missing, something exists that may not be replaced, or it
        cannot be written.
    CaseError
        If the slide is not that of the case.
    SettingsError
        If the margin is out of range.
    """
    to = ExportFormat(to)
    if to in _FILE_WRITERS:
        check_free([out], overwrite=overwrite)
        _FILE_WRITERS[to](case, out)
        return [out]
    if to is ExportFormat.OME_ZARR:
        write_ome_zarr(case, out, overwrite=overwrite)
        return [out]
    if out.exists() and not out.is_dir():
        raise ExportError(f"{out} is a file; {to} needs a folder.")
    stem = stem or slide_stem(case.path)
    if to is ExportFormat.PNG:
        return write_palette_masks(case, out, stem, overwrite=overwrite)
    if slide is None:
        raise ExportError(
            f"{to} shows the picture; give the slide {case.source_name!r} that "
            f"{case.path.name} was made from."
        )
    if to is ExportFormat.CROPS:
        return write_crops(case, slide, out, stem, margin=margin, overwrite=overwrite)
    return write_training_pairs(case, slide, out, stem, overwrite=overwrite)


def find_source(case: Case) -> Path | None:
    """Return where the slide of a case seems to be, none if it is nowhere near.

    It is looked for by its name beside the case and in the working folder. Whether
    it is the right one, `Case.check_slide` tells.
    """
    for folder in (case.path.resolve().parent, Path.cwd()):
        path = folder / case.source_name
        if path.exists():
            return path
    return None
