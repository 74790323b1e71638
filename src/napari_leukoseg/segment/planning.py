"""Plans what a segmenter looks at: a whole area, or the places worth a look."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_leukoseg.geometry import Region
from napari_leukoseg.segment.close_look import MAGNIFICATION
from napari_leukoseg.segment.screening import screen_area
from napari_leukoseg.segment.tiling import context_px, plan_searched, plan_tiles

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_leukoseg.segment.close_look import CloseLook
    from napari_leukoseg.segment.predict import Segmenter
    from napari_leukoseg.segment.screening import ScreenSettings
    from napari_leukoseg.segment.tiling import TilePlan
    from napari_leukoseg.slide import SlideReader

__all__ = ["plan_area", "search_area"]


def plan_area(
    shape: tuple[int, int],
    segmenter: Segmenter,
    area: Region,
    cell_diameter_px: float,
    close_look: CloseLook | None = None,
) -> TilePlan:
    """Plan windows of the segmenter's size over a whole area.

    Networks that know cells of one size only look at no area more closely.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the slide at level 0.
    segmenter : Segmenter
        Says how large windows and batches are.
    area : Region
        Part of the slide.
    cell_diameter_px : float
        Typical diameter of a white cell at level 0.
    close_look : CloseLook, optional
        How closely to look where it costs little.
    """
    usual_px = segmenter.card.cell_diameter_px
    plan = partial(
        plan_tiles,
        shape,
        area,
        cell_diameter_px=cell_diameter_px,
        window_px=segmenter.window_px,
        batch_size=segmenter.batch_size,
    )
    if close_look is not None and segmenter.model.network.estimates_scale:
        working_px = MAGNIFICATION * usual_px
        around = area.padded(context_px(cell_diameter_px))
        seen = around.intersection(Region.of_shape(shape))
        pixels = seen.size.area * (working_px / cell_diameter_px) ** 2
        if n_looks := close_look.affordable(pixels):
            return plan(working_diameter_px=working_px, n_looks=n_looks)
    return plan(working_diameter_px=usual_px)


def search_area(
    slide: SlideReader,
    segmenter: Segmenter,
    plan: TilePlan,
    cell_diameter_px: float,
    settings: ScreenSettings,
) -> Generator[tuple[int, int], None, TilePlan]:
    """Leave out of a plan where a low-resolution level shows no white cell.

    Parameters
    ----------
    slide : SlideReader
        The slide as it is.
    segmenter : Segmenter
        That of the plan.
    plan : TilePlan
        Of a whole area.
    cell_diameter_px : float
        Typical diameter of a white cell at level 0.
    settings : ScreenSettings
        What is taken for one.

    Yields
    ------
    done, total : int
        Pieces of the area that are searched.

    Returns
    -------
    plan : TilePlan
        The same where cells are dense.
    """
    # A nucleus beside the area may belong to a cell whose middle is inside.
    around = plan.area.padded(context_px(cell_diameter_px))
    searched = around.intersection(Region.of_shape(slide.shape))
    screen = yield from screen_area(slide, searched, cell_diameter_px, settings)
    return plan_searched(
        plan,
        screen,
        slide.shape,
        cell_diameter_px=cell_diameter_px,
        window_px=segmenter.window_px,
    )
