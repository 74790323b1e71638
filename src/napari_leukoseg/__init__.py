"""Segment, correct and count white blood cells on stained smears."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("napari-leukoseg")
