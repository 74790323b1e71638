"""Finds white cells that the expert left unmarked, so that none is unlearned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage import morphology

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["find_unlabeled_cells"]

MIN_NUCLEUS_SHARE = 0.15
"""Area of a fragment, relative to a marked nucleus, that may be a cut cell."""

CELL_MARGIN = 0.35
"""How far a cell may reach beyond its nucleus, in cell diameters."""

MIN_LIKENESS = 0.7
"""Color likeness to the marked nuclei (1) above which a pixel may be one."""

WORKING_DIAMETER_PX = 40
"""Cells are looked for at this diameter, which is fine enough and quick."""


def find_unlabeled_cells(
    image: NDArray[np.uint8],
    cell: NDArray[np.bool_],
    nucleus: NDArray[np.bool_] | None,
    diameter_px: float,
) -> NDArray[np.bool_]:
    """Mark where unlabeled white cells may lie in a picture with labeled ones.

    Single-cell crops show neighbors that nobody outlined, and some fields
    have unmarked cells. Whatever is as dark and as blue as the marked nuclei,
    and not tiny, is surrounded and taken out of the loss.

    Parameters
    ----------
    image : ndarray of shape (M, N, 3) and dtype uint8
        RGB.
    cell : ndarray of bool, shape (M, N)
        Labeled cells.
    nucleus : ndarray of bool, shape (M, N), or None
        Labeled nuclei; where absent, the darkest 40 % of the cells stand in.
    diameter_px : float
        Typical cell diameter.

    Returns
    -------
    unlabeled : ndarray of bool, shape (M, N)
        Never overlaps `cell`.
    """
    if not cell.any():
        return np.zeros_like(cell)
    step = max(1, int(diameter_px / WORKING_DIAMETER_PX))
    coarse = np.s_[::step, ::step]
    found = _find_at_scale(
        image[coarse],
        cell[coarse],
        None if nucleus is None else nucleus[coarse],
        diameter_px / step,
    )
    rows, columns = (np.arange(n) // step for n in cell.shape)
    unlabeled: NDArray[np.bool_] = found[np.ix_(rows, columns)] & ~cell
    return unlabeled


def nucleus_likeness(
    density: NDArray[np.float32], nucleus: NDArray[np.bool_], outside: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Project colors on Fisher's discriminant: 0 outside, 1 in nuclei on average.

    It finds by itself what tells nuclei from red cells under this lamp.
    """
    mean_in, mean_out = density[nucleus].mean(0), density[outside].mean(0)
    scatter = np.cov(density[nucleus].T) + np.cov(density[outside].T)
    axis = np.linalg.solve(scatter + 1e-4 * np.eye(3), mean_in - mean_out)
    axis /= max(float((mean_in - mean_out) @ axis), 1e-6)
    likeness: NDArray[np.float32] = (density - mean_out) @ axis.astype(np.float32)
    return likeness


def _find_at_scale(
    image: NDArray[np.uint8],
    cell: NDArray[np.bool_],
    nucleus: NDArray[np.bool_] | None,
    diameter_px: float,
) -> NDArray[np.bool_]:
    """Do the work of `find_unlabeled_cells` at a working diameter."""
    density = -np.log((image.astype(np.float32) + 1) / 256)
    density = ndimage.gaussian_filter(density, (*[0.02 * diameter_px] * 2, 0))
    if nucleus is None or not nucleus.any():
        red = density[..., 0]  # red light passes red cells, not nuclei
        nucleus = cell & (red >= np.quantile(red[cell], 0.6))
    outside = ~ndimage.binary_dilation(cell, iterations=2)
    if not outside.any():
        return np.zeros_like(cell)
    likeness = nucleus_likeness(density, nucleus, outside)
    candidate: NDArray[np.bool_] = (likeness > MIN_LIKENESS) & outside
    min_area = MIN_NUCLEUS_SHARE * nucleus.sum() / max(1, ndimage.label(cell)[1])
    candidate = morphology.remove_small_objects(candidate, max_size=int(min_area))
    if not candidate.any():
        return candidate
    distance = ndimage.distance_transform_edt(~candidate)
    near: NDArray[np.bool_] = distance < CELL_MARGIN * diameter_px
    return near
