"""White-cell classes: ids, names, keys, colors, and how each is counted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "DEFAULT_SCHEME",
    "FIRST_OWN_CLASS",
    "UNCLASSIFIED",
    "CellClass",
    "ClassScheme",
    "Counting",
]

UNCLASSIFIED = 6
"""Id of a white cell without a class."""

FIRST_OWN_CLASS = 7
"""Least id of a laboratory's own class; those below mean the same everywhere."""


class Counting(StrEnum):
    """How cells of a class enter the differential count."""

    DIFFERENTIAL = "differential"
    PER_100_WHITE_CELLS = "per_100_white_cells"
    NONE = "none"


@dataclass(frozen=True)
class CellClass:
    """One class of cell.

    Parameters
    ----------
    id : int
        Positive value in the *WBC class* layer; 0 is background.
    name : str
        Name shown to people.
    key : str
        Keyboard key that assigns the class, or an empty string.
    color : str
        ``#rrggbb``.
    counting : Counting, optional
        How the class enters the differential count.
    """

    id: int
    name: str
    key: str
    color: str
    counting: Counting = Counting.DIFFERENTIAL

    def __post_init__(self) -> None:
        if not 0 < self.id < 256:
            raise SettingsError(f"Class id {self.id} is not in 1 to 255.")
        digits = self.color[1:]
        if not (
            self.color.startswith("#")
            and len(digits) == 6
            and all(d in "0123456789abcdefABCDEF" for d in digits)
        ):
            raise SettingsError(
                f"Class color {self.color!r} is not of the form '#rrggbb'."
            )

    @property
    def rgb(self) -> tuple[float, float, float]:
        """Red, green and blue from 0 to 1."""
        red, green, blue = bytes.fromhex(self.color[1:])
        return red / 255, green / 255, blue / 255


@dataclass(frozen=True)
class ClassScheme:
    """Ordered set of cell classes; ids, names and keys are unique.

    Raises
    ------
    SettingsError
        If two classes share an id, a name or a key.
    """

    classes: tuple[CellClass, ...]

    def __post_init__(self) -> None:
        for what in ("id", "name", "key"):
            values = [getattr(c, what) for c in self.classes]
            values = [v for v in values if v != ""]
            twice = {v for v in values if values.count(v) > 1}
            if twice:
                raise SettingsError(
                    f"Class {what} {sorted(twice)[0]!r} is given twice; "
                    "make each one different."
                )

    def __iter__(self) -> Iterator[CellClass]:
        return iter(self.classes)

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, class_id: int) -> CellClass:
        for cell_class in self.classes:
            if cell_class.id == class_id:
                return cell_class
        raise SettingsError(
            f"Class id {class_id} is not in the scheme; it has "
            f"{', '.join(str(c.id) for c in self.classes)}."
        )

    def __contains__(self, class_id: object) -> bool:
        return any(c.id == class_id for c in self.classes)

    def by_name(self, name: str) -> CellClass:
        """Return the class of that name.

        Raises
        ------
        SettingsError
            If the scheme has no such name.
        """
        for cell_class in self.classes:
            if cell_class.name == name:
                return cell_class
        raise SettingsError(
            f"Class {name!r} is not in the scheme; it has "
            f"{', '.join(c.name for c in self.classes)}."
        )

    @property
    def next_own_id(self) -> int:
        """Return the least id that is free for a laboratory's own class."""
        known = {c.id for c in self.classes}
        return next(i for i in range(FIRST_OWN_CLASS, 257) if i not in known)

    def added(self, cell_class: CellClass) -> ClassScheme:
        """Return the scheme with one more class of a laboratory's own.

        Raises
        ------
        SettingsError
            If its id is below `FIRST_OWN_CLASS`, or its id, name or key is taken.
        """
        _check_own(cell_class.id)
        return ClassScheme((*self.classes, cell_class))

    def changed(self, cell_class: CellClass) -> ClassScheme:
        """Return the scheme with another description of the class of that id.

        Raises
        ------
        SettingsError
            If there is no class of that id, or its name or key is taken.
        """
        before = self[cell_class.id]
        return ClassScheme(
            tuple(cell_class if c is before else c for c in self.classes)
        )

    def removed(self, class_id: int) -> ClassScheme:
        """Return the scheme without one of a laboratory's own classes.

        Raises
        ------
        SettingsError
            If there is no class of that id, or it is below `FIRST_OWN_CLASS`.
        """
        before = self[class_id]
        _check_own(class_id)
        return ClassScheme(tuple(c for c in self.classes if c is not before))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return {"classes": [asdict(c) for c in self.classes]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ClassScheme:
        """Build from plain data.

        Raises
        ------
        SettingsError
            If an entry lacks a field or holds an unknown value.
        """
        try:
            return cls(
                tuple(
                    CellClass(
                        int(entry["id"]),
                        str(entry["name"]),
                        str(entry.get("key", "")),
                        str(entry["color"]),
                        Counting(entry.get("counting", Counting.DIFFERENTIAL)),
                    )
                    for entry in data["classes"]
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, SettingsError):
                raise
            raise SettingsError(
                f"Class scheme is not readable ({error}); each class needs an id, "
                "a name and a color."
            ) from error

    def save(self, path: Path) -> None:
        """Write as a JSON file."""
        path.write_text(json.dumps(self.to_dict(), indent=2), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> ClassScheme:
        """Read a JSON file written by `save` or by hand."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"Class scheme {path} cannot be read: {error}"
            ) from error
        return cls.from_dict(data)


def _check_own(class_id: int) -> None:
    """Refuse to add or remove what every scheme shares."""
    if class_id < FIRST_OWN_CLASS:
        raise SettingsError(
            f"Class id {class_id} is one of those that all schemes share; classes of "
            f"your own have ids from {FIRST_OWN_CLASS} on."
        )


DEFAULT_SCHEME = ClassScheme(
    (
        CellClass(1, "neutrophil", "1", "#ff0000"),
        CellClass(2, "lymphocyte", "2", "#ffff00"),
        CellClass(3, "monocyte", "3", "#00ffff"),
        CellClass(4, "eosinophil", "4", "#00ff00"),
        CellClass(5, "basophil", "5", "#0000ff"),
        CellClass(UNCLASSIFIED, "unclassified", "6", "#a0a0a0"),
    )
)
"""The five types of a normal differential, and cells without a class."""
