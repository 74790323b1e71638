"""Slides and pictures of any format as lazy RGB pyramids."""

from napari_leukoseg.slide.level_array import LevelArray
from napari_leukoseg.slide.opening import SLIDE_SUFFIXES, open_slide
from napari_leukoseg.slide.reader import Level, SlideReader

__all__ = [
    "SLIDE_SUFFIXES",
    "Level",
    "LevelArray",
    "SlideReader",
    "open_slide",
]
