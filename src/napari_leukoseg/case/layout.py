"""Folder of a case: OME-Zarr 0.5 metadata, and the private group beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.codecs import BytesCodec, ZstdCodec

from napari_leukoseg.case.files import write_atomic
from napari_leukoseg.case.pyramid import CHUNK_PX, ZSTD_LEVEL, level_shapes
from napari_leukoseg.classes import ClassScheme
from napari_leukoseg.errors import CaseError, SettingsError
from napari_leukoseg.slide.resample import halve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.slide import SlideReader

__all__ = [
    "FORMAT",
    "LABEL_NAMES",
    "CaseInfo",
    "journal_folder",
    "label_folder",
    "private_folder",
    "read_info",
    "write_info",
    "write_layout",
]

FORMAT = 2
"""Version of the private group; raised when older programs would misread it.

1 had no edits of labels.
"""

LABEL_NAMES = ("nucleus", "cytoplasm")
"""Label images of a case."""

OVERVIEW_PX = 1024
"""Longest side of the overview image."""

_OME_VERSION = "0.5"
_CHANNELS = (("red", "FF0000"), ("green", "00FF00"), ("blue", "0000FF"))


@dataclass(frozen=True)
class CaseInfo:
    """What a case holds of its slide.

    Parameters
    ----------
    source_name : str
        File name of the slide, without its folder.
    fingerprint : str
        Fingerprint of the slide.
    shape : tuple of int
        Rows and columns of level 0.
    mpp : float or None
        µm per pixel, none if unknown.
    objective_power : float or None
        Magnification of the objective, none if unknown.
    scheme : ClassScheme
        Cell classes.
    created : str
        Time in ISO format, UTC.
    specimen : str or None, optional
        Pseudonym of the specimen.
    snapshot : str or None, optional
        Name of the array that holds the consolidated cell table.
    """

    source_name: str
    fingerprint: str
    shape: tuple[int, int]
    mpp: float | None
    objective_power: float | None
    scheme: ClassScheme
    created: str
    specimen: str | None = None
    snapshot: str | None = None

    @classmethod
    def of_slide(cls, slide: SlideReader, scheme: ClassScheme) -> CaseInfo:
        """Take what is kept of a slide; neither its folder nor patient data."""
        return cls(
            source_name=slide.path.name,
            fingerprint=slide.fingerprint,
            shape=(int(slide.shape[0]), int(slide.shape[1])),
            mpp=slide.mpp,
            objective_power=slide.objective_power,
            scheme=scheme,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return {
            "format": FORMAT,
            **vars(self),
            "shape": list(self.shape),
            "scheme": self.scheme.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CaseInfo:
        """Build from plain data; what is missing raises `KeyError`."""
        rows, columns = data["shape"]
        return cls(
            source_name=str(data["source_name"]),
            fingerprint=str(data["fingerprint"]),
            shape=(int(rows), int(columns)),
            mpp=data["mpp"],
            objective_power=data["objective_power"],
            scheme=ClassScheme.from_dict(data["scheme"]),
            created=str(data["created"]),
            specimen=data["specimen"],
            snapshot=data["snapshot"],
        )


def private_folder(case: Path) -> Path:
    """Return the group with table, provenance and journal."""
    return case / "leukoseg"


def journal_folder(case: Path) -> Path:
    """Return the folder of the files that are not zarr's."""
    return private_folder(case) / "journal"


def label_folder(case: Path, name: str) -> Path:
    """Return the group of a label image."""
    return case / "labels" / name


def write_layout(case: Path, info: CaseInfo, overview: NDArray[np.uint8]) -> None:
    """Write an empty case into an existing folder.

    Parameters
    ----------
    case : Path
        Empty folder.
    info : CaseInfo
        What is known of the slide.
    overview : ndarray of uint8, shape (rows, columns, 3)
        Small picture of the whole slide.
    """
    shapes = level_shapes(info.shape)
    _write_overview(case, info, overview, len(shapes))
    zarr.create_group(
        case / "labels",
        attributes={"ome": {"version": _OME_VERSION, "labels": list(LABEL_NAMES)}},
    )
    for name in LABEL_NAMES:
        _write_label(label_folder(case, name), info, name, shapes)
    zarr.create_group(private_folder(case), attributes={"leukoseg": info.to_dict()})
    _write_journal_folder(journal_folder(case))


def read_info(case: Path) -> CaseInfo:
    """Read what a case says of itself, and check that its parts are there.

    Raises
    ------
    CaseError
        If the folder is missing, not a case, damaged, or too new.
    """
    if not case.exists():
        raise CaseError(
            f"{case} does not exist; give the path of a *.leukoseg.zarr folder."
        )
    if not private_folder(case).is_dir():
        raise CaseError(f"{case} is not a case; give a *.leukoseg.zarr folder.")
    try:
        data = _read_json(private_folder(case))["attributes"]["leukoseg"]
        if int(data["format"]) > FORMAT:
            raise CaseError(
                f"{case} was written by a newer napari-leukoseg (case format "
                f"{data['format']}, this one reads up to {FORMAT}); update the plugin."
            )
        info = CaseInfo.from_dict(data)
    except (OSError, ValueError, KeyError, TypeError, SettingsError) as error:
        raise _damaged(case, f"its metadata cannot be read: {error!r}") from error
    _check_arrays(case, info)
    return info


def write_info(case: Path, info: CaseInfo) -> None:
    """Replace what a case says of itself, in one durable step."""
    folder = private_folder(case)
    node = _read_json(folder)
    node["attributes"]["leukoseg"] = info.to_dict()
    data = json.dumps(node, indent=2).encode()
    write_atomic(folder / "zarr.json", data, sync=True)


def _check_arrays(case: Path, info: CaseInfo) -> None:
    """Refuse a case whose label arrays are missing or not as it wrote them."""
    if not (journal_folder(case) / "journal.jsonl").is_file():
        raise _damaged(case, "its journal is missing")
    for name in LABEL_NAMES:
        for level, shape in enumerate(level_shapes(info.shape)):
            array = label_folder(case, name) / str(level)
            try:
                node = _read_json(array)
                is_ours = (
                    node["shape"] == list(shape)
                    and node["data_type"] == "uint32"
                    and node["chunk_grid"]["configuration"]["chunk_shape"]
                    == [CHUNK_PX, CHUNK_PX]
                    and [codec["name"] for codec in node["codecs"]] == ["bytes", "zstd"]
                )
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise _damaged(case, f"{array} is missing or unreadable") from error
            if not is_ours:
                raise _damaged(case, f"{array} was changed by another program")


def _damaged(case: Path, why: str) -> CaseError:
    """Return the error of a case that cannot be used."""
    return CaseError(
        f"{case} is damaged: {why}. Restore it from a copy, or segment the slide "
        "into a new case."
    )


def _read_json(folder: Path) -> dict[str, Any]:
    """Return the metadata of a zarr node."""
    node: dict[str, Any] = json.loads((folder / "zarr.json").read_bytes())
    return node


def _write_overview(
    case: Path, info: CaseInfo, overview: NDArray[np.uint8], n_levels: int
) -> None:
    """Write the root image, with as many levels as the labels have."""
    factors = np.divide(info.shape, overview.shape[:2])
    transforms = [
        # A mean of n pixels lies (n - 1) / 2 pixels after the first one's center.
        (factors * 2**level, (factors * 2**level - 1) / 2)
        for level in range(n_levels)
    ]
    group = zarr.create_group(
        case,
        attributes={
            "ome": {
                "version": _OME_VERSION,
                "multiscales": [_multiscale(info.source_name, info, transforms, "c")],
                "omero": _omero(),
            }
        },
    )
    for level in range(n_levels):
        array = _create_array(group, level, (3, *overview.shape[:2]), "uint8")
        array[:] = np.moveaxis(overview, 2, 0)  # (3, rows, columns)
        overview = halve(overview)


def _write_label(
    folder: Path, info: CaseInfo, name: str, shapes: tuple[tuple[int, int], ...]
) -> None:
    """Write an empty label image."""
    # Decimation keeps the first pixel's center in place: no translation.
    transforms = [(np.full(2, 2.0**level), None) for level in range(len(shapes))]
    group = zarr.create_group(
        folder,
        attributes={
            "ome": {
                "version": _OME_VERSION,
                "multiscales": [_multiscale(name, info, transforms)],
                "image-label": {
                    "version": _OME_VERSION,
                    "source": {"image": "../../"},
                },
            }
        },
    )
    for level, shape in enumerate(shapes):
        _create_array(group, level, shape, "uint32")


def _create_array(
    group: zarr.Group, level: int, shape: tuple[int, ...], dtype: str
) -> zarr.Array[Any]:
    """Create the array of one level; its last two axes are rows and columns."""
    return group.create_array(
        str(level),
        shape=shape,
        chunks=(*shape[:-2], CHUNK_PX, CHUNK_PX),
        dtype=dtype,
        fill_value=0,
        serializer=BytesCodec(endian="little") if dtype == "uint32" else "auto",
        compressors=ZstdCodec(level=ZSTD_LEVEL),
        dimension_names=("c", "y", "x")[-len(shape) :],
        config={"write_empty_chunks": False},
    )


def _multiscale(
    name: str,
    info: CaseInfo,
    transforms: Sequence[tuple[NDArray[np.float64], NDArray[np.float64] | None]],
    channel: str = "",
) -> dict[str, Any]:
    """Return the NGFF description of a pyramid.

    `transforms` holds scale and translation of each level in pixels of the
    slide; in the file they are µm where the pixel size is known.
    """
    unit = {} if info.mpp is None else {"unit": "micrometer"}
    size = info.mpp or 1.0
    axes = [{"name": axis, "type": "space", **unit} for axis in "yx"]
    if channel:
        axes.insert(0, {"name": channel, "type": "channel"})
    lead = [1.0] * len(channel)
    datasets = []
    for level, (scale, translation) in enumerate(transforms):
        steps = [{"type": "scale", "scale": lead + (scale * size).tolist()}]
        if translation is not None:
            offset = [0.0] * len(channel) + (translation * size).tolist()
            steps.append({"type": "translation", "translation": offset})
        datasets.append({"path": str(level), "coordinateTransformations": steps})
    return {"name": name, "axes": axes, "datasets": datasets}


def _omero() -> dict[str, Any]:
    """Return rendering settings that make viewers show the overview as RGB."""
    window = {"min": 0, "max": 255, "start": 0, "end": 255}
    return {
        "channels": [
            {"label": label, "color": color, "active": True, "window": window}
            for label, color in _CHANNELS
        ],
        "rdefs": {"model": "color"},
    }


def _write_journal_folder(folder: Path) -> None:
    """Write the folder of the journal.

    It is an empty zarr array, since programs that list the members of a case
    would warn of a folder that is no zarr node, and of files in a group.
    """
    zarr.create_array(
        folder,
        shape=(0,),
        chunks=(1,),
        dtype="uint8",
        attributes={"description": "The records are in journal.jsonl beside this."},
    )
    (folder / "journal.jsonl").touch()
