"""Overlay picture: the slide with outlined cells in class colors and a legend."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, PngImagePlugin

from napari_leukoseg.cells import differential
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.export.files import SOFTWARE, replaced_when_complete
from napari_leukoseg.export.legend import with_legend
from napari_leukoseg.export.outlines import draw_outlines, halo_color
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from napari_leukoseg.case import Case
    from napari_leukoseg.classes import ClassScheme
    from napari_leukoseg.slide import SlideReader

__all__ = ["draw_overlay", "write_overlay"]

ENLARGED_BELOW_PX = 800
"""Pictures with a shorter longest side are enlarged, so that lines stay thin."""

MOST_ENLARGED = 8

LINE_SHARE = 1 / 40
"""Width of the line around a cell, as a fraction of the cells' median diameter."""

LINE_LIMITS_PX = (1, 6)

LEAST_OUTLINED_PX = 9
"""Cells with a smaller diameter in the overlay are drawn as dots."""

DOT_SHARE = 1 / 700
"""Radius of a dot, as a fraction of the overlay's longest side."""

DOT_LIMITS_PX = (4, 7)

BLOCK_PX = 1024
"""Side of the part of the overlay whose labels are held at a time."""


def write_overlay(
    case: Case, slide: SlideReader, path: Path, *, max_side: int = 4096
) -> None:
    """Write the slide with outlined cells, and a legend with counts, as PNG.

    Cell and nucleus are outlined in the color of the class. Cells that would be
    only a few pixels wide are dots. The legend stands below the picture and hides
    nothing.

    Parameters
    ----------
    case : Case
        Case to draw.
    slide : SlideReader
        Slide of the case.
    path : Path
        File to make or to replace; its folder is made if missing.
    max_side : int, optional
        Longest side of the picture in pixels; larger slides are scaled down, small
        fields up.

    Raises
    ------
    ExportError
        If the folder cannot be written to.
    CaseError
        If the slide is not that of the case.
    SettingsError
        If `max_side` is not positive, or the table holds a class that the scheme
        lacks.
    """
    if max_side < 1:
        raise SettingsError(f"max_side is {max_side}; give 1 pixel or more.")
    case.check_slide(slide)
    counts = differential(case.table(), case.scheme)
    image = draw_overlay(case, slide, max_side)
    picture = Image.fromarray(with_legend(image, counts, case.scheme))
    with replaced_when_complete(path) as partial, partial.open("wb") as file:
        picture.save(file, "PNG", pnginfo=_software_tag())


def draw_overlay(case: Case, slide: SlideReader, max_side: int) -> NDArray[np.uint8]:
    """Return the slide with outlined cells.

    Parameters
    ----------
    case : Case
        Case to draw.
    slide : SlideReader
        Slide of the case.
    max_side : int
        Longest side of the picture in pixels.

    Returns
    -------
    image : ndarray of uint8, shape (M, N, 3)
        RGB picture.
    """
    image = _scaled_picture(slide, max_side)
    _draw_cells(image, case, case.table())
    return image


def _software_tag() -> PngImagePlugin.PngInfo:
    """Return the text that tells an overlay from a slide."""
    tags = PngImagePlugin.PngInfo()
    tags.add_text("Software", SOFTWARE)
    return tags


def _scaled_picture(slide: SlideReader, max_side: int) -> NDArray[np.uint8]:
    """Read the whole slide at the size of the overlay."""
    longest = max(slide.shape)
    if longest > max_side:
        return np.array(slide.overview(max_side))
    image = slide.read_region(Region.of_shape(slide.shape))
    wanted = math.ceil(min(ENLARGED_BELOW_PX, max_side) / longest)
    factor = max(1, min(wanted, max_side // longest, MOST_ENLARGED))
    size = (image.shape[1] * factor, image.shape[0] * factor)
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def _draw_cells(image: NDArray[np.uint8], case: Case, table: pd.DataFrame) -> None:
    """Draw all cells into the picture, as outlines or as dots."""
    if table.empty:
        return
    scale = max(image.shape) / max(case.shape)
    diameters = scale * table["cell_diameter_px"].to_numpy(float)
    width = round(LINE_SHARE * float(np.median(diameters)))
    width = int(np.clip(width, *LINE_LIMITS_PX))
    palette = _palette(case.scheme)
    is_dot = diameters < LEAST_OUTLINED_PX
    if not is_dot.all():
        _draw_outlined(image, case, palette[case.class_lut()], width)
    _draw_dots(image, table[is_dot], palette, scale)


def _palette(scheme: ClassScheme) -> NDArray[np.uint8]:
    """Return the color of each class id, shape (256, 3)."""
    palette = np.zeros((256, 3), np.uint8)
    for cell_class in scheme:
        palette[cell_class.id] = np.multiply(cell_class.rgb, 255).round()
    return palette


def _draw_outlined(
    image: NDArray[np.uint8], case: Case, colors: NDArray[np.uint8], width_px: int
) -> None:
    """Outline the cells block by block, so that memory stays flat."""
    labels = _ScaledLabels(case, image.shape)
    whole = Region.of_shape(image.shape)
    for row in range(0, whole.height, BLOCK_PX):
        for column in range(0, whole.width, BLOCK_PX):
            block = Region(row, column, BLOCK_PX, BLOCK_PX).intersection(whole)
            # Lines depend on the labels around, of which no part may be missing.
            wide = block.padded(width_px).intersection(whole)
            part = image[wide.slices].copy()
            nucleus, cytoplasm = (
                _known(labels.read(name, wide), len(colors))
                for name in ("nucleus", "cytoplasm")
            )
            draw_outlines(part, nucleus, cytoplasm, colors, width_px)
            inner = block.shifted(-wide.row, -wide.column)
            image[block.slices] = part[inner.slices]


def _known(labels: NDArray[np.uint32], n_ids: int) -> NDArray[np.uint32]:
    """Leave out cells of a run in progress that the table does not have yet."""
    return np.where(labels < n_ids, labels, 0)


class _ScaledLabels:
    """Labels of a case at the size of an overlay."""

    def __init__(self, case: Case, shape: tuple[int, ...]) -> None:
        self._case = case
        sizes = zip(case.shape, shape[:2], strict=True)
        self._factors = [full / size for full, size in sizes]
        # A level holds every second pixel of the one before.
        finest = max(0.0, math.log2(min(self._factors)))
        self._level = min(math.floor(finest), case.n_levels - 1)
        self._shape = case.label_array("nucleus", self._level).shape

    def read(self, name: str, region: Region) -> NDArray[np.uint32]:
        """Read a region, given in overlay pixels, at the centers of its pixels."""
        bounds = zip(region.bounds[:2], region.bounds[2:], strict=True)
        rows, columns = (
            self._indices(np.arange(*ends), factor, stop)
            for ends, factor, stop in zip(
                bounds, self._factors, self._shape, strict=True
            )
        )
        source = Region.from_bounds(
            int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
        )
        wide = self._case.read_labels(name, source, self._level)
        labels: NDArray[np.uint32] = wide[np.ix_(rows - rows[0], columns - columns[0])]
        return labels

    def _indices(
        self, places: NDArray[np.intp], factor: float, stop: int
    ) -> NDArray[np.intp]:
        """Return the pixels of the level that lie nearest to overlay pixels."""
        centers = (places + 0.5) * factor - 0.5
        nearest: NDArray[np.float64] = np.rint(centers / 2**self._level)
        return nearest.clip(0, stop - 1).astype(np.intp)


def _draw_dots(
    image: NDArray[np.uint8],
    table: pd.DataFrame,
    palette: NDArray[np.uint8],
    scale: float,
) -> None:
    """Draw one dot a cell of the table, in place."""
    if table.empty:
        return
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    colors = palette[table["class_id"].to_numpy(int)]
    radius = int(np.clip(round(DOT_SHARE * max(image.shape)), *DOT_LIMITS_PX))
    # Pixel centers lie at whole numbers, so the corner of the picture at -0.5.
    columns, rows = (
        (table[f"centroid_{axis}_px"].to_numpy(float) + 0.5) * scale - 0.5
        for axis in ("column", "row")
    )
    for column, row, color, rim in zip(
        columns, rows, colors, halo_color(colors), strict=True
    ):
        center = (float(column), float(row))
        draw.circle(center, radius, tuple(color), tuple(rim))
    image[:] = np.asarray(picture)
