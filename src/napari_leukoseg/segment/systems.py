"""Published systems: a network together with the stain step that comes before it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from napari_leukoseg.errors import ModelError, SettingsError
from napari_leukoseg.segment.networks.registry import NARROW
from napari_leukoseg.stain import (
    StainChoice,
    StainDefault,
    StainEstimationError,
    StainStep,
)

if TYPE_CHECKING:
    import torch

    from napari_leukoseg.segment.card import ModelCard
    from napari_leukoseg.slide import SlideReader

__all__ = ["SeenSlide", "is_narrow", "own_stain_step", "see_slide"]


class SeenSlide(NamedTuple):
    """A slide as a network sees it, the stain step taken, and notices for the user."""

    slide: SlideReader
    step: StainStep | None = None
    notices: tuple[str, ...] = ()


def own_stain_step(card: ModelCard) -> StainStep | None:
    """Return the stain step that a model's card names, or none.

    Raises
    ------
    ModelError
        If the card names one that does not exist.
    """
    if not card.stain:
        return None
    try:
        return _prepared(card.stain)
    except SettingsError as error:
        raise ModelError(
            f"The model {card.name!r} has an unknown stain step: {error}"
        ) from error


def see_slide(
    slide: SlideReader,
    card: ModelCard,
    stain: StainStep | StainDefault,
    device: torch.device,
) -> SeenSlide:
    """Return a slide as a model's network is to see it.

    Parameters
    ----------
    slide : SlideReader
        Stays open, and is not closed with what is returned.
    card : ModelCard
        Names the stain step that is taken by default.
    stain : StainStep or StainDefault
        What the user asks for.
    device : torch.device
        Where the network runs; GPUs compute colors too.

    Raises
    ------
    StainEstimationError
        If the slide does not show how it is stained, and the user asked for a
        step. One that only the model asks for is left out with a notice, since
        an empty field has no cells anyway.
    ModelError
        If the card names a step that does not exist.
    """
    is_own = stain is StainDefault.MODEL
    step = own_stain_step(card) if is_own else stain
    if not isinstance(step, StainStep):
        return SeenSlide(slide)
    try:
        seen = step.standardized(slide, device=None if device.type == "cpu" else device)
    except StainEstimationError as error:
        if not is_own:
            raise
        notice = f"The stain was not standardized as the model asks for: {error}"
        return SeenSlide(slide, None, (notice,))
    return SeenSlide(seen, step)


def is_narrow(card: ModelCard) -> bool:
    """Whether a model is the small variant of a published network."""
    if card.architecture not in NARROW or card.architecture == "residual-unet":
        return False
    narrow = NARROW[card.architecture]
    return all(card.settings.get(name) == value for name, value in narrow.items())


@lru_cache(maxsize=8)
def _prepared(text: str) -> StainStep:
    """Prepare a step once, since it may have weights of its own."""
    return StainChoice.parse(text).prepared()
