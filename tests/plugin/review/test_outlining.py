from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_leukoseg.case import Case
from napari_leukoseg.correct import Part
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.review.outlining import (
    added_cell,
    dark_part,
    replaced_part,
    split_along,
)
from napari_leukoseg.slide import open_slide

GROUND, CYTOPLASM, NUCLEUS = (240, 225, 215), (200, 180, 215), (95, 55, 145)
RED_CELL = (205, 120, 150)


def circle(center, radius, n=60):
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return center + radius * np.stack([np.sin(angles), np.cos(angles)], axis=1)


@pytest.fixture
def case(big_case):
    with Case.open(big_case) as case:
        yield case


@pytest.fixture
def slide(big_case):
    with open_slide(big_case.parent / "big.tif") as slide:
        yield slide


@pytest.fixture
def smear():
    """Picture of a cell with a nucleus, its mask, that of the nucleus, a red cell."""
    y, x = np.mgrid[:80, :80]
    image = np.full((80, 80, 3), GROUND, np.uint8)
    cell, nucleus = np.hypot(y - 40, x - 30) < 22, np.hypot(y - 42, x - 28) < 12
    red = np.hypot(y - 40, x - 68) < 12
    image[cell], image[nucleus], image[red] = CYTOPLASM, NUCLEUS, RED_CELL
    noise = np.random.default_rng(0).normal(0, 6, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), cell, nucleus, red


def test_dark_part_is_the_nucleus(smear) -> None:
    image, cell, nucleus, red = smear
    for mask in (cell, cell | red):  # drawn well, and too wide
        found = dark_part(image, mask)
        assert (found & nucleus).sum() / (found | nucleus).sum() > 0.85
        assert not found[~mask].any()
        assert not found[red].any()


def test_nothing_dark_gives_no_nucleus(smear) -> None:
    image, cell, nucleus, red = smear
    assert not dark_part(image, cell & ~ndimage.binary_dilation(nucleus, None, 3)).any()
    assert not dark_part(image, red).any()
    assert not dark_part(np.full_like(image, 200), cell).any()
    one = np.zeros_like(cell)
    one[5, 5] = True
    assert not dark_part(image, one).any()


@pytest.mark.parametrize(
    ("line", "preferred", "meant"),
    [
        ([(950, 990), (1050, 995)], (), 1),
        ([(1000, 950), (1000, 1060)], (), 1),  # longest in cell 1
        ([(1000, 950), (1000, 1060)], (2,), 2),
        ([(1000, 950), (1000, 1060)], (4,), 1),
        ([(-40, 1000), (1000, 1000), (1300, 1000)], (), 1),
    ],
)
def test_line_splits_the_cell_that_is_meant(case, line, preferred, meant) -> None:
    edit = split_along(case, np.array(line, float), preferred)
    assert edit.cell_id == meant
    assert np.array_equal(edit.line, line)


def test_line_beside_cells_says_so(case) -> None:
    for line in ([(10, 10), (90, 90)], [(-50, -50), (-10, -10)]):
        with pytest.raises(SettingsError, match="crosses no cell"):
            split_along(case, np.array(line, float), ())


def test_added_cell_has_the_nucleus_that_is_seen(case, slide) -> None:
    points = circle((3500, 3600), 44)
    edit = added_cell(case, slide, points, Part.CELL)
    truth = case.cell(4)
    inside = truth.region.intersection(edit.region)
    shown = inside.shifted(-edit.region.row, -edit.region.column).slices
    stored = inside.shifted(-truth.region.row, -truth.region.column).slices
    same = (edit.nucleus[shown] == truth.nucleus[stored]).mean()
    assert same > 0.98
    assert not (edit.nucleus & edit.cytoplasm).any()
    assert (edit.nucleus | edit.cytoplasm).sum() == pytest.approx(
        np.pi * 44**2, rel=0.02
    )
    assert not added_cell(case, None, points, Part.CELL).nucleus.any()
    assert not added_cell(case, slide, points, Part.NUCLEUS).cytoplasm.any()


def test_outline_is_cut_to_the_slide(case, slide) -> None:
    edit = added_cell(case, slide, circle((0, 4199), 30), Part.CELL)
    assert edit.region.intersection(Region.of_shape(case.shape)) == edit.region
    with pytest.raises(SettingsError, match="no pixel of the slide"):
        added_cell(case, slide, circle((-100, 50), 30), Part.CELL)


def test_cell_drawn_anew_keeps_its_nucleus_inside(case, slide) -> None:
    before = case.cell(3)
    edit = replaced_part(case, slide, 3, circle((1300, 1150), 60), Part.CELL)
    assert edit.nucleus.sum() == before.nucleus.sum()
    assert edit.cytoplasm.sum() > before.cytoplasm.sum()
    beside = replaced_part(case, slide, 3, circle((1000, 1000), 40), Part.CELL)
    assert beside.nucleus.any()  # found by its color, where the old one is not


def test_nucleus_drawn_anew_keeps_the_cell(case, slide) -> None:
    before = case.cell(3)
    edit = replaced_part(case, slide, 3, circle((1300, 1150), 10), Part.NUCLEUS)
    assert edit.nucleus.sum() == pytest.approx(np.pi * 100, rel=0.1)
    assert (edit.nucleus | edit.cytoplasm).sum() == before.mask.sum()
    wide = replaced_part(case, slide, 3, circle((1300, 1190), 20), Part.NUCLEUS)
    assert (wide.nucleus | wide.cytoplasm).sum() > before.mask.sum()
