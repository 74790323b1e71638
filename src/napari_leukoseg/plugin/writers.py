"""Writers for napari: labels layers of a case, in the formats of our exports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QCoreApplication, QEventLoop

from napari_leukoseg.errors import ExportError
from napari_leukoseg.plugin.export_process import ExportProcess
from napari_leukoseg.plugin.layers import CASE_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_leukoseg.plugin.pictures import LayerData

__all__ = ["FORMATS", "write_labels"]

FORMATS = {
    ".ome.tif": "ome-tiff",
    ".ome.tiff": "ome-tiff",
    ".ome.zarr": "ome-zarr",
    ".geojson": "geojson",
    ".json": "coco",
    ".csv": "csv",
    ".parquet": "parquet",
    ".png": "png",
}
"""Formats by the end of a name; plain TIFF is left to napari."""


def write_labels(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write the case that some labels layers show.

    Whichever of its three layers is chosen, the file has what `export_case` writes:
    nuclei, cytoplasm and classes.

    Parameters
    ----------
    path : str
        File, or folder for OME-Zarr. Of PNG it is the begin of three names. What
        is there is replaced, since napari has asked.
    layers : sequence of tuple
        Data, attributes and type of each layer.

    Returns
    -------
    paths : list of str
        What was written.

    Raises
    ------
    ExportError
        If the layers are not all of one case, the name ends otherwise, or the
        folder cannot be written to.
    """
    ending = next((end for end in FORMATS if path.lower().endswith(end)), None)
    if ending is None:
        raise ExportError(
            f"{Path(path).name} does not tell a format; give a name that ends on "
            f"{', '.join(FORMATS)}."
        )
    job = {"case": _case_of(layers), "to": FORMATS[ending], "overwrite": True}
    if ending == ".png":
        folder, name = Path(path).parent, Path(path).name
        job |= {"out": str(folder), "stem": name[: -len(ending)]}
    else:
        job["out"] = path
    return _run(job)


def _case_of(layers: Sequence[LayerData]) -> str:
    """Return the one case that layers belong to."""
    cases = {layer[1].get("metadata", {}).get(CASE_KEY) for layer in layers}
    if len(cases) != 1 or None in cases:
        raise ExportError(
            "The layers are not all of one LeukoSeg case; select labels layers that "
            "LeukoSeg made of one picture, or save them as .tif."
        )
    return str(cases.pop())


def _run(job: dict[str, Any]) -> list[str]:
    """Carry out a job; beside a window in a process of its own."""
    if QCoreApplication.instance() is None:
        from napari_leukoseg.export.jobs import ExportJob, run_job

        return run_job(ExportJob(**job), lambda _: None)
    written: list[str] = []
    failures: list[str] = []
    process, loop = ExportProcess(), QEventLoop()
    process.done.connect(written.extend)
    process.failed.connect(failures.append)
    process.done.connect(loop.quit)
    process.failed.connect(loop.quit)
    process.start(job)
    # napari wants the paths when this returns. Until then the window is drawn, but
    # takes no input that would change what is being saved.
    loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    if failures:
        raise ExportError(failures[0])
    return written
