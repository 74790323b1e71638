"""Looks at one source of corrections: a case, or a folder of pictures with masks."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from napari_leukoseg.case import CASE_SUFFIX, Case, is_case
from napari_leukoseg.classes import (
    DEFAULT_SCHEME,
    FIRST_OWN_CLASS,
    UNCLASSIFIED,
    CellClass,
    ClassScheme,
)
from napari_leukoseg.errors import DataError, LeukosegError
from napari_leukoseg.export.training_pairs import source_group, window_name
from napari_leukoseg.export.training_windows import reviewed_by_id, training_windows
from napari_leukoseg.slide import open_slide
from napari_leukoseg.training.datasets import iterate_dataset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.geometry import Region
    from napari_leukoseg.training.sample import Sample

__all__ = ["FieldFacts", "Kind", "SourceFacts", "find_sources", "look_at"]

OWN_COLOR = "#ff00ff"
"""Of a class that is known by its number only."""


class Kind(StrEnum):
    """Kinds of sources; the last two are kinds of `training.datasets`."""

    CASE = "case"
    LABELS = "labels"
    MASKS = "masks"


@dataclass(frozen=True)
class FieldFacts:
    """One field: what is learned from or kept aside as a whole.

    Parameters
    ----------
    name : str
        For people.
    group : str
        Specimen.
    cells : mapping of int to int
        Reviewed cells by class id, `UNCLASSIFIED` for those without a class.
    pictures : tuple of str
        Names of the pictures that it has when it is exported.
    is_kept_aside : bool, optional
        Whether it only judges the model.
    """

    name: str
    group: str
    cells: Mapping[int, int]
    pictures: tuple[str, ...]
    is_kept_aside: bool = False


@dataclass(frozen=True)
class SourceFacts:
    """What one source has to learn from.

    Parameters
    ----------
    path : Path
        Case, or folder.
    kind : Kind
        What it is.
    fields : tuple of FieldFacts
        Fields with something reviewed.
    n_unreviewed : int
        Cells that nobody confirmed.
    scheme : ClassScheme
        Its classes.
    pictures : tuple of str
        What tells its pictures from others: a fingerprint of each slide.
    slide : Path or None, optional
        Slide of a case.
    """

    path: Path
    kind: Kind
    fields: tuple[FieldFacts, ...]
    n_unreviewed: int
    scheme: ClassScheme
    pictures: tuple[str, ...]
    slide: Path | None = None

    @property
    def n_reviewed(self) -> int:
        """Reviewed cells."""
        return sum(sum(field.cells.values()) for field in self.fields)


def find_sources(path: Path) -> list[Path]:
    """List the sources that a path stands for: itself, or the cases in it.

    Raises
    ------
    DataError
        If there is none.
    """
    if is_case(path) or kind_of(path) is not None:
        return [path]
    cases = [case for case in sorted(path.glob(f"*{CASE_SUFFIX}")) if is_case(case)]
    if cases:
        return cases
    if not path.exists():
        raise DataError(f"{path} is not there; it was moved or deleted.")
    raise DataError(
        f"{path} is neither a case nor a folder of pictures with masks; a folder has "
        "either label files (x_nucleus.tif, ...) beside its pictures, or folders "
        "'images' and 'masks'."
    )


def kind_of(path: Path) -> Kind | None:
    """Return the kind of a folder of pictures, none if it is something else."""
    if (path / "images").is_dir() and (path / "masks").is_dir():
        return Kind.MASKS
    return Kind.LABELS if next(path.glob("*_nucleus.tif"), None) else None


def look_at(path: Path, slides: Sequence[Path]) -> SourceFacts:
    """Look at one source.

    Parameters
    ----------
    path : Path
        As `find_sources` gives it.
    slides : sequence of Path
        Slides that lie elsewhere, or folders of them.

    Raises
    ------
    CaseError
        If the case cannot be read.
    DataError
        If it has nothing that is reviewed, its slide is not found, or its labels
        contradict each other.
    """
    if is_case(path):
        with Case.open(path) as case:
            return look_at_case(case, slides)
    return look_at_folder(path, kind_of(path) or Kind.LABELS)


def look_at_case(case: Case, slides: Sequence[Path]) -> SourceFacts:
    """Count what is reviewed in a case, by field."""
    windows = training_windows(case)
    if not windows:
        raise DataError(
            f"{case.path.name} has no reviewed cell or area; review some cells first."
        )
    reviewed = reviewed_by_id(case)
    ids, boxes = case.cell_boxes()
    classes = case.class_lut()
    stem, group = case.path.name.removesuffix(CASE_SUFFIX), source_group(case)
    fields = []
    for cluster in cluster_windows(windows):
        inside = np.zeros(len(ids), bool)
        for window in cluster:
            inside |= lies_in(boxes, window)
        own = ids[inside & reviewed[ids]].tolist()
        names = tuple(window_name(stem, window, case) for window in cluster)
        cells = Counter(classes[own].tolist())
        fields.append(FieldFacts(names[0], group, cells, names))
    return SourceFacts(
        case.path,
        Kind.CASE,
        tuple(fields),
        int((~reviewed[ids]).sum()),
        case.scheme,
        (case.fingerprint,),
        find_slide(case, slides),
    )


def lies_in(boxes: NDArray[np.int64], window: Region) -> NDArray[np.bool_]:
    """Tell which boxes, shape (n, 4), have their middle in a window."""
    middles = (boxes[:, :2] + boxes[:, 2:]) // 2
    low, high = np.array(window.bounds[:2]), np.array(window.bounds[2:])
    return np.asarray(((middles >= low) & (middles < high)).all(axis=1))


def cluster_windows(windows: Iterable[Region]) -> list[list[Region]]:
    """Join windows that overlap, and so may show the same cells."""
    clusters: list[list[Region]] = []
    for window in windows:
        meets = [
            cluster
            for cluster in clusters
            if any(not window.intersection(other).is_empty for other in cluster)
        ]
        rest = [cluster for cluster in clusters if cluster not in meets]
        clusters = [*rest, [other for cluster in meets for other in cluster] + [window]]
    return clusters


def find_slide(case: Case, elsewhere: Sequence[Path]) -> Path:
    """Return the slide of a case: beside it, or in one of some places.

    Raises
    ------
    DataError
        If it is in none of them.
    """
    folders = [case.path.resolve().parent, *elsewhere]
    for folder in folders:
        path = folder / case.source_name if folder.is_dir() else folder
        if path.name == case.source_name and path.exists() and is_slide_of(path, case):
            return path
    raise DataError(
        f"The slide {case.source_name!r} of {case.path.name} is not beside it; say "
        "where it is, or copy it there."
    )


def is_slide_of(path: Path, case: Case) -> bool:
    """Tell whether a case was made from a slide."""
    try:
        with open_slide(path) as slide:
            case.check_slide(slide)
    except LeukosegError:
        return False
    return True


def look_at_folder(folder: Path, kind: Kind) -> SourceFacts:
    """Count what is marked in a folder of pictures, each of which is a field."""
    fields: list[FieldFacts] = []
    digests: set[str] = set()
    for sample in iterate_dataset(kind, folder):
        cells = count_classes(sample)
        pictures = (sample.name,)
        fields.append(FieldFacts(sample.name, sample.source_group, cells, pictures))
        digests.add(fingerprint_of(sample, folder))
    if not fields:
        raise DataError(f"{folder} holds no picture with a marked cell.")
    named = {class_id for field in fields for class_id in field.cells}
    scheme = scheme_of(folder, named)
    return SourceFacts(folder, kind, tuple(fields), 0, scheme, tuple(sorted(digests)))


def count_classes(sample: Sample) -> Counter[int]:
    """Count the cells of a sample by class, those without one as unclassified."""
    ids = sample.instance_ids.tolist()
    return Counter(sample.cell_classes.get(cell_id, UNCLASSIFIED) for cell_id in ids)


def fingerprint_of(sample: Sample, folder: Path) -> str:
    """Return what tells a picture from others: its slide's fingerprint, or pixels."""
    notes = read_json(folder / f"{sample.name}.json")
    known = notes.get("fingerprint")
    return str(known) if known else hashlib.sha256(sample.image.tobytes()).hexdigest()


def scheme_of(folder: Path, class_ids: Iterable[int]) -> ClassScheme:
    """Return the classes that the notes of a folder name; unnamed ones get a number."""
    scheme = DEFAULT_SCHEME
    for path in sorted(folder.glob("*.json")):
        notes = read_json(path)
        if "classes" in notes:
            for own in ClassScheme.from_dict(notes):
                scheme = scheme if own.id in scheme else scheme.added(own)
    unnamed = sorted(i for i in class_ids if i >= FIRST_OWN_CLASS and i not in scheme)
    for class_id in unnamed:
        scheme = scheme.added(CellClass(class_id, f"class {class_id}", "", OWN_COLOR))
    return scheme


def read_json(path: Path) -> dict[str, object]:
    """Read an object from a JSON file; empty where there is none."""
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}
