"""Antialiased resizing of regions that are read piece by piece.

Shrinking by s averages whole squares of floor(s) pixels and interpolates
linearly over what is left of s. Squares and sampling points are anchored at
the box that is resized, and pixels around the box take part in its margin, so
the result does not depend on how the work is cut into pieces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from napari_leukoseg.geometry import Region, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    ReadRegion = Callable[[Region], NDArray[np.uint8]]

__all__ = ["Box", "halve", "resample"]

_PIECE_SIDE_PX = 4096
"""Source pixels along one side of a piece; 16 million are 48 MB of RGB."""


@dataclass(frozen=True)
class Box:
    """Rectangle with fractional edges, in pixels of a level."""

    top: float
    left: float
    bottom: float
    right: float


@dataclass(frozen=True)
class _Span:
    """One axis of a piece: which pixels to read and where the box lies in them."""

    start: int
    stop: int
    box_start: float  # in averaged pixels after `start`
    box_stop: float
    n_out: int


@dataclass(frozen=True)
class _Axis:
    """One axis of the whole resize."""

    origin: float
    scale: float  # source pixels per output pixel
    step: int  # source pixels averaged into one
    n_source: int

    def span(self, out_start: int, out_stop: int) -> _Span:
        """Source pixels that output pixels `out_start` to `out_stop` depend on."""
        box_start = self.origin + out_start * self.scale
        box_stop = min(self.origin + out_stop * self.scale, float(self.n_source))
        margin = math.ceil(max(self.scale, 1.0)) + self.step
        anchor = math.floor(self.origin)
        start = anchor + self.step * (
            (_floor(box_start) - margin - anchor) // self.step
        )
        if start < 0:
            start += self.step * math.ceil(-start / self.step)
        stop = min(self.n_source, math.ceil(box_stop) + margin)
        return _Span(
            start,
            stop,
            (box_start - start) / self.step,
            (box_stop - start) / self.step,
            out_stop - out_start,
        )


def _floor(value: float) -> int:
    """Floor that forgives rounding errors of a coordinate."""
    return math.floor(value + 1e-6)


def halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average squares of two by two pixels; an odd last row or column stays.

    Parameters
    ----------
    image : ndarray of shape (M, N, 3) and dtype uint8

    Returns
    -------
    half : ndarray of shape (ceil(M / 2), ceil(N / 2), 3) and dtype uint8
    """
    return _reduced(image, 2)


def _reduced(image: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Average squares of `step` pixels."""
    return np.asarray(Image.fromarray(image).reduce(step))


def resample(read: ReadRegion, bounds: Size, box: Box, size: Size) -> NDArray[np.uint8]:
    """Resize a box of a picture that is read by region.

    Parameters
    ----------
    read : callable
        Gives the pixels of a region inside `bounds`, (M, N, 3) uint8.
    bounds : Size
        Extent of the picture.
    box : Box
        What to resize; inside the picture.
    size : Size
        Pixels of the result, one or more along each axis.

    Returns
    -------
    image : ndarray of shape (size.height, size.width, 3) and dtype uint8
        Source pixels in flight stay within a bound, however large the box.
    """
    row_scale = (box.bottom - box.top) / size.height
    column_scale = (box.right - box.left) / size.width
    step = max(1, _floor(min(row_scale, column_scale)))
    rows = _Axis(box.top, row_scale, step, bounds.height)
    columns = _Axis(box.left, column_scale, step, bounds.width)
    image = np.empty((size.height, size.width, 3), np.uint8)
    for row, row_stop in _pieces(size.height, row_scale):
        for column, column_stop in _pieces(size.width, column_scale):
            image[row:row_stop, column:column_stop] = _resampled(
                read, rows.span(row, row_stop), columns.span(column, column_stop), step
            )
    return image


def _pieces(n_out: int, scale: float) -> Iterator[tuple[int, int]]:
    """Cut output pixels so that each piece reads a bounded stretch."""
    length = max(1, int(_PIECE_SIDE_PX / max(scale, 1.0)))
    for start in range(0, n_out, length):
        yield start, min(start + length, n_out)


def _resampled(
    read: ReadRegion, rows: _Span, columns: _Span, step: int
) -> NDArray[np.uint8]:
    """Read and resize one piece."""
    image = read(Region.from_bounds(rows.start, columns.start, rows.stop, columns.stop))
    if step > 1:
        image = _reduced(image, step)
    if _is_aligned(rows) and _is_aligned(columns):
        top, left = round(rows.box_start), round(columns.box_start)
        return image[top : top + rows.n_out, left : left + columns.n_out]
    resized = Image.fromarray(image).resize(
        (columns.n_out, rows.n_out),
        Image.Resampling.BILINEAR,  # widens to a triangle when it shrinks
        box=(
            columns.box_start,
            rows.box_start,
            min(columns.box_stop, image.shape[1]),
            min(rows.box_stop, image.shape[0]),
        ),
    )
    return np.asarray(resized)


def _is_aligned(span: _Span) -> bool:
    """Whether averaged pixels are the wanted ones already."""
    return (
        abs(span.box_start - round(span.box_start)) < 1e-6
        and abs(span.box_stop - span.box_start - span.n_out) < 1e-6
    )
