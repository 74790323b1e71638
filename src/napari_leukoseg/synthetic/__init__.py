"""Draws stained smears, of any size, with exactly known cells."""

from napari_leukoseg.synthetic.files import DrawProgress
from napari_leukoseg.synthetic.looks import LOOKS, Look, get_look
from napari_leukoseg.synthetic.placement import DrawnCell
from napari_leukoseg.synthetic.settings import Illumination, SmearSettings
from napari_leukoseg.synthetic.smear import BLOCK_PX, DrawnRegion, Smear, draw_field
from napari_leukoseg.synthetic.writing import (
    DRAWN_FIELD_SUFFIXES,
    DRAWN_SLIDE_SUFFIXES,
    write_field,
    write_slide,
)

__all__ = [
    "BLOCK_PX",
    "DRAWN_FIELD_SUFFIXES",
    "DRAWN_SLIDE_SUFFIXES",
    "LOOKS",
    "DrawProgress",
    "DrawnCell",
    "DrawnRegion",
    "Illumination",
    "Look",
    "Smear",
    "SmearSettings",
    "draw_field",
    "get_look",
    "write_field",
    "write_slide",
]
