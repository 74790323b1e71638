"""Chooses the pictures of an evaluation: the very ones that training kept back."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_leukoseg.errors import DataError, ModelError, SettingsError
from napari_leukoseg.training.datasets import DATASETS
from napari_leukoseg.training.splits import SplitSettings, split_by_group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_leukoseg.segment.model import ModelCard
    from napari_leukoseg.training.sample import Sample

__all__ = [
    "PARTS",
    "DataFolder",
    "digest_samples",
    "limit_samples",
    "name_sets",
    "partner_folders",
    "recorded_split",
    "select_part",
    "trained_kinds",
]

PARTS = ("test", "validation", "all")


class DataFolder(NamedTuple):
    """One data set: its kind, a key of `DATASETS`, and its folder."""

    kind: str
    folder: Path


def name_sets(data: Sequence[DataFolder]) -> dict[str, DataFolder]:
    """Name each set by its kind, and by its folder too where a kind comes twice.

    Raises
    ------
    DataError
        If a kind is unknown or a folder is missing.
    SettingsError
        If there is no set, or two would have the same name.
    """
    if not data:
        raise SettingsError("No data set is given; name at least one.")
    kinds = [source.kind for source in data]
    named: dict[str, DataFolder] = {}
    for source in data:
        _check_source(source)
        is_single = kinds.count(source.kind) == 1
        name = source.kind if is_single else f"{source.kind} {source.folder.name}"
        if name in named:
            raise SettingsError(
                f"The data set {name!r} is given twice; leave one out, or give the "
                "folders different names."
            )
        named[name] = source
    return named


def _check_source(source: DataFolder) -> None:
    """Refuse an unknown kind and a missing folder before anything is read."""
    if source.kind not in DATASETS:
        raise DataError(
            f"Data set kind {source.kind!r} is unknown; there is {', '.join(DATASETS)}."
        )
    if not source.folder.is_dir():
        raise DataError(
            f"{source.folder} is not a folder; give the one that holds the data set "
            f"of kind {source.kind}."
        )


def trained_kinds(card: ModelCard) -> tuple[str, ...]:
    """Kinds of data set that a model was trained on, as far as its card tells."""
    config = card.training.get("config", {})
    configured = {source["kind"] for source in config.get("data", ())}
    left_out = config.get("leave_out", ())
    named = card.training.get("data") or {
        kind for kind in configured if _family(kind) not in left_out
    }
    return tuple(kind for kind in DATASETS if kind in named)


def recorded_split(card: ModelCard) -> tuple[SplitSettings, str]:
    """Split that a model was trained with, and where that is known from.

    Raises
    ------
    ModelError
        If its card records something else than a split.
    """
    training = card.training
    recorded = training.get("split", training.get("config", {}).get("split"))
    if recorded is None:
        return SplitSettings(), "the default ones, as the model's card records none"
    try:
        return SplitSettings(**recorded), "those of the model's card"
    except (TypeError, SettingsError) as error:
        raise ModelError(
            f"The card of model {card.name!r} records {recorded!r} as its split, but "
            "that needs shares for validation and test, and a seed."
        ) from error


def _family(kind: str) -> str:
    """Part of a kind that sets of the same fields have in common."""
    return kind.split("-")[0]


def partner_folders(
    named: Mapping[str, DataFolder], trained_on: Sequence[str]
) -> list[DataFolder]:
    """Find sets that were split together with those given, and are not among them.

    Crops and fields of one publisher share source groups, so the part that
    training kept back is found only if both are split at once.
    """
    given = {source.kind for source in named.values()}
    partners: dict[str, DataFolder] = {}
    for source in named.values():
        family = [kind for kind in DATASETS if _family(kind) == _family(source.kind)]
        together = [kind for kind in family if kind in trained_on] or family
        for kind in together:
            if kind not in given:
                partners.setdefault(kind, DataFolder(kind, source.folder))
    return list(partners.values())


def select_part(
    sets: Mapping[str, Sequence[Sample]],
    partners: Sequence[Sample],
    part: str,
    split: SplitSettings,
) -> dict[str, list[Sample]]:
    """Choose the samples of a part, split as for training.

    Parameters
    ----------
    sets : mapping of str to sequence of Sample
        All samples of each set.
    partners : sequence of Sample
        Samples that were split with them.
    part : {'test', 'validation', 'all'}
        Which to choose.
    split : SplitSettings
        Shares and seed.

    Returns
    -------
    chosen : dict of str to list of Sample
        In their order, with the name of the set as `dataset`.

    Raises
    ------
    DataError
        If a set has no sample in the part.
    """
    everything = [sample for samples in sets.values() for sample in samples]
    if part == "all":
        kept = {id(sample) for sample in everything}
    else:
        parts = split_by_group([*everything, *partners], split)
        kept = {id(sample) for sample in getattr(parts, part)}
    chosen = {
        name: [replace(s, dataset=name) for s in samples if id(s) in kept]
        for name, samples in sets.items()
    }
    for name, samples in chosen.items():
        if not samples:
            n_all = len(sets[name])
            raise DataError(
                f"The {part} part of {name} has no picture, as the set has {n_all} "
                "only; evaluate all of it (part all) if the model was not trained on "
                "it."
            )
    return chosen


def limit_samples(
    samples: Sequence[Sample], limit: int | None, seed: int
) -> list[Sample]:
    """Draw at most so many samples, kept in order."""
    if limit is None or len(samples) <= limit:
        return list(samples)
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(samples), limit, replace=False)
    return [samples[i] for i in sorted(drawn)]


def digest_samples(samples: Sequence[Sample]) -> str:
    """SHA-256 over names, pictures and labels, in hexadecimal."""
    total = hashlib.sha256()
    for sample in samples:
        total.update(sample.name.encode())
        for pixels in (sample.image, sample.allowed, sample.instances):
            total.update(np.ascontiguousarray(pixels).data)
    return total.hexdigest()
