"""Reads the corrections that a survey found: to learn from, and to judge by."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_leukoseg.case import CASE_SUFFIX, Case
from napari_leukoseg.errors import CaseError, DataError, ExportError, SlideError
from napari_leukoseg.export import write_training_pairs
from napari_leukoseg.slide import open_slide
from napari_leukoseg.training.datasets import iterate_dataset
from napari_leukoseg.training.finetuning.memory import is_shortage
from napari_leukoseg.training.finetuning.reading import Kind
from napari_leukoseg.training.sample import ANYTHING, Sample
from napari_leukoseg.training.staining import standardize_samples
from napari_leukoseg.training.warping import shrink

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.training.finetuning.reading import FieldFacts, SourceFacts
    from napari_leukoseg.training.finetuning.survey import Survey

__all__ = ["KeptPicture", "Material", "gather", "load_kept"]

SURROUND = 1.5
"""Ground kept around what is known, in cell diameters: what a crop shows of it."""

PART_DIAMETERS = 10
"""Side of a part of a large picture, in cell diameters."""


class KeptPicture(NamedTuple):
    """A picture that only judges models, on disk until it is needed.

    Parameters
    ----------
    file : Path
        As `load_kept` reads it.
    n_cells : int
        Labeled cells.
    """

    file: Path
    n_cells: int


class Material(NamedTuple):
    """What a fine-tuning works with.

    Parameters
    ----------
    taught : tuple of Sample
        Parts of pictures to learn from, no finer than needed.
    watched : tuple of Sample
        Parts of the pictures kept aside, by which epochs are judged.
    kept : tuple of KeptPicture
        The pictures kept aside as they are.
    """

    taught: tuple[Sample, ...]
    watched: tuple[Sample, ...]
    kept: tuple[KeptPicture, ...]


def gather(
    survey: Survey, work: Path, diameter_px: float, stain: str = ""
) -> Generator[str, None, Material]:
    """Read all fields of a survey, one after another.

    Cases are exported as training pairs first, which tell what is known.

    Parameters
    ----------
    survey : Survey
        What there is, and what of it is kept aside.
    work : Path
        Existing folder for what is needed for the time being.
    diameter_px : float
        Cells are stored no wider than this.
    stain : str, optional
        Stain step of the model, as its card has it: pictures are standardized first.

    Yields
    ------
    name : str
        Field that comes next.

    Returns
    -------
    material : Material
        Samples are of the data set ``corrected``, and `source_group` names the
        specimen.

    Raises
    ------
    DataError
        If a source was moved, deleted or changed since it was surveyed.
    """
    taught: list[Sample] = []
    watched: list[Sample] = []
    kept: list[KeptPicture] = []
    for number, source in enumerate(survey.sources):
        yield source.path.name
        fields = {name: field for field in source.fields for name in field.pictures}
        for sample in read_source(source, work / f"pairs-{number}"):
            field = fields.pop(sample.name, None)
            if field is None:
                raise changed(source)
            sample = replace(sample, dataset="corrected", name=f"{number}-{field.name}")
            if stain:
                (sample,) = standardize_samples([sample], stain, diameter_px)
            parts = [shrink(part, diameter_px) for part in cut_out(sample)]
            if not field.is_kept_aside:
                taught += parts
                continue
            watched += parts
            file = work / f"kept-{len(kept)}.npz"
            kept.append(store(shrink(sample, diameter_px), field, file))
            yield f"{source.path.name}: {field.name}"
        if fields:
            raise changed(source)
    return Material(tuple(taught), tuple(watched), tuple(kept))


def read_source(source: SourceFacts, folder: Path) -> Iterator[Sample]:
    """Read the pictures of a source; those of a case are written to `folder`."""
    kind, pairs = source.kind, source.path
    try:
        if source.kind is Kind.CASE and source.slide is not None:
            kind, pairs = Kind.LABELS, folder
            stem = source.path.name.removesuffix(CASE_SUFFIX)
            with Case.open(source.path) as case, open_slide(source.slide) as slide:
                write_training_pairs(case, slide, pairs, stem)
        yield from iterate_dataset(kind, pairs)
    except (CaseError, DataError, ExportError, SlideError, OSError) as error:
        if is_shortage(error):
            raise
        raise changed(source, str(error)) from error


def changed(source: SourceFacts, reason: str = "") -> DataError:
    """Tell that a source is no longer what it was."""
    return DataError(
        f"{source.path.name} was moved, deleted or changed since it was chosen"
        f"{f' ({reason})' if reason else ''}; choose it again and start anew. Nothing "
        "was lost."
    )


def cut_out(sample: Sample) -> list[Sample]:
    """Cut what is known out of a picture, so that memory holds no more.

    A picture that is much larger than its cells becomes parts around them.
    """
    known = sample.allowed != ANYTHING
    if not known.any():
        return []
    side = int(PART_DIAMETERS * sample.cell_diameter_px)
    margin = int(SURROUND * sample.cell_diameter_px)
    low, high = bounds_of(known, margin)
    if ((high - low) <= 2 * side).all():
        return [part_of(sample, low, high)]
    parts = []
    for row in range(int(low[0]), int(high[0]), side):
        for column in range(int(low[1]), int(high[1]), side):
            here = known[row : row + side, column : column + side]
            if here.any():
                corner = np.array([row, column])
                own_low, own_high = bounds_of(here, margin, known.shape, corner)
                parts.append(part_of(sample, own_low, own_high))
    return parts


def bounds_of(
    mask: NDArray[np.bool_],
    margin: int,
    shape: tuple[int, ...] | None = None,
    corner: NDArray[np.int_] | int = 0,
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Corners of the box around a mask and a margin, inside a picture of `shape`."""
    places = np.argwhere(mask)
    low, high = places.min(axis=0) + corner, places.max(axis=0) + corner + 1
    return np.maximum(low - margin, 0), np.minimum(high + margin, shape or mask.shape)


def part_of(sample: Sample, low: NDArray[np.int_], high: NDArray[np.int_]) -> Sample:
    """Cut a rectangle out of a sample; classes of cells outside are forgotten."""
    part = np.s_[low[0] : high[0], low[1] : high[1]]
    instances = sample.instances[part].copy()
    ids = set(np.unique(instances).tolist())
    return replace(
        sample,
        image=sample.image[part].copy(),
        allowed=sample.allowed[part].copy(),
        instances=instances,
        cell_classes={i: c for i, c in sample.cell_classes.items() if i in ids},
    )


def store(sample: Sample, field: FieldFacts, file: Path) -> KeptPicture:
    """Put a sample that judges models on disk; what is unknown is no cell."""
    instances = np.where(sample.allowed == ANYTHING, 0, sample.instances)
    np.savez(
        file,
        image=sample.image,
        allowed=sample.allowed,
        instances=instances.astype(np.int32),
        ids=np.array(list(sample.cell_classes), np.int32),
        classes=np.array(list(sample.cell_classes.values()), np.int32),
        diameter=sample.cell_diameter_px,
        group=f"{field.group}/{field.name}",
        name=sample.name,
    )
    return KeptPicture(file, int((np.unique(instances) > 0).sum()))


def load_kept(kept: KeptPicture) -> Sample:
    """Read a picture that judges models."""
    with np.load(kept.file, allow_pickle=False) as data:
        ids, classes = data["ids"].tolist(), data["classes"].tolist()
        return Sample(
            "corrected",
            str(data["name"]),
            str(data["group"]),
            data["image"],
            data["allowed"],
            data["instances"],
            dict(zip(ids, classes, strict=True)),
            float(data["diameter"]),
        )
