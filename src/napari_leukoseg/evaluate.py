"""Runs a model over data sets as a user would, and scores what comes out."""

from __future__ import annotations

import logging
import math
import platform
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from napari_leukoseg.case import Case
from napari_leukoseg.cells import probability_column
from napari_leukoseg.classes import UNCLASSIFIED
from napari_leukoseg.errors import DataError, SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.pipeline import SegmentSettings, segment_slide
from napari_leukoseg.slide import open_slide
from napari_leukoseg.stain import StainDefault, StainEstimationError, StainStep
from napari_leukoseg.training.datasets import load_dataset
from napari_leukoseg.training.evaluation import (
    compares_cells,
    compares_nuclei,
    score_picture,
)
from napari_leukoseg.training.overlays import WorstCases
from napari_leukoseg.training.protocol import EvaluationProtocol
from napari_leukoseg.training.result import Evaluation
from napari_leukoseg.training.scores import PredictedLabels
from napari_leukoseg.training.selection import (
    PARTS,
    digest_samples,
    limit_samples,
    name_sets,
    partner_folders,
    recorded_split,
    select_part,
    trained_kinds,
)
from napari_leukoseg.training.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.segment import Segmenter
    from napari_leukoseg.segment.model import ModelCard
    from napari_leukoseg.training.sample import Sample
    from napari_leukoseg.training.scores import PictureScore
    from napari_leukoseg.training.selection import DataFolder

__all__ = [
    "EvaluateProgress",
    "EvaluateSettings",
    "evaluate_model",
    "predict_picture",
]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluateSettings:
    """What is evaluated, and how sure of it to be.

    Parameters
    ----------
    part : str, optional
        ``test``, ``validation`` or ``all``.
    seed : int, optional
        Draws resamples, and pictures where there is a limit; not the split.
    limit : int, optional
        Most pictures of a set; all by default.
    n_resamples : int, optional
        Resamples of the bootstrap.
    n_worst : int, optional
        Worst cases of a set that are drawn, of each sort.
    segment : SegmentSettings, optional
        How pictures are segmented; of the whole picture, without its scale, and with
        the stain step of the model's card by default.
    """

    part: str = "test"
    seed: int = 0
    limit: int | None = None
    n_resamples: int = 1000
    n_worst: int = 0
    segment: SegmentSettings = field(default_factory=SegmentSettings)

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise SettingsError(
                f"Part {self.part!r} is unknown; give one of {', '.join(PARTS)}."
            )
        if self.limit is not None and self.limit < 1:
            raise SettingsError(f"A limit of {self.limit} pictures; give 1 or more.")


class EvaluateProgress(NamedTuple):
    """How far an evaluation is; a total of 0 is not known yet."""

    done: int
    total: int
    message: str


def evaluate_model(
    segmenter: Segmenter, data: Sequence[DataFolder], settings: EvaluateSettings
) -> Generator[EvaluateProgress, None, Evaluation]:
    """Run the whole pipeline over data sets and score its labels.

    Parameters
    ----------
    segmenter : Segmenter
        Model on a device.
    data : sequence of DataFolder
        Data sets.
    settings : EvaluateSettings
        Which pictures.

    Yields
    ------
    progress : EvaluateProgress
        Before each set is read and before each picture is segmented.

    Returns
    -------
    evaluation : Evaluation
        Figures by set.

    Raises
    ------
    DataError
        If a kind is unknown, a folder is not of its layout, the part has no
        picture, or model and set have nothing that can be compared.
    """
    chosen = yield from _choose_samples(segmenter, data, settings)
    scores: dict[str, list[PictureScore]] = {name: [] for name in chosen}
    worst = {name: WorstCases(settings.n_worst) for name in chosen}
    todo = [(name, sample) for name, samples in chosen.items() for sample in samples]
    total = len(todo)
    for done, (name, sample) in enumerate(todo):
        yield EvaluateProgress(done, total, f"{name}: {sample.name}")
        predicted = _predict(sample, segmenter, settings.segment)
        score = score_picture(sample, predicted)
        scores[name].append(score)
        worst[name].offer(sample, predicted, score)
    yield EvaluateProgress(total, total, "Intervals")
    pictures = tuple(score for of_set in scores.values() for score in of_set)
    class_ids = given_classes(segmenter.card, pictures)
    return Evaluation(
        describe_model(segmenter),
        describe_protocol(segmenter, settings),
        describe_data(data, chosen),
        describe_versions(),
        {
            name: summarize(
                of_set, class_ids, n_resamples=settings.n_resamples, seed=settings.seed
            )
            for name, of_set in scores.items()
        },
        pictures,
        worst,
    )


def _predict(
    sample: Sample, segmenter: Segmenter, settings: SegmentSettings
) -> PredictedLabels:
    """Segment a picture; as it is, where it does not show how it is stained."""
    try:
        return predict_picture(sample.image, segmenter, settings)
    except StainEstimationError as error:
        _logger.warning("%s is left as it is: %s", sample.name, error)
        as_it_is = replace(settings, stain=StainDefault.NONE)
        return predict_picture(sample.image, segmenter, as_it_is)


def _choose_samples(
    segmenter: Segmenter, data: Sequence[DataFolder], settings: EvaluateSettings
) -> Generator[EvaluateProgress, None, dict[str, list[Sample]]]:
    """Read the sets, and choose the samples of the part."""
    named = name_sets(data)
    split, _ = recorded_split(segmenter.card)
    sets, partners = {}, []
    for name, source in named.items():
        yield EvaluateProgress(0, 0, f"Reading {name}")
        sets[name] = load_dataset(*source)
    if settings.part != "all":
        for source in partner_folders(named, trained_kinds(segmenter.card)):
            yield EvaluateProgress(0, 0, f"Reading {source.kind}, to split it along")
            with suppress(DataError):  # the publisher may give only one of them
                partners += load_dataset(*source)
    chosen = select_part(sets, partners, settings.part, split)
    for name, samples in chosen.items():
        check_comparable(name, samples, segmenter)
        chosen[name] = limit_samples(samples, settings.limit, settings.seed)
    return chosen


def check_comparable(
    name: str, samples: Sequence[Sample], segmenter: Segmenter
) -> None:
    """Refuse a set of which the model knows nothing that the expert marked.

    Raises
    ------
    DataError
        If it outlines nuclei only, and the model finds whole cells, or the
        other way round.
    """
    network = segmenter.model.network
    for sample in samples:
        if not sample.has_outline or compares_nuclei(sample, network):
            return
        if compares_cells(sample, network):
            return
    ours, theirs = "whole cells", "nuclei"
    if not network.has_cytoplasm:
        ours, theirs = theirs, ours
    raise DataError(
        f"The set {name} outlines {theirs} only, but the model "
        f"{segmenter.card.name!r} finds {ours} only, so nothing can be compared; "
        "leave the set out."
    )


def given_classes(card: ModelCard, pictures: Sequence[PictureScore]) -> tuple[int, ...]:
    """Classes that a model tells apart; none if it left all cells unclassified."""
    known = set(card.class_ids) - {UNCLASSIFIED}
    answers = {cell.predicted_class_id for p in pictures for cell in p.cells}
    return tuple(sorted(known)) if answers & known else ()


def describe_model(segmenter: Segmenter) -> dict[str, str]:
    """Name, architecture and digest of a model, and where it ran."""
    card = segmenter.card
    return {
        "name": card.name,
        "architecture": card.architecture,
        "weights_sha256": card.weights_sha256,
        "device": segmenter.device_label,
    }


def describe_protocol(
    segmenter: Segmenter, settings: EvaluateSettings
) -> EvaluationProtocol:
    """Say how pictures were chosen and scored."""
    card, look = segmenter.card, settings.segment.close_look
    if not segmenter.model.network.estimates_scale:
        look = None
    return EvaluationProtocol(
        settings.part,
        *recorded_split(card),
        settings.limit,
        settings.n_resamples,
        settings.seed,
        trained_kinds(card),
        describe_stain(card, settings.segment),
        1 if look is None else look.n_looks,
    )


def describe_stain(card: ModelCard, settings: SegmentSettings) -> str:
    """Name the stain step that pictures go through; empty if there is none."""
    if isinstance(settings.stain, StainStep):
        return settings.stain.title
    return card.stain if settings.stain is StainDefault.MODEL else ""


def describe_data(
    data: Sequence[DataFolder], chosen: Mapping[str, Sequence[Sample]]
) -> dict[str, dict[str, str]]:
    """Kind and folder of each set, and the digest of the pictures chosen."""
    return {
        name: {
            "kind": source.kind,
            "folder": source.folder.name,
            "sha256": digest_samples(chosen[name]),
        }
        for name, source in name_sets(data).items()
    }


def describe_versions() -> dict[str, str]:
    """Versions of what the figures may depend on."""
    packages = ("napari-leukoseg", "torch", "numpy")
    return {"python": platform.python_version()} | {p: version(p) for p in packages}


def predict_picture(
    image: NDArray[np.uint8],
    segmenter: Segmenter,
    settings: SegmentSettings | None = None,
) -> PredictedLabels:
    """Run a picture through the pipeline, as a file without a pixel size.

    Parameters
    ----------
    image : ndarray of uint8, shape (M, N, 3)
        RGB.
    segmenter : Segmenter
        Model on a device.
    settings : SegmentSettings, optional
        Scale, area and stain step; nothing is given by default.
    """
    settings = settings or SegmentSettings()
    with tempfile.TemporaryDirectory(
        prefix="leukoseg-", ignore_cleanup_errors=True
    ) as folder:
        path = Path(folder, "picture.png")
        Image.fromarray(image).save(path, compress_level=1)
        with (
            open_slide(path) as slide,
            Case.create(Path(folder, "picture.leukoseg.zarr"), slide) as case,
        ):
            for _ in segment_slide(slide, segmenter, case, settings):
                pass
            whole = Region.of_shape(slide.shape)
            network = segmenter.model.network
            return PredictedLabels(
                case.read_labels("nucleus", whole),
                case.read_labels("cytoplasm", whole),
                *_read_table(case.table(), case.scheme),
                has_nucleus=network.has_nucleus,
                has_cytoplasm=network.has_cytoplasm,
            )


def _read_table(
    table: pd.DataFrame, scheme: ClassScheme
) -> tuple[dict[int, int], dict[int, float], dict[int, dict[int, float]]]:
    """Class, its probability, and that of each class, by cell."""
    columns = {c.id: probability_column(c) for c in scheme}
    classes, confidences, probabilities = {}, {}, {}
    for row in table.to_dict("records"):
        cell_id = int(row["cell_id"])
        classes[cell_id] = int(row["class_id"])
        confidences[cell_id] = float(row["confidence"])
        values = {i: float(row.get(name, math.nan)) for i, name in columns.items()}
        probabilities[cell_id] = {i: p for i, p in values.items() if math.isfinite(p)}
    return classes, confidences, probabilities
