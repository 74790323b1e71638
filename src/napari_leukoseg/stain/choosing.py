"""Finds the look to standardize to: by name, file or picture, or from a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import laplace

from napari_leukoseg.errors import SettingsError, SlideError
from napari_leukoseg.slide import SLIDE_SUFFIXES, open_slide
from napari_leukoseg.stain.color_counts import ColorCounts
from napari_leukoseg.stain.errors import StainEstimationError, StainReferenceError
from napari_leukoseg.stain.histogram import lab_quantiles
from napari_leukoseg.stain.reference import (
    REFERENCE_SUFFIX,
    StainReference,
    bundled_references,
)
from napari_leukoseg.stain.sampling import sample_colors
from napari_leukoseg.stain.structures import STAINED_DENSITY, estimate_ground

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["ReferenceRule", "choose_picture", "find_reference"]

LOOK_PX = 1024
"""Longest side at which the pictures of a folder are compared."""


@dataclass(frozen=True)
class ReferenceRule:
    """Which pictures of a folder may be the reference for the others.

    Parameters
    ----------
    min_stained : float, optional
        Least share of stained pixels. The rule for tissue is 0.5; the ground
        of a smear takes up more than that.
    min_sharpness : float, optional
        Least variance of the Laplacian, as a share of the folder's median.
    max_saturated : float, optional
        Largest share of pixels with a channel at 0, or all at 255.

    Raises
    ------
    SettingsError
        If a share is outside 0 to 1.
    """

    min_stained: float = 0.1
    min_sharpness: float = 0.25
    max_saturated: float = 0.01

    def __post_init__(self) -> None:
        shares = (self.min_stained, self.min_sharpness, self.max_saturated)
        if not all(0 <= share <= 1 for share in shares):
            raise SettingsError(
                f"Shares of {shares} cannot choose a reference; give 0 to 1 each."
            )


def find_reference(
    what: str | Path, rule: ReferenceRule | None = None
) -> StainReference:
    """Return the look that a name, a file or a folder stands for.

    Parameters
    ----------
    what : str or Path
        Name of a bundled reference; file of a reference; picture or slide,
        which is measured; folder of pictures, of which one is chosen.
    rule : ReferenceRule, optional
        How to choose from a folder.

    Raises
    ------
    StainReferenceError
        If there is nothing of that name, or nothing to choose from.
    StainEstimationError
        If the picture does not show how it is stained.
    SlideError
        If the picture cannot be read.
    """
    bundled = bundled_references()
    if str(what) in bundled:
        return StainReference.load(bundled[str(what)])
    path = Path(what).expanduser()
    if not path.exists():
        raise StainReferenceError(
            f"There is no stain reference {str(what)!r}; give one of "
            f"{', '.join(bundled)}, or a file that exists."
        )
    if path.suffix.lower() == REFERENCE_SUFFIX:
        return StainReference.load(path)
    if _is_plain_folder(path):
        path = choose_picture(_pictures_in(path), rule)
    with open_slide(path) as slide:
        colors = sample_colors(slide)
    return StainReference.measure(path.name, [colors], description=path.name)


def choose_picture(paths: Sequence[Path], rule: ReferenceRule | None = None) -> Path:
    """Return the picture whose colors are nearest to those of all others.

    The medoid: it minimizes the mean Wasserstein distance of the histograms of
    L*, a* and b* to the other pictures that the rule admits.

    Parameters
    ----------
    paths : sequence of Path
        Pictures or slides; those that cannot be read are passed over.
    rule : ReferenceRule, optional
        Which are admitted.

    Raises
    ------
    StainReferenceError
        If none is.
    """
    rule = rule or ReferenceRule()
    looks = [look for path in paths if (look := _look_at(path)) is not None]
    sharp = rule.min_sharpness * float(
        np.median([look.sharpness for look in looks] or [0.0])
    )
    admitted = [
        look
        for look in looks
        if look.stained >= rule.min_stained
        and look.saturated <= rule.max_saturated
        and look.sharpness >= sharp
    ]
    if not admitted:
        raise StainReferenceError(
            f"Of {len(paths)} pictures {len(looks)} can be read, and none of them can "
            f"be the reference: it needs {rule.min_stained:.0%} stained pixels, at "
            f"most {rule.max_saturated:.0%} saturated ones, and to be in focus. Give "
            "one picture instead."
        )
    quantiles = np.stack([look.quantiles for look in admitted])
    distances = [np.abs(quantiles - one).mean() for one in quantiles]
    return admitted[int(np.argmin(distances))].path


@dataclass(frozen=True, eq=False)
class _Look:
    """What the rule asks of a picture."""

    path: Path
    quantiles: NDArray[np.float64]
    stained: float
    saturated: float
    sharpness: float


def _look_at(path: Path) -> _Look | None:
    """Measure a picture, or return none where it cannot be."""
    try:
        with open_slide(path) as slide:
            image = slide.overview(LOOK_PX)
        colors = ColorCounts.of_image(image)
        ground = estimate_ground(colors)
    except (SlideError, StainEstimationError):
        return None
    levels, counts = colors.colors, colors.counts
    density = np.linalg.norm(colors.density(ground + 1.0), axis=1)
    saturated = (levels.min(axis=1) == 0) | (levels.min(axis=1) == 255)
    gray = image.mean(axis=2)
    return _Look(
        path,
        lab_quantiles(colors),
        float(counts[density > STAINED_DENSITY].sum() / counts.sum()),
        float(counts[saturated].sum() / counts.sum()),
        float(laplace(gray).var()),
    )


def _is_plain_folder(path: Path) -> bool:
    """Whether a folder holds pictures, rather than being one."""
    return path.is_dir() and not path.name.lower().endswith(SLIDE_SUFFIXES)


def _pictures_in(folder: Path) -> list[Path]:
    """Pictures directly in a folder, sorted by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.lower().endswith(SLIDE_SUFFIXES) and not path.name.startswith(".")
    )
