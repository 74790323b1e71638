"""Crafts what a network is trained toward from what an expert marked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage import measure
from skimage.segmentation import relabel_sequential

from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_NUCLEUS,
    NOT_NUCLEUS,
    UNKNOWN_INSTANCE,
    Sample,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "find_gaps",
    "normalized_distance",
    "outline_nuclei",
    "relabel_connected",
    "resolve_overlaps",
]


def resolve_overlaps(
    pixels: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]], shape: tuple[int, int]
) -> NDArray[np.int32]:
    """Give every pixel to one instance: where several overlap, to the smallest.

    So a small nucleus that lies over a large one does not vanish in it.

    Parameters
    ----------
    pixels : sequence of tuple of ndarray
        Rows and columns of each instance, as `numpy.nonzero` gives them.
    shape : tuple of int
        Size of the picture.

    Returns
    -------
    instances : ndarray of shape (M, N) and dtype int32
        Number of each pixel's instance, from 1 in the order given.
    """
    instances = np.zeros(shape, np.int32)
    sizes = [rows.size for rows, _ in pixels]
    for index in sorted(range(len(pixels)), key=lambda i: -sizes[i]):
        instances[pixels[index]] = index + 1
    return instances


def relabel_connected(
    instances: NDArray[np.int32], min_px: int = 0
) -> NDArray[np.int32]:
    """Give each connected piece of each instance a number of its own.

    Parameters
    ----------
    instances : ndarray of shape (M, N) and dtype int32
        Instance ids, 0 elsewhere, `UNKNOWN_INSTANCE` where not told apart.
    min_px : int, optional
        Smaller pieces are what an overlap cut off; they become
        `UNKNOWN_INSTANCE`, for they belong to an instance, but to which?

    Returns
    -------
    relabeled : ndarray of shape (M, N) and dtype int32
        Ids from 1 without gaps; pieces that touch at a corner are connected.
    """
    pieces = measure.label(np.maximum(instances, 0), background=0, connectivity=2)
    is_small = np.bincount(pieces.ravel()) < min_px
    is_small[0] = False
    is_unknown = is_small[pieces] | (instances == UNKNOWN_INSTANCE)
    relabeled = relabel_sequential(np.where(is_unknown, 0, pieces))[0]
    return np.where(is_unknown, UNKNOWN_INSTANCE, relabeled).astype(np.int32)


def find_gaps(instances: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Find the pixels to take out so that touching instances lie one apart.

    Parameters
    ----------
    instances : ndarray of shape (M, N) and dtype int32
        Instance ids; 0 and negative values are not instances.

    Returns
    -------
    gap : ndarray of bool, shape (M, N)
        Of two instances that touch, also at a corner, the rim of the one with
        the higher id. What is left of different instances never touches.
    """
    highest = np.iinfo(np.int32).max
    ids = np.where(instances > 0, instances, highest)
    lowest_near = ndimage.minimum_filter(ids, 3, mode="nearest")
    gap: NDArray[np.bool_] = (instances > 0) & (lowest_near < ids)
    return gap


def normalized_distance(
    instances: NDArray[np.int32],
) -> NDArray[np.float32]:
    """Distance to the nearest border of the own instance, 1 at its deepest pixel.

    Parameters
    ----------
    instances : ndarray of shape (M, N) and dtype int32
        Instance ids; 0 and negative values are not instances.

    Returns
    -------
    distance : ndarray of shape (M, N) and dtype float32
        0 outside instances; the picture's edge counts as no border.

    References
    ----------
    .. [1] P. Naylor et al., "Segmentation of nuclei in histopathology images
       by deep regression of the distance map", IEEE TMI 38(2), 2019.
    """
    instances = np.maximum(instances, 0)
    if not instances.any():
        return np.zeros(instances.shape, np.float32)
    is_inner = (ndimage.minimum_filter(instances, 3, mode="nearest") == instances) & (
        ndimage.maximum_filter(instances, 3, mode="nearest") == instances
    )
    depth = ndimage.distance_transform_edt(is_inner & (instances > 0)) + 0.5
    deepest = ndimage.maximum(depth, instances, np.arange(instances.max() + 1))
    scale = np.maximum(np.asarray(deepest, np.float64), 1.0)
    return np.where(instances > 0, depth / scale[instances], 0).astype(np.float32)


def outline_nuclei(sample: Sample) -> Sample:
    """Outline nuclei instead of whole cells, for networks that know only these.

    Parameters
    ----------
    sample : Sample
        Any; one without outlines is given back as it is.

    Returns
    -------
    sample : Sample
        Its `allowed` tells nucleus from all else, its instances are nuclei;
        whole-cell masks, which may hold a nucleus anywhere, are left open.
    """
    if not sample.has_outline:
        return sample
    nucleus = sample.allowed == IS_NUCLEUS
    is_open = (sample.allowed & IS_NUCLEUS > 0) & ~nucleus
    allowed = np.full(nucleus.shape, NOT_NUCLEUS, np.uint8)
    allowed[nucleus], allowed[is_open] = IS_NUCLEUS, ANYTHING
    instances = np.where(nucleus, sample.instances, 0).astype(np.int32)
    instances[is_open | (nucleus & (instances == 0))] = UNKNOWN_INSTANCE
    return replace(sample, allowed=allowed, instances=instances, has_distance=True)
