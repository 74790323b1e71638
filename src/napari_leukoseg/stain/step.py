"""A stain method with its reference, as people name it and as runs keep it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.slide import open_slide
from napari_leukoseg.stain.choosing import find_reference
from napari_leukoseg.stain.errors import StainReferenceError
from napari_leukoseg.stain.methods import (
    REFERENCED,
    make_normalizer,
    normalizer_from_dict,
    statistics_from_dict,
)
from napari_leukoseg.stain.normalizer import Method, Normalizer, Variant, check_strength
from napari_leukoseg.stain.standardized_slide import StandardizedSlide

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from napari_leukoseg.slide import SlideReader
    from napari_leukoseg.stain.statistics import Statistics

__all__ = [
    "DEFAULT_REFERENCE",
    "StainChoice",
    "StainDefault",
    "StainStep",
    "method_title",
]

DEFAULT_REFERENCE = "wright-giemsa"
"""Bundled look that is taken where none is named."""

_PUBLISHED_END = f"-{Variant.PUBLISHED.value}"


class StainDefault(StrEnum):
    """What stands in the place of a stain step where a user names none.

    ``model`` is the step that the model's card names, if it names one; ``none``
    leaves pictures as they are.
    """

    MODEL = "model"
    NONE = "none"


@dataclass(frozen=True)
class StainChoice:
    """What a user, a model's card or a training configuration asks for.

    Parameters
    ----------
    method : Method
        Which method.
    reference : str, optional
        As `find_reference` takes it; empty for `DEFAULT_REFERENCE`, and for a
        method without a reference.
    variant : Variant, optional
        For smears, or as published.

    Raises
    ------
    SettingsError
        If there is no such method or variant, or the method takes no reference.
    """

    method: Method
    reference: str = ""
    variant: Variant = Variant.SMEAR

    def __post_init__(self) -> None:
        if self.reference and self.method not in REFERENCED:
            raise SettingsError(
                f"The {self.method} method takes no reference, and "
                f"{self.reference!r} was given; leave it out, or choose one of "
                f"{', '.join(REFERENCED)}."
            )

    @classmethod
    def parse(cls, text: str) -> StainChoice:
        """Read ``METHOD[-published][:REFERENCE]``, such as ``macenko:jtsc``.

        Raises
        ------
        SettingsError
            If there is no such method, or it takes no reference.
        """
        name, _, reference = text.strip().partition(":")
        is_published = name.endswith(_PUBLISHED_END)
        try:
            method = Method(name.removesuffix(_PUBLISHED_END))
        except ValueError as error:
            raise SettingsError(
                f"There is no stain method {name!r}; give one of {', '.join(Method)}, "
                f"with {_PUBLISHED_END} behind it for the method as published."
            ) from error
        variant = Variant.PUBLISHED if is_published else Variant.SMEAR
        return cls(method, reference.strip(), variant)

    def __str__(self) -> str:
        """Return what `parse` reads back."""
        end = _PUBLISHED_END if self.variant is Variant.PUBLISHED else ""
        return f"{self.method}{end}" + (self.reference and f":{self.reference}")

    def prepared(self) -> StainStep:
        """Return the method, fitted to the reference.

        Raises
        ------
        StainReferenceError
            If there is no such reference, or it was not measured by this method.
        StainEstimationError
            If the reference is a picture that does not show how it is stained.
        SlideError
            If that picture cannot be read.
        """
        title = method_title(self.method, self.variant)
        if self.method not in REFERENCED:
            return StainStep(make_normalizer(self.method, self.variant), title)
        found = find_reference(self.reference or DEFAULT_REFERENCE)
        normalizer = found.normalizer(self.method, self.variant)
        return StainStep(normalizer, f"{title} → {found.name}")


@dataclass(frozen=True, eq=False)
class StainStep:
    """A fitted method, ready for slides.

    Parameters
    ----------
    normalizer : Normalizer
        Method, fitted to its reference if it takes one.
    title : str
        For people, such as ``Macenko → jtsc``.
    strength : float, optional
        0 leaves pictures as they are, 1 standardizes fully.
    source : Statistics, optional
        How the slide is stained, where it does not show that itself: taken from
        another picture of the same smear. Estimated from each slide otherwise.

    Raises
    ------
    SettingsError
        If the strength is no share.
    """

    normalizer: Normalizer
    title: str
    strength: float = 1.0
    source: Statistics | None = None

    def __post_init__(self) -> None:
        check_strength(self.strength)

    def standardized(
        self,
        slide: SlideReader,
        *,
        device: torch.device | str | None = None,
        owns_slide: bool = False,
        block_px: int | None = None,
    ) -> StandardizedSlide:
        """Return a slide whose pixels are standardized when they are read.

        Parameters
        ----------
        slide : SlideReader
            Source.
        device : torch.device or str, optional
            Where colors are computed; see `StandardizedSlide`.
        owns_slide : bool, optional
            Whether closing the result closes the source.
        block_px : int, optional
            See `StandardizedSlide`.

        Raises
        ------
        StainEstimationError
            If the slide does not show how it is stained.
        """
        return StandardizedSlide(
            slide,
            self.normalizer,
            self.source,
            strength=self.strength,
            device=device,
            owns_slide=owns_slide,
            block_px=block_px,
        )

    def estimated_from(self, path: str | Path) -> StainStep:
        """Return a step that takes every slide to be stained as another picture is.

        For fields that do not show how they are stained, beside one of the same
        smear that does.

        Parameters
        ----------
        path : str or Path
            Picture or slide.

        Raises
        ------
        StainEstimationError
            If it does not show how it is stained, either.
        SlideError
            If it cannot be read.
        """
        with open_slide(path) as slide:
            source = self.normalizer.estimate_slide(slide)
        return self.with_source(source, Path(path).name)

    def with_source(self, source: Statistics, name: str) -> StainStep:
        """Return a step that takes every slide to be stained as was measured.

        Parameters
        ----------
        source : Statistics
            As the method estimates them.
        name : str
            Of the picture that was measured, for people.
        """
        title = f"{self.title}, estimated from {name}"
        return replace(self, source=source, title=title)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return {
            "normalizer": self.normalizer.to_dict(),
            "title": self.title,
            "strength": self.strength,
            "source": None if self.source is None else self.source.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StainStep:
        """Build from plain data.

        Raises
        ------
        StainReferenceError
            If the data are something else.
        SettingsError
            If a setting is out of range.
        """
        try:
            normalizer = normalizer_from_dict(data["normalizer"])
            source, strength = data["source"], float(data["strength"])
            title = str(data["title"])
        except (KeyError, TypeError) as error:
            raise StainReferenceError(
                f"The data of a stain step are damaged ({error!r}); choose method and "
                "reference again."
            ) from error
        measured = None
        if source is not None:
            measured = statistics_from_dict(normalizer.method, source)
        return cls(normalizer, title, strength, measured)

    def describe(self) -> dict[str, Any]:
        """Return what the record of a run keeps: names, and a digest of everything."""
        plain = json.dumps(self.to_dict(), sort_keys=True)
        return {
            "title": self.title,
            "method": self.normalizer.method.value,
            "strength": self.strength,
            "sha256": hashlib.sha256(plain.encode()).hexdigest(),
        }


def method_title(method: Method, variant: Variant = Variant.SMEAR) -> str:
    """Return the name of a method for people."""
    title = method.value.capitalize()
    return f"{title}, as published" if variant is Variant.PUBLISHED else title
