"""Simulates how a person points at a cell, and corrects what a network made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import ConfigDict, with_config
from scipy import ndimage
from skimage import measure

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.click_maps import draw_prompt
from napari_leukoseg.segment.networks.base import BACKGROUND, CYTOPLASM, NUCLEUS
from napari_leukoseg.training.pixel_losses import cell_target
from napari_leukoseg.training.sample import IS_NUCLEUS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.segment.networks import SegmentationNetwork
    from napari_leukoseg.training.crops import Crop

__all__ = [
    "ClickSettings",
    "Pointing",
    "correct",
    "deep_point",
    "parts_of",
    "point_at",
    "simulate_prompts",
]

Point = tuple[float, float]

MIN_ERROR_PX = 12
"""Connected errors below this area, at the working scale, nobody would correct."""

FIRST_DEPTHS = (0.1, 0.8)
"""How deep in a cell the first click lies at least, as a share of the deepest."""

CORRECTION_DEPTH = 0.5
"""The same of a click in an error."""

MAX_WRONG_PX = 9.0
"""Farthest that an outline which is to be corrected is moved and bent."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class ClickSettings:
    """How a person points and corrects, as in [1]_.

    Parameters
    ----------
    rounds : tuple of float, optional
        Probabilities that 0, 1, 2, ... corrections follow the first prompt.
    box : float, optional
        Probability that a box is drawn, half the time without a click.
    box_jitter : float, optional
        Largest error of each side of a box, in sizes of the cell.
    wrong : float, optional
        Probability that a wrong outline is there from the start, and the first
        click corrects it.

    References
    ----------
    .. [1] K. Sofiiuk, I. Petrov, A. Konushin, "Reviving iterative training with
       mask guidance for interactive segmentation", ICIP 2022.
    """

    rounds: tuple[float, ...] = (0.45, 0.3, 0.15, 0.1)
    box: float = 0.2
    box_jitter: float = 0.12
    wrong: float = 0.15

    def __post_init__(self) -> None:
        if not self.rounds or min(self.rounds) < 0 or not sum(self.rounds) > 0:
            raise SettingsError(
                f"Probabilities {self.rounds} of rounds are none; give shares of 0 or "
                "more, at least one above 0."
            )
        for name in ("box", "box_jitter", "wrong"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 0 to 1.")


@dataclass
class Pointing:
    """What a person has pointed at in one window, at the working scale.

    Parameters
    ----------
    positive, negative : list of (row, column)
        Clicks in the cell, and outside it.
    box : tuple of float or None
        First row and column, row and column after the last.
    outline : ndarray of float32, shape (2, S, S)
        Cell and nucleus so far, 0 or 1.
    """

    outline: NDArray[np.float32]
    positive: list[Point] = field(default_factory=list)
    negative: list[Point] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None

    @property
    def maps(self) -> NDArray[np.float32]:
        """What a network is shown of it, shape (5, S, S)."""
        return draw_prompt(self.positive, self.negative, self.box, self.outline)


def simulate_prompts(
    network: SegmentationNetwork,
    image: torch.Tensor,
    crop: Crop,
    settings: ClickSettings,
    rng: np.random.Generator,
    *,
    rounds: int | None = None,
) -> torch.Tensor:
    """Point at the target of each crop, and correct what the network answers.

    Parameters
    ----------
    network : SegmentationNetwork
        Takes prompts; its mode is kept.
    image : Tensor of shape (B, 3, S, S)
        Standardized colors.
    crop : Crop
        The same batch, with its targets.
    settings : ClickSettings
        How a person does it.
    rng : Generator
        Draws places and number of clicks.
    rounds : int, optional
        Corrections; their number is drawn if not given. Given 0, the first prompt
        is one click.

    Returns
    -------
    maps : Tensor of shape (B, 5, S, S)
        Prompts, on the device of `image`.
    """
    targets, known = (part.cpu().numpy() for part in cell_target(crop.allowed))
    nuclei = (crop.allowed == IS_NUCLEUS).cpu().numpy()
    if rounds is None:
        shares = np.asarray(settings.rounds) / sum(settings.rounds)
        rounds = int(rng.choice(len(shares), p=shares))
    elif rounds == 0:
        settings = ClickSettings(box=0.0, wrong=0.0)
    pointings = [
        point_at(target, nucleus, settings, rng)
        for target, nucleus in zip(targets, nuclei, strict=True)
    ]
    was_training = network.training
    network.eval()
    for _ in range(rounds):
        maps = to_maps(pointings, image)
        with torch.no_grad():
            semantic = network(torch.cat([image, maps], dim=1)).semantic
        for index, outline in enumerate(parts_of(semantic)):
            pointings[index].outline = outline
            correct(pointings[index], targets[index], known[index], rng)
    network.train(was_training)
    return to_maps(pointings, image)


def to_maps(pointings: list[Pointing], image: torch.Tensor) -> torch.Tensor:
    """Stack maps on the device of the pictures."""
    maps = np.stack([pointing.maps for pointing in pointings])
    return torch.from_numpy(maps).to(image.device)


def parts_of(semantic: torch.Tensor) -> NDArray[np.float32]:
    """Give cell and nucleus, 0 or 1, of semantic logits, shape (B, 2, H, W)."""
    p = semantic.float().softmax(dim=1)
    cell = p[:, BACKGROUND] < 0.5
    nucleus = cell & (p[:, NUCLEUS] > p[:, CYTOPLASM])
    return torch.stack([cell, nucleus], dim=1).float().cpu().numpy()


def point_at(
    target: NDArray[np.bool_],
    nucleus: NDArray[np.bool_],
    settings: ClickSettings,
    rng: np.random.Generator,
) -> Pointing:
    """Begin with a click, a box, both, or the correction of a wrong outline.

    Parameters
    ----------
    target, nucleus : ndarray of bool, shape (S, S)
        Cell that is meant, and its nucleus as far as that is known.
    settings : ClickSettings
        How often each happens.
    rng : Generator
        Draws it.
    """
    pointing = Pointing(np.zeros((2, *target.shape), np.float32))
    if not target.any():
        return pointing
    kind = rng.random()
    if kind < settings.wrong:
        wrong = disturbed(target, rng)
        pointing.outline = np.stack([wrong, wrong & nucleus]).astype(np.float32)
        correct(pointing, target, np.ones_like(target), rng)
        return pointing
    has_box = kind < settings.wrong + settings.box
    if has_box:
        pointing.box = jittered_box(target, settings.box_jitter, rng)
    if not has_box or rng.random() < 0.5:
        pointing.positive.append(deep_point(target, rng.uniform(*FIRST_DEPTHS), rng))
    return pointing


def correct(
    pointing: Pointing,
    target: NDArray[np.bool_],
    known: NDArray[np.bool_],
    rng: np.random.Generator | None,
) -> bool:
    """Click into the largest error of the outline so far.

    Parameters
    ----------
    pointing : Pointing
        Gets the click.
    target, known : ndarray of bool, shape (S, S)
        Cell that is meant, and where it is known whether a pixel is in it.
    rng : Generator or None
        Draws a place in the error; none takes the deepest.

    Returns
    -------
    has_clicked : bool
        Whether there was an error worth a click.
    """
    found = pointing.outline[0] > 0.5
    missed, excess = (
        largest_piece(error & known) for error in (target & ~found, found & ~target)
    )
    error = missed if missed.sum() >= excess.sum() else excess
    if error.sum() < MIN_ERROR_PX:
        return False
    clicks = pointing.positive if error is missed else pointing.negative
    clicks.append(deep_point(error, CORRECTION_DEPTH, rng))
    return True


def largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the largest connected piece."""
    pieces = measure.label(mask, connectivity=1)
    counts = np.bincount(pieces.ravel())
    counts[0] = 0
    piece: NDArray[np.bool_] = (pieces == counts.argmax()) & mask
    return piece


def deep_point(
    mask: NDArray[np.bool_], depth: float, rng: np.random.Generator | None
) -> Point:
    """Choose a pixel of a mask, at least so deep, as a share of its deepest.

    Parameters
    ----------
    mask : ndarray of bool, shape (M, N)
        Not empty.
    depth : float
        From 0 to 1.
    rng : Generator or None
        Draws it; none takes the deepest.
    """
    depths = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    if rng is None:
        row, column = np.unravel_index(depths.argmax(), mask.shape)
        return float(row), float(column)
    rows, columns = np.nonzero(mask & (depths >= depth * depths.max()))
    chosen = rng.integers(rows.size)
    return float(rows[chosen]), float(columns[chosen])


def jittered_box(
    mask: NDArray[np.bool_], jitter: float, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Give the box of a mask as a person would draw it."""
    rows, columns = np.nonzero(mask)
    top, left, bottom, right = (
        float(v) for v in (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    )
    sizes = np.array([bottom - top, right - left] * 2)
    errors = (sizes * rng.uniform(-jitter, jitter, 4)).tolist()
    return top + errors[0], left + errors[1], bottom + errors[2], right + errors[3]


def disturbed(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Move and bend the border of a mask, as a wrong outline does."""
    inner = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    outer = ndimage.distance_transform_edt(~mask)
    coarse = rng.normal(0, MAX_WRONG_PX, (5, 5))
    factors = np.divide(mask.shape, coarse.shape)
    bent = ndimage.zoom(coarse, factors, order=1, grid_mode=True, mode="nearest")
    shift = rng.uniform(-MAX_WRONG_PX, MAX_WRONG_PX)
    wrong: NDArray[np.bool_] = inner - outer + bent + shift > 0
    return wrong
