"""Results of a case as files that other programs read."""

from napari_leukoseg.export.labels import write_label_tiffs
from napari_leukoseg.export.overlay import write_overlay
from napari_leukoseg.export.tables import write_cell_csv

__all__ = ["write_cell_csv", "write_label_tiffs", "write_overlay"]
