"""Errors of stain standardization that a user's picture or file can cause."""

from napari_leukoseg.errors import LeukosegError

__all__ = ["StainEstimationError", "StainReferenceError"]


class StainEstimationError(LeukosegError):
    """A picture does not show what a stain is estimated from."""


class StainReferenceError(LeukosegError):
    """A stain reference is unknown, damaged, or lacks what a method needs."""
