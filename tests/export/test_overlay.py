from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.errors import CaseError, ExportError, SettingsError
from napari_leukoseg.export import overlay, write_overlay
from napari_leukoseg.slide import open_slide

RED, YELLOW, CYAN = (255, 0, 0), (255, 255, 0), (0, 255, 255)
CELLS = [((150, 150), 70, 1), ((420, 500), 60, 2), ((0, 700), 50, 3)]
SHAPE = (600, 900)


def is_color(picture, color):
    return (picture == color).all(axis=-1)


@pytest.fixture
def draw(make_case, tmp_path):
    """Write the overlay of drawn cells and return the part with the picture."""

    def draw(shape=SHAPE, cells=CELLS, **settings):
        drawn = make_case(shape, cells)
        path = tmp_path / "out" / "x_overlay.png"
        write_overlay(drawn.case, drawn.slide, path, **settings)
        with Image.open(path) as image:
            assert image.format == "PNG"
            return np.array(image)

    return draw


def test_field_keeps_its_size_and_cells_their_colors(draw):
    picture = draw()
    assert picture.shape[1] == 900
    assert is_color(picture[80:222, 80:222], RED).any()
    assert is_color(picture[360:481, 440:561], YELLOW).any()
    assert is_color(picture[0:51, 650:751], CYAN).any()
    assert not is_color(picture[:600, :600], CYAN).any()


def test_nucleus_and_cell_are_outlined_and_their_insides_shown(draw):
    row = is_color(draw()[150, 80:222], RED)
    # Enters cell and nucleus, leaves nucleus and cell.
    assert np.count_nonzero(np.diff(row.astype(int)) == 1) == 4
    assert row.mean() < 0.2


@pytest.mark.parametrize(
    ("shape", "max_side", "size"),
    [
        ((120, 100), 4096, (700, 840)),
        ((300, 300), 4096, (900, 900)),
        ((300, 300), 400, (300, 300)),
        ((480, 640), 4096, (1280, 960)),
        ((600, 900), 4096, (900, 600)),
        ((600, 900), 450, (450, 300)),
    ],
)
def test_size_of_the_picture(draw, shape, max_side, size):
    picture = draw(shape, [((60, 50), 30, 1)], max_side=max_side)
    assert picture.shape[1] == size[0]
    assert size[1] < picture.shape[0] <= 1.15 * size[1] + 40


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 2)])
def test_odd_pictures_without_a_cell(draw, shape):
    assert draw(shape, ()).ndim == 3


@pytest.mark.parametrize("max_side", [450, 300, 225, 131])
def test_scaled_outlines_lie_on_the_cells(draw, max_side):
    scale = max_side / 900
    picture = draw(max_side=max_side)[: int(600 * scale)]
    left = (picture.shape[1] - max_side) // 2
    rows, columns = np.nonzero(is_color(picture[:, left:], RED))
    assert rows.mean() == pytest.approx(150 * scale, abs=2)
    assert columns.mean() == pytest.approx(150 * scale, abs=2)
    assert np.ptp(rows) == pytest.approx(140 * scale, abs=3)


def test_tiny_cells_are_dots(draw):
    cells = [((250 * i + 200, 300 * j + 200), 12, 1) for i in (0, 1) for j in (0, 1)]
    picture = draw((900, 1200), cells, max_side=300)[:225]
    for center, _, _ in cells:
        row, column = (round(c / 4) for c in center)
        assert is_color(picture[row - 1 : row + 2, column - 1 : column + 2], RED).all()


@pytest.mark.parametrize("block", [37, 500])
def test_blocks_change_nothing(make_case, tmp_path, monkeypatch, block):
    drawn = make_case(SHAPE, CELLS)
    pictures = []
    for size in (overlay.BLOCK_PX, block):
        monkeypatch.setattr(overlay, "BLOCK_PX", size)
        write_overlay(drawn.case, drawn.slide, tmp_path / "x.png", max_side=850)
        with Image.open(tmp_path / "x.png") as image:
            pictures.append(np.array(image))
    assert (pictures[0] == pictures[1]).all()


def test_another_slide_is_refused(make_case, tmp_path):
    case = make_case((40, 50)).case
    path = tmp_path / "other.png"
    Image.new("RGB", (50, 40)).save(path)
    with open_slide(path) as other, pytest.raises(CaseError, match=r"other\.png"):
        write_overlay(case, other, tmp_path / "x.png")


def test_wrong_settings_are_refused(draw):
    with pytest.raises(SettingsError, match="max_side is 0"):
        draw(max_side=0)


def test_folder_that_cannot_be_made_is_named(draw, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ExportError, match=r"x_overlay\.png .*out"):
        draw((30, 30), ())
