"""Says how much more closely than usual a picture is looked at, where that is cheap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from napari_leukoseg.errors import SettingsError

__all__ = ["LOOKS", "MAGNIFICATION", "CloseLook", "Look"]


class Look(NamedTuple):
    """One way to show a picture to a network.

    Parameters
    ----------
    flip : tuple of int
        Axes of an array (..., H, W) that are turned round.
    size : float
        Side in which it is shown, as a share of its own.
    """

    flip: tuple[int, ...]
    size: float


MAGNIFICATION = 1.375
"""How much larger than usual cells are in a picture that is looked at closely."""

LOOKS = (
    Look((), 1.0),
    Look((-2, -1), 1 / MAGNIFICATION),
    Look((-1,), 1.0),
    Look((-2,), 1 / MAGNIFICATION),
)
"""In order: enlarged and as it is, then each as different as can be from those before.
Enlarged, outlines are sharper; at the usual size cells look as they mostly did in
training, and there it was measured how certain a network is of them."""


@dataclass(frozen=True)
class CloseLook:
    """How small pictures are looked at: several times, enlarged in half of them.

    The maps of all looks are averaged (test-time augmentation), so outlines get
    sharper, and errors by chance cancel. The looks at the usual size decide what
    counts as a cell.

    Parameters
    ----------
    n_looks : int, optional
        As many of 2 and 4 as the budget allows, up to this.
    budget_px : int, optional
        Pixels of the enlarged picture that may be looked at, all looks counted; where
        they do not suffice for two, it is looked at once and not enlarged. What
        lies around an area is counted, what windows share is not, so that a device's
        memory does not matter.
    """

    n_looks: int = 4
    budget_px: int = 2_000_000

    def __post_init__(self) -> None:
        if self.n_looks not in (2, len(LOOKS)):
            raise SettingsError(f"n_looks is {self.n_looks}; give 2 or {len(LOOKS)}.")
        if self.budget_px < 0:
            raise SettingsError(f"budget_px is {self.budget_px}; give 0 or more.")

    def affordable(self, pixels: float) -> int:
        """How often so many pixels can be looked at; 0 where once is all."""
        fitting = [n for n in (self.n_looks, 2) if n * pixels <= self.budget_px]
        return max(fitting, default=0)
