"""Looks to standardize to, as small files of statistics, without pictures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain.errors import StainEstimationError, StainReferenceError
from napari_leukoseg.stain.methods import (
    POINTWISE,
    REFERENCED,
    make_normalizer,
    make_pointwise,
    reference_key,
)
from napari_leukoseg.stain.normalizer import Method, Variant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from napari_leukoseg.stain.color_counts import ColorCounts
    from napari_leukoseg.stain.normalizer import Normalizer
    from napari_leukoseg.stain.statistics import Statistics

    Key = tuple[Method, Variant]

__all__ = ["REFERENCE_SUFFIX", "StainReference", "bundled_references"]

REFERENCE_SUFFIX = ".json"

FORMAT, VERSION = "leukoseg-stain-reference", 1
"""What a file calls itself; the version rises when older programs would err."""

MAX_BYTES = 1 << 20
"""A reference takes some 40 kB; a larger file is something else."""

_FOLDER = Path(__file__).parent / "references"


@dataclass(frozen=True, eq=False)
class StainReference:
    """Statistics of a look, for each method and variant that it could be measured by.

    Parameters
    ----------
    name : str
        For people.
    statistics : mapping of (Method, Variant) to Statistics
        Measured from one or more pictures.
    description : str, optional
        What it was measured from.
    license : str, optional
        Of the pictures.
    """

    name: str
    statistics: Mapping[Key, Statistics]
    description: str = ""
    license: str = ""

    @classmethod
    def measure(cls, name: str, pictures: Iterable[ColorCounts], **about: str) -> Self:
        """Measure one or more pictures by every method; medians of several count.

        Parameters
        ----------
        name : str
            For people.
        pictures : iterable of ColorCounts
            One of each picture.
        **about : str
            `description` and `license`.

        Raises
        ------
        StainEstimationError
            If no method could measure any picture.
        """
        methods = [(m, v, make_pointwise(m, v)) for m in POINTWISE for v in Variant]
        found: dict[Key, list[Statistics]] = {}
        failure = StainEstimationError("There is no picture to measure; give one.")
        for colors in pictures:
            for method, variant, normalizer in methods:
                try:
                    one = normalizer.estimate_colors(colors)
                except StainEstimationError as error:
                    failure = error
                else:
                    found.setdefault((method, variant), []).append(one)
        if not found:
            raise failure
        typical = {key: type(many[0]).typical(many) for key, many in found.items()}
        return cls(name, typical, **about)

    def normalizer(
        self, method: Method | str, variant: Variant | str = Variant.SMEAR
    ) -> Normalizer:
        """Return a method, fitted to this look.

        Raises
        ------
        SettingsError
            If there is no such method, or it takes no reference.
        StainReferenceError
            If this look could not be measured by it.
        """
        normalizer = make_normalizer(method, variant)
        if normalizer.method not in REFERENCED:
            raise SettingsError(
                f"The {normalizer.method} method takes no reference; leave it out, or "
                f"choose one of {', '.join(REFERENCED)}."
            )
        key = reference_key(normalizer.method, Variant(variant))
        statistics = self.statistics.get(key)
        if statistics is None:
            raise StainReferenceError(
                f"The stain reference {self.name!r} has no statistics for "
                f"{normalizer.method} ({variant}); choose another reference or method."
            )
        return normalizer.fit_statistics(statistics)

    def save(self, path: str | Path) -> None:
        """Write the reference as a JSON file, whole or not at all.

        Raises
        ------
        StainReferenceError
            If it cannot be written there.
        """
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        try:
            partial.write_text(json.dumps(self.to_dict()) + "\n", encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StainReferenceError(
                f"{path} cannot be written ({error.strerror or error}); choose another "
                "folder."
            ) from error

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a reference.

        Raises
        ------
        StainReferenceError
            If the file is missing, damaged, newer than this program, or no
            reference at all.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                raise ValueError(f"it is larger than {MAX_BYTES} bytes")
            return cls.from_dict(json.loads(content))
        except StainReferenceError as error:
            raise StainReferenceError(f"{path.name}: {error}") from error
        except (OSError, ValueError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StainReferenceError(
                f"{path} is no stain reference that can be read ({reason}); give the "
                f"name of one, a {REFERENCE_SUFFIX} file of one, or a picture."
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        stored: dict[str, dict[str, Any]] = {}
        for (method, variant), statistics in self.statistics.items():
            stored.setdefault(method.value, {})[variant.value] = statistics.to_dict()
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "description": self.description,
            "license": self.license,
            "statistics": stored,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from plain data.

        Raises
        ------
        StainReferenceError
            If the data are something else.
        """
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise StainReferenceError(
                f"It does not call itself {FORMAT!r}; give the file of a stain "
                "reference."
            )
        if data.get("version") != VERSION:
            raise StainReferenceError(
                f"It is of version {data.get('version')!r}, and {VERSION} can be read; "
                "update napari-leukoseg, or make it again."
            )
        try:
            statistics = {
                (Method(method), Variant(variant)): _read(Method(method), values)
                for method, variants in data["statistics"].items()
                for variant, values in variants.items()
            }
            about = {key: str(data[key]) for key in ("description", "license")}
            return cls(str(data["name"]), statistics, **about)
        except (KeyError, ValueError, AttributeError) as error:
            raise StainReferenceError(
                f"It is damaged ({error}); make the reference again."
            ) from error


def bundled_references() -> dict[str, Path]:
    """Return the files of the looks that ship with the package, by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob(f"*{REFERENCE_SUFFIX}"))}


def _read(method: Method, values: Mapping[str, Any]) -> Statistics:
    """Read the statistics of a method."""
    return POINTWISE[method].statistics_type.from_dict(values)
