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

__all__ = ["Split", "SplitSettings", "split_by_group"]


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


def split_by_group(samples: Sequence[Sample], settings: SplitSettings) -> Split:
    """Split by source group, stratified by class.

    Groups are keyed by name and set family (``bcisc`` and ``bcisc-fields``
    share theirs), so crops stay with the field they were cut from.
    """
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        family = sample.dataset.split("-")[0]
        groups[f"{family}/{sample.source_group}"].append(sample)
    strata: dict[tuple[str, int], list[str]] = defaultdict(list)
    for group, members in groups.items():
        classes = Counter(c for s in members for c in s.cell_classes.values())
        stratum = classes.most_common(1)[0][0] if classes else 0
        strata[group.split("/")[0], stratum].append(group)
    parts: tuple[list[Sample], list[Sample], list[Sample]] = ([], [], [])
    for names in strata.values():
        names.sort(key=lambda name: group_digest(settings.seed, name))
        n_test = round(settings.test * len(names))
        n_validation = round(settings.validation * len(names))
        for position, name in enumerate(names):
            is_test, is_held = position < n_test, position < n_test + n_validation
            parts[2 if is_test else 1 if is_held else 0].extend(groups[name])
    train, validation, test = (tuple(part) for part in parts)
    return Split(train, validation, test)
