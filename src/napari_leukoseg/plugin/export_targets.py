"""What a case can be written as, in the words of people."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["REPORT", "TARGETS", "Target"]

REPORT = "report"
"""What `run_job` calls a report."""


@dataclass(frozen=True)
class Target:
    """One kind of file or folder.

    Parameters
    ----------
    to : str
        A value of `ExportFormat`, which takes too long to import for a menu.
    title : str
        What the menu says.
    hint : str
        What it is good for.
    ending : str
        End of the name, which begins with the name of the slide.
    is_folder : bool, optional
        Whether it is a folder.
    needs_slide : bool, optional
        Whether it shows the picture.
    """

    to: str
    title: str
    hint: str
    ending: str
    is_folder: bool = False
    needs_slide: bool = False


TARGETS = (
    Target("csv", "Cell table (CSV)", "One row a cell, for spreadsheets", "_cells.csv"),
    Target(
        "parquet",
        "Cell table (Parquet)",
        "One row a cell, for pandas, R and databases",
        "_cells.parquet",
    ),
    Target(
        "geojson",
        "Cells for QuPath (GeoJSON)",
        "Outlines of cells and nuclei with class and measurements",
        "_cells.geojson",
    ),
    Target(
        "coco",
        "Cells in COCO format",
        "Masks as run lengths, for training detectors",
        "_coco.json",
    ),
    Target(
        "ome-tiff",
        "Labels (OME-TIFF)",
        "Nucleus, cytoplasm and class labels in one file",
        "_labels.ome.tif",
    ),
    Target(
        "ome-zarr",
        "Labels (OME-Zarr)",
        "Label pyramids over a small picture of the slide",
        ".ome.zarr",
        is_folder=True,
    ),
    Target(
        "png",
        "Masks in class colors (PNG)",
        "Cells, nuclei and cytoplasm as palette pictures",
        "_masks",
        is_folder=True,
    ),
    Target(
        "crops",
        "Pictures of cells (PNG)",
        "One picture a cell, in a folder for each class",
        "_cells",
        is_folder=True,
        needs_slide=True,
    ),
    Target(
        "training",
        "Training pairs",
        "Reviewed cells as pictures with labels, for fine-tuning",
        "_training",
        is_folder=True,
        needs_slide=True,
    ),
)
"""In the order of the menu."""
