"""The search at low resolution passes over no cell, and over most of the rest."""

from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.segment.screening import Screen, ScreenSettings, screen_area
from napari_leukoseg.slide import open_slide
from napari_leukoseg.synthetic import LOOKS, Smear, SmearSettings

SHAPE = (700, 900)
CELL_PX = 60.0


def screen(path: Path, area: Region | None = None) -> tuple[int, Screen]:
    """Number of steps, and what was found."""
    with open_slide(path) as slide:
        whole = Region.of_shape(slide.shape)
        steps = screen_area(slide, area or whole, CELL_PX, ScreenSettings())
        return _finish(steps)


def _finish(steps: Generator[tuple[int, int], None, Screen]) -> tuple[int, Screen]:
    n_steps = 0
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return n_steps, stop.value
        n_steps += 1


def wanted_at_level_0(found: Screen) -> np.ndarray:
    """Return the marks as pixels of the area."""
    pixels = np.zeros((found.area.height, found.area.width), bool)
    for row, column in np.argwhere(found.wanted):
        place = found.region_of(Region(int(row), int(column), 1, 1))
        pixels[place.shifted(-found.area.row, -found.area.column).slices] = True
    return pixels


def save(path: Path, image: np.ndarray) -> Path:
    Image.fromarray(image).save(path, compress_level=1)
    return path


@pytest.mark.parametrize("look", sorted(LOOKS))
def test_the_middle_of_every_drawn_cell_is_marked(look: str, tmp_path: Path) -> None:
    settings = SmearSettings(SHAPE, 5, look=look, white_cell_fraction=0.04)
    drawn = Smear(settings).draw()
    cells = np.maximum(drawn.nucleus, drawn.cytoplasm)
    _, found = screen(save(tmp_path / "field.png", drawn.image))
    wanted = wanted_at_level_0(found)
    numbers = np.unique(cells)[1:]
    assert len(numbers) > 5
    for number in numbers:
        row, column = np.argwhere(cells == number).mean(axis=0).astype(int)
        assert wanted[row, column]


def test_red_cells_are_passed_over(tmp_path: Path) -> None:
    settings = SmearSettings(SHAPE, 5, white_cell_fraction=0.02)
    _, found = screen(save(tmp_path / "field.png", Smear(settings).draw().image))
    assert 0 < found.wanted.mean() < 0.25


@pytest.mark.parametrize("gray", [0, 120, 255])
def test_nothing_is_marked_where_nothing_is_stained(gray: int, tmp_path: Path) -> None:
    _, found = screen(save(tmp_path / "a.png", np.full((*SHAPE, 3), gray, np.uint8)))
    assert not found.wanted.any()


def test_a_part_is_marked_as_in_the_whole(tmp_path: Path) -> None:
    drawn = Smear(SmearSettings(SHAPE, 5, white_cell_fraction=0.04)).draw()
    path = save(tmp_path / "field.png", drawn.image)
    area = Region(105, 150, 450, 600)
    _, whole = screen(path)
    _, part = screen(path, area)
    inner = Region.of_shape((area.height, area.width)).padded(-int(CELL_PX))
    ours = wanted_at_level_0(part)[inner.slices]
    theirs = wanted_at_level_0(whole)[area.slices][inner.slices]
    assert (ours == theirs).mean() > 0.95


def test_large_areas_are_searched_in_pieces(tmp_path: Path) -> None:
    image = np.full((2000, 300, 3), 230, np.uint8)
    path = save(tmp_path / "long.png", image)
    with open_slide(path) as slide:
        steps = screen_area(slide, Region.of_shape(image.shape), 8.0, ScreenSettings())
        n_steps, found = _finish(steps)
    assert n_steps == 2
    assert found.region_of(Region.of_shape(found.wanted.shape)) == found.area


@pytest.mark.parametrize(
    "wrong", [{"diameter_px": 0}, {"reach": -1}, {"max_density": 0.1}]
)
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        ScreenSettings(**wrong)
