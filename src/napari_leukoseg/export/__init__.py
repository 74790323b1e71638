"""Results of a case as files that other programs read."""

from napari_leukoseg.export.coco import write_coco
from napari_leukoseg.export.crops import write_crops
from napari_leukoseg.export.formats import ExportFormat, export_case, find_source
from napari_leukoseg.export.geojson import write_geojson
from napari_leukoseg.export.labels import write_label_tiffs
from napari_leukoseg.export.ome_tiff import write_ome_tiff
from napari_leukoseg.export.ome_zarr import write_ome_zarr
from napari_leukoseg.export.overlay import write_overlay
from napari_leukoseg.export.palette_masks import write_palette_masks
from napari_leukoseg.export.report import write_report
from napari_leukoseg.export.tables import write_cell_csv, write_cell_parquet
from napari_leukoseg.export.training_pairs import write_training_pairs
from napari_leukoseg.export.walking import walk_cells

__all__ = [
    "ExportFormat",
    "export_case",
    "find_source",
    "walk_cells",
    "write_cell_csv",
    "write_cell_parquet",
    "write_coco",
    "write_crops",
    "write_geojson",
    "write_label_tiffs",
    "write_ome_tiff",
    "write_ome_zarr",
    "write_overlay",
    "write_palette_masks",
    "write_report",
    "write_training_pairs",
]
