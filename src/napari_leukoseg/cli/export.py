"""`leukoseg export`: a case in formats that other programs read."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_leukoseg.cli.terminal import say
from napari_leukoseg.errors import ExportError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from napari_leukoseg.case import Case
    from napari_leukoseg.export import ExportFormat
    from napari_leukoseg.slide import SlideReader

__all__ = ["Target", "export"]


class Target(StrEnum):
    """What `--to` may name; `ExportFormat`, which takes a second to import."""

    OME_TIFF = "ome-tiff"
    PNG = "png"
    GEOJSON = "geojson"
    COCO = "coco"
    CSV = "csv"
    PARQUET = "parquet"
    CROPS = "crops"
    TRAINING = "training"
    OME_ZARR = "ome-zarr"


def export(
    case: Annotated[
        Path, typer.Argument(metavar="CASE", help="Case.", show_default=False)
    ],
    to: Annotated[
        Target,
        typer.Option(
            "--to",
            help="Labels (ome-tiff, ome-zarr, png), cells (geojson, coco, csv, "
            "parquet), or pictures (crops, training).",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            help="Folder for png, crops, training and ome-zarr, else a file.",
        ),
    ],
    slide: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Slide of the case, for crops and training; looked for beside the "
            "case if absent.",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Ground around the cell of a crop, as a share of its longer side; "
            "0.25 if absent.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what is there.")
    ] = False,
) -> None:
    """Write a case in a format that other programs read.

    png: masks in the colors of the classes. geojson: cells with nuclei for QuPath.
    coco: masks as run lengths. crops: a picture a cell, in a folder a class.
    training: what is reviewed, as pictures with labels.
    """
    from napari_leukoseg.case import Case
    from napari_leukoseg.export import ExportFormat, export_case
    from napari_leukoseg.export.crops import CROP_MARGIN

    wanted = ExportFormat(to.value)
    with Case.open(case) as opened, _picture(opened, wanted, slide) as picture:
        paths = export_case(
            opened,
            wanted,
            out,
            slide=picture,
            margin=CROP_MARGIN if margin is None else margin,
            overwrite=overwrite,
        )
    if paths == [out]:
        say(f"{out}")
    else:
        say(f"{out}: {len(paths)} picture{'s' * (len(paths) != 1)}")


def _picture(
    case: Case, to: ExportFormat, path: Path | None
) -> AbstractContextManager[SlideReader | None]:
    """Open the slide of a case where the format shows it."""
    from napari_leukoseg.export import find_source
    from napari_leukoseg.slide import open_slide

    if not to.needs_slide:
        return nullcontext()
    path = path or find_source(case)
    if path is None:
        raise ExportError(
            f"The slide {case.source_name!r} of {case.path} is not beside it; give "
            "--slide FILE."
        )
    return open_slide(path)
