"""Windows show what lies there, and masks find their way back to the slide."""

import numpy as np
import pytest

from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.correct.click_window import ClickWindow
from napari_leukoseg.correct.clicking import ArrayPixels
from napari_leukoseg.geometry import Region

SIDE = 64


def disk(shape: tuple[int, int], center: tuple[float, float], radius: float):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(rows - center[0], columns - center[1]) <= radius


def outline(cell: np.ndarray, nucleus: np.ndarray) -> SegmentedCell:
    whole = Region.of_shape(cell.shape)
    return SegmentedCell(whole, nucleus, cell & ~nucleus, (6,), np.ones(1), 1.0)


def window_at(center: tuple[float, float], diameter: float, **more) -> ClickWindow:
    return ClickWindow.around(center, diameter, working_px=32.0, side_px=SIDE, **more)


@pytest.mark.parametrize("diameter", [16.0, 32.0, 77.0])
@pytest.mark.parametrize("center", [(60.0, 80.0), (2.0, 3.0), (118.0, 158.5)])
def test_masks_come_back_from_any_window(
    center: tuple[float, float], diameter: float
) -> None:
    cell = disk((120, 160), center, diameter / 2)
    nucleus = disk((120, 160), center, diameter / 4)
    window = window_at(center, diameter)
    shown = window.show(outline(cell, nucleus))
    region, found_nucleus, found_cytoplasm = window.to_level0(
        shown[0], shown[1] - 0.5, cell.shape
    )
    found = np.zeros_like(cell)
    found[region.slices] = found_nucleus | found_cytoplasm
    assert not (found_nucleus & found_cytoplasm).any()
    assert (found & cell).sum() / (found | cell).sum() > 0.9
    inner = np.zeros_like(cell)
    inner[region.slices] = found_nucleus
    assert (inner & nucleus).sum() / (inner | nucleus).sum() > 0.8


def test_a_point_is_shown_where_its_pixel_is() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[41:44, 62:65] = 255
    window = window_at((50.0, 50.0), 16.0)  # enlarged twice
    shown, inside = window.read(ArrayPixels(image))
    assert inside.all()
    row, column = window.place((42.0, 63.0))
    bright = np.argwhere(shown[..., 0] > 127).mean(axis=0)
    np.testing.assert_allclose(bright, (row, column), atol=0.5)


def test_beyond_the_slide_the_picture_is_mirrored() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 40, 3)).astype(np.uint8)
    window = window_at((0.0, 20.0), 32.0)
    shown, inside = window.read(ArrayPixels(image))
    top, left = -window.region.row, -window.region.column
    part = np.s_[left : left + 40]
    assert (top, left) == (31, 11)
    np.testing.assert_array_equal(shown[top:, part], image[: SIDE - top])
    np.testing.assert_array_equal(shown[top - 1 :: -1, part], image[:top])
    np.testing.assert_array_equal(inside.any(axis=1), np.arange(SIDE) >= top)


def test_a_window_grows_for_what_must_be_seen() -> None:
    near = window_at((50.0, 50.0), 32.0)
    far = window_at((50.0, 50.0), 32.0, seen=[(50.0, 190.0)])
    assert near.region.height == SIDE
    assert far.region.contains(50.5, 190.5)
    assert far.factor < near.factor


def test_moving_all_by_whole_pixels_moves_the_window() -> None:
    first, second = window_at((50.3, 60.8), 40.0), window_at((57.3, 49.8), 40.0)
    assert second.region == first.region.shifted(7, -11)
