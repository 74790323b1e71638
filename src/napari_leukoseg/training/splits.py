"""Splits samples by source group, so that no field is on two sides."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ConfigDict, with_config

from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_leukoseg.training.sample import Sample

__all__ = [
    "Split",
    "SplitSettings",
    "group_folds",
    "leave_one_dataset_out",
    "split_by_group",
]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class SplitSettings:
    """Shares that are kept from training, and the seed that draws them."""

    validation: float = 0.1
    test: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise SettingsError(
                f"Shares of {self.validation} for validation and {self.test} for "
                "test leave nothing to train on; their sum must be below 1."
            )


@dataclass(frozen=True)
class Split:
    """Samples for training, for choosing, and for the final figures."""

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]


def group_digest(seed: int, group: str) -> str:
    """Key that orders the groups at random, the same for every copy of the data."""
    return hashlib.sha256(f"{seed}/{group}".encode()).hexdigest()


def family_of(sample: Sample) -> str:
    """Name of the set family; sets of one family show the same fields."""
    return sample.dataset.split("-")[0]


def gather_groups(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """Gather the samples of each source group; its key begins with the family."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[f"{family_of(sample)}/{sample.source_group}"].append(sample)
    return groups


def gather_strata(
    groups: dict[str, list[Sample]], seed: int
) -> dict[tuple[str, int], list[str]]:
    """Sort groups by family and most frequent class, at random within each."""
    strata: dict[tuple[str, int], list[str]] = defaultdict(list)
    for group, members in groups.items():
        classes = Counter(c for s in members for c in s.cell_classes.values())
        stratum = classes.most_common(1)[0][0] if classes else 0
        strata[group.split("/")[0], stratum].append(group)
    for names in strata.values():
        names.sort(key=lambda name: group_digest(seed, name))
    return strata


def split_by_group(samples: Sequence[Sample], settings: SplitSettings) -> Split:
    """Split by source group, stratified by class.

    Groups are keyed by name and set family (``bcisc`` and ``bcisc-fields``
    share theirs), so crops stay with the field they were cut from.

    Parameters
    ----------
    samples : sequence of Sample
        In any order.
    settings : SplitSettings
        Shares and seed.

    Returns
    -------
    split : Split
        Each sample in one part.
    """
    groups = gather_groups(samples)
    parts: tuple[list[Sample], list[Sample], list[Sample]] = ([], [], [])
    for names in gather_strata(groups, settings.seed).values():
        n_test = round(settings.test * len(names))
        n_validation = round(settings.validation * len(names))
        for position, name in enumerate(names):
            is_test, is_held = position < n_test, position < n_test + n_validation
            parts[2 if is_test else 1 if is_held else 0].extend(groups[name])
    train, validation, test = (tuple(part) for part in parts)
    return Split(train, validation, test)


def group_folds(samples: Sequence[Sample], k: int, seed: int) -> tuple[Split, ...]:
    """Split into k folds by source group, stratified by set family and class.

    Parameters
    ----------
    samples : sequence of Sample
        In any order.
    k : int
        Number of folds.
    seed : int
        Draws the groups of each fold.

    Returns
    -------
    splits : tuple of Split
        For each fold: itself to test on, all others to train on, and nothing
        for validation, which `split_by_group` cuts from the training part.
        Folds differ by at most one group, of each stratum and in all.

    Raises
    ------
    SettingsError
        If there are fewer than two folds, or fewer groups than folds.
    """
    groups = gather_groups(samples)
    if not 2 <= k <= len(groups):
        raise SettingsError(
            f"{k} folds cannot be made of {len(groups)} source groups; give at "
            "least 2 folds, and no more than there are groups."
        )
    strata = gather_strata(groups, seed)
    # Dealt on from stratum to stratum, so that small ones do not fill one fold.
    dealt = [name for key in sorted(strata) for name in strata[key]]
    folds = [[s for name in dealt[fold::k] for s in groups[name]] for fold in range(k)]
    return tuple(
        Split(
            tuple(s for other in folds if other is not fold for s in other),
            (),
            tuple(fold),
        )
        for fold in folds
    )


def leave_one_dataset_out(samples: Sequence[Sample]) -> dict[str, Split]:
    """Hold out each data set in turn, as a stand-in for an unknown laboratory.

    Parameters
    ----------
    samples : sequence of Sample
        Of two or more data sets.

    Returns
    -------
    splits : dict of str to Split
        By set family, since sets of one family show the same fields: the
        family to test on, all others to train on, nothing for validation.

    Raises
    ------
    SettingsError
        If all samples are of one family.
    """
    families = sorted({family_of(sample) for sample in samples})
    if len(families) < 2:
        raise SettingsError(
            f"A data set cannot be left out of {families}; give two or more."
        )
    return {
        family: Split(
            tuple(s for s in samples if family_of(s) != family),
            (),
            tuple(s for s in samples if family_of(s) == family),
        )
        for family in families
    }
