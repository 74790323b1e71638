"""Labels of a case as a plain OME-Zarr folder, for programs that read no cases."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import zarr
from zarr.codecs import ZstdCodec

from napari_leukoseg.case import LABEL_NAMES, is_case, level_shapes
from napari_leukoseg.case.files import PARTIAL_SUFFIX, replace_path
from napari_leukoseg.errors import ExportError
from napari_leukoseg.export.files import write_errors
from napari_leukoseg.export.progress import take_step
from napari_leukoseg.export.tiles import TILE_PX, expect_tiles, label_layers
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from napari_leukoseg.case import Case
    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.export.tiles import Reader

__all__ = ["check_replaceable", "write_ome_zarr"]

MARK = "leukoseg_export"
"""Attribute of the root that tells an exported folder from others."""


def write_ome_zarr(case: Case, path: Path, *, overwrite: bool = False) -> None:
    """Write overview and labels as OME-Zarr 0.5.

    The root is the overview picture; under ``labels`` are ``nucleus`` and
    ``cytoplasm`` (uint32 cell ids), and ``class`` (uint8 class ids) with colors and
    names of the classes. Table and history of the case are left out.

    Parameters
    ----------
    case : Case
        Case to export.
    path : Path
        Folder to make; those above it are made if missing.
    overwrite : bool, optional
        Whether a folder that an earlier export made is replaced.

    Raises
    ------
    ExportError
        If something is at `path` that may not be replaced, or the folder cannot be
        written to.
    """
    check_replaceable(path, overwrite=overwrite)
    draft = path.with_name(f".{path.name}{PARTIAL_SUFFIX}")
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(draft, ignore_errors=True)
        try:
            _write(case, draft)
            if path.exists():
                shutil.rmtree(path)
            replace_path(draft, path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def check_replaceable(path: Path, *, overwrite: bool) -> None:
    """Refuse a folder that may not be replaced.

    Raises
    ------
    ExportError
        If something else than an earlier export is there, or an earlier export
        without `overwrite`.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if is_case(path) or not _is_export(path):
        raise ExportError(
            f"{path} exists and is no earlier OME-Zarr export, so it is left alone; "
            "give another name."
        )
    if not overwrite:
        raise ExportError(
            f"{path} exists; give another name, or --overwrite to replace it."
        )


def _is_export(path: Path) -> bool:
    """Whether a folder is one that we wrote."""
    try:
        node = json.loads((path / "zarr.json").read_bytes())
        return MARK in node["attributes"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write(case: Case, folder: Path) -> None:
    """Write all into a folder that is not there yet."""
    source = zarr.open_group(case.path, mode="r")
    attributes = {"ome": source.attrs["ome"], MARK: case.source_name}
    root = zarr.create_group(folder, attributes=attributes)
    for level in range(case.n_levels):
        _copy(source[str(level)], root, str(level))
    ome: dict[str, Any] = {"version": "0.5", "labels": [*LABEL_NAMES, "class"]}
    labels = root.create_group("labels", attributes={"ome": ome})
    layers = label_layers(case)
    expect_tiles(level_shapes(case.shape), len(layers))
    for name, layer in layers.items():
        known = source[f"labels/{name if name in LABEL_NAMES else LABEL_NAMES[0]}"]
        described: dict[str, Any] = deepcopy(known.attrs.asdict())
        if name == "class":
            described["ome"]["multiscales"][0]["name"] = name
            described["ome"]["image-label"] |= _class_colors(case.scheme)
        group = labels.create_group(name, attributes=described)
        for level in range(case.n_levels):
            _write_level(group, case, level, *layer)


def _copy(array: Any, group: zarr.Group, name: str) -> None:
    """Copy a small array."""
    copy = group.create_array(
        name,
        shape=array.shape,
        chunks=array.chunks,
        dtype=array.dtype,
        compressors=ZstdCodec(level=1),
        dimension_names=array.metadata.dimension_names,
    )
    copy[:] = array[:]


def _write_level(
    group: zarr.Group, case: Case, level: int, dtype: np.dtype[Any], read: Reader
) -> None:
    """Write one level of a label image, chunk by chunk."""
    whole = Region.of_shape(level_shapes(case.shape)[level])
    array = group.create_array(
        str(level),
        shape=(whole.height, whole.width),
        chunks=(TILE_PX, TILE_PX),
        dtype=dtype,
        fill_value=0,
        compressors=ZstdCodec(level=1),
        dimension_names=("y", "x"),
        config={"write_empty_chunks": False},
    )
    for row in range(0, whole.height, TILE_PX):
        for column in range(0, whole.width, TILE_PX):
            block = Region(row, column, TILE_PX, TILE_PX).intersection(whole)
            labels = read(block, level)
            if labels.any():
                array[block.slices] = labels
            take_step()


def _class_colors(scheme: ClassScheme) -> dict[str, Any]:
    """Return colors and names of classes, as OME-Zarr describes labels."""
    return {
        "colors": [
            {"label-value": c.id, "rgba": [*bytes.fromhex(c.color[1:]), 255]}
            for c in scheme
        ],
        "properties": [{"label-value": c.id, "class": c.name} for c in scheme],
    }
