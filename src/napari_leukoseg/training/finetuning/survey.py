"""What there is to fine-tune on: cells by class, enough or not, what is kept aside."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_leukoseg.classes import DEFAULT_SCHEME, UNCLASSIFIED, ClassScheme
from napari_leukoseg.errors import LeukosegError, SettingsError
from napari_leukoseg.training.finetuning.reading import find_sources, look_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from napari_leukoseg.training.finetuning.reading import FieldFacts, SourceFacts

__all__ = ["MIN_CELLS", "MIN_CELLS_OF_CLASS", "Survey", "survey_sources"]

MIN_CELLS = 20
"""Reviewed cells from which on a fine-tuning is worth its time."""

MIN_CELLS_OF_CLASS = 3
"""Cells of a class below which little can be learned of it."""

MIN_SPECIMENS = 4
"""Specimens from which on whole ones are kept aside; of fewer, single fields."""


@dataclass(frozen=True)
class Survey:
    """What a person's corrections are, before anything is trained.

    Parameters
    ----------
    sources : tuple of SourceFacts
        What can be used, with its fields; `is_kept_aside` tells which of them only
        judge the model.
    scheme : ClassScheme
        Classes of all sources.
    problems : tuple of str, optional
        Sentences on what cannot be used, and is left out.
    min_cells : int, optional
        Reviewed cells that are enough.
    """

    sources: tuple[SourceFacts, ...]
    scheme: ClassScheme
    problems: tuple[str, ...] = ()
    min_cells: int = MIN_CELLS

    @property
    def fields(self) -> tuple[FieldFacts, ...]:
        """Fields of all sources that have reviewed cells or areas."""
        return tuple(field for source in self.sources for field in source.fields)

    @property
    def kept_aside(self) -> tuple[FieldFacts, ...]:
        """Fields that only judge the model."""
        return tuple(field for field in self.fields if field.is_kept_aside)

    @property
    def taught(self) -> tuple[FieldFacts, ...]:
        """Fields that the model learns from."""
        return tuple(field for field in self.fields if not field.is_kept_aside)

    @property
    def cells(self) -> dict[int, int]:
        """Reviewed cells by class id; `UNCLASSIFIED` are those without a class."""
        return count_cells(self.fields)

    @property
    def n_reviewed(self) -> int:
        """Reviewed cells of all classes and none."""
        return sum(self.cells.values())

    @property
    def n_unreviewed(self) -> int:
        """Cells that nobody confirmed; they are not learned from."""
        return sum(source.n_unreviewed for source in self.sources)

    @property
    def taught_classes(self) -> tuple[int, ...]:
        """Ids of the classes that there are cells to learn from."""
        return tuple(i for i in count_cells(self.taught) if i != UNCLASSIFIED)

    @property
    def refusal(self) -> str:
        """Why nothing can be learned from this, in one sentence; empty if it can."""
        if not self.sources:
            return "There is no corrected case or labeled picture to learn from."
        if self.n_reviewed < self.min_cells:
            return (
                f"{count(self.n_reviewed, 'reviewed cell')}, but {self.min_cells} are "
                f"needed; review {self.min_cells - self.n_reviewed} more."
            )
        if not self.kept_aside:
            return (
                "All reviewed cells are of one field, so none can be kept aside to "
                "judge the model by; review cells of another field too."
            )
        return ""

    @property
    def notices(self) -> tuple[str, ...]:
        """What a user should know before starting, as sentences."""
        found = [*self._class_notices()]
        if self.n_unreviewed:
            are = "is" if self.n_unreviewed == 1 else "are"
            found.append(
                f"{count(self.n_unreviewed, 'cell')} {are} not reviewed and will not "
                "be learned from."
            )
        return tuple(found)

    def _class_notices(self) -> Iterable[str]:
        """Tell of classes that are alone or rare."""
        taught = count_cells(self.taught)
        taught.pop(UNCLASSIFIED, None)
        if len(taught) == 1:
            name = self.scheme[next(iter(taught))].name
            yield (
                f"All cells are of one class ({name}), so only outlines will be "
                "learned, not classes."
            )
            return
        for class_id, n_cells in taught.items():
            if n_cells < MIN_CELLS_OF_CLASS:
                yield (
                    f"{count(n_cells, 'cell')} of class "
                    f"{self.scheme[class_id].name}: too few to learn it well."
                )


def count(number: int, noun: str) -> str:
    """Put a number before a noun."""
    return f"{number} {noun}{'s' * (number != 1)}"


def count_cells(fields: Iterable[FieldFacts]) -> dict[int, int]:
    """Count the reviewed cells of some fields by class, in the order of ids."""
    total: Counter[int] = Counter()
    for field in fields:
        total.update(field.cells)
    return {class_id: total[class_id] for class_id in sorted(total)}


def survey_sources(
    paths: Sequence[Path],
    *,
    slides: Sequence[Path] = (),
    kept_aside: float = 0.25,
    seed: int = 0,
    min_cells: int = MIN_CELLS,
) -> Survey:
    """Look at what a person has corrected, without reading more than needed.

    Parameters
    ----------
    paths : sequence of Path
        Cases, folders of cases, and folders of pictures with masks, of the kinds
        ``labels`` and ``masks`` in `training.datasets`.
    slides : sequence of Path, optional
        Slides of cases that do not lie beside theirs, or folders of them.
    kept_aside : float, optional
        Share of the cells of each class that only judge the model. They are chosen
        by whole specimens, or by whole fields where there are few specimens; never
        by cells.
    seed : int, optional
        Draws them.
    min_cells : int, optional
        Reviewed cells that are enough.

    Returns
    -------
    survey : Survey
        What can be used. What cannot is told in `problems`, and raises nothing.
    """
    sources: list[SourceFacts] = []
    problems: list[str] = []
    scheme = DEFAULT_SCHEME
    pictures: dict[str, Path] = {}
    for place in list_places(paths, problems):
        try:
            source = look_at(place, slides)
            check_new(source, pictures)
            scheme = merge_schemes(scheme, source)
        except LeukosegError as error:
            problems.append(str(error))
        else:
            pictures |= dict.fromkeys(source.pictures, source.path)
            sources.append(source)
    chosen = choose_kept_aside(sources, kept_aside, seed)
    return Survey(chosen, scheme, tuple(problems), min_cells)


def list_places(paths: Sequence[Path], problems: list[str]) -> list[Path]:
    """List the sources that paths stand for, each once; add what is none."""
    places: dict[Path, None] = {}
    for path in paths:
        try:
            places |= dict.fromkeys(source.resolve() for source in find_sources(path))
        except LeukosegError as error:
            problems.append(str(error))
    return list(places)


def check_new(source: SourceFacts, known: Mapping[str, Path]) -> None:
    """Refuse a source with a picture of another one: their labels may disagree.

    Raises
    ------
    SettingsError
        If there is such a picture.
    """
    for digest in source.pictures:
        if digest in known:
            raise SettingsError(
                f"{source.path.name} and {known[digest].name} show the same picture, "
                "so their labels may contradict each other; leave one of them out."
            )


def merge_schemes(scheme: ClassScheme, source: SourceFacts) -> ClassScheme:
    """Add a source's own classes to those known so far.

    Raises
    ------
    SettingsError
        If a class id has two names, or a name two ids.
    """
    for own in source.scheme:
        if own.id in scheme:
            if scheme[own.id].name != own.name:
                raise SettingsError(
                    f"Class {own.id} is {own.name!r} in {source.path.name}, but "
                    f"{scheme[own.id].name!r} in what was chosen before; train on "
                    "them apart, or give the classes different ids."
                )
            continue
        keys = {known.key for known in scheme}
        scheme = scheme.added(replace(own, key="") if own.key in keys else own)
    return scheme


def choose_kept_aside(
    sources: Sequence[SourceFacts], share: float, seed: int
) -> tuple[SourceFacts, ...]:
    """Mark the fields that judge the model: a share of the cells of each class.

    Groups are drawn for the rarest class first. One that has the last cells of a
    class is not taken, nor one without which less than half of all cells are left.
    """
    key = group_key(sources)
    groups: dict[str, Counter[int]] = {}
    for source in sources:
        for field in source.fields:
            groups.setdefault(key(field), Counter()).update(field.cells)
    order = sorted(groups, key=lambda name: draw(seed, name))
    total: Counter[int] = sum(groups.values(), Counter())
    left, kept = Counter(total), set[str]()
    for class_id in sorted(total, key=lambda c: (total[c], c)):
        wanted = round(share * total[class_id])
        for name in order:
            if total[class_id] - left[class_id] >= wanted:
                break
            if name not in kept and groups[name][class_id]:
                kept |= take(name, groups[name], left, total)
    if not kept and len(order) > 1:
        with_cells = [name for name in order if groups[name].total()]
        kept = (
            {min(with_cells, key=lambda n: groups[n].total())} if with_cells else kept
        )
    return tuple(
        replace(
            source,
            fields=tuple(
                replace(field, is_kept_aside=key(field) in kept)
                for field in source.fields
            ),
        )
        for source in sources
    )


def group_key(sources: Sequence[SourceFacts]) -> Callable[[FieldFacts], str]:
    """Keep specimens together where there are several, else fields."""
    specimens = {field.group for source in sources for field in source.fields}
    if len(specimens) >= MIN_SPECIMENS:
        return lambda field: field.group
    return lambda field: f"{field.group}/{field.name}"


def draw(seed: int, name: str) -> str:
    """Key that orders names at random, alike on all machines."""
    return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()


def take(
    name: str, own: Counter[int], left: Counter[int], total: Counter[int]
) -> set[str]:
    """Move a group from what is left to learn from, unless too little would stay."""
    is_last = any(left[class_id] <= own[class_id] for class_id in own)
    if is_last or 2 * (left.total() - own.total()) < total.total():
        return set()
    left.subtract(own)
    return {name}
