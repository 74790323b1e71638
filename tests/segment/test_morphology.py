"""Descriptions of cells depend on the cell, not on the laboratory."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import convex_hull_image

from napari_leukoseg.segment.morphology import (
    describe_cell,
    feature_names,
    hull_area,
)

Masks = tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]

GROUND, RED_CELL = (0.05, 0.05, 0.05), (0.1, 0.3, 0.35)
CYTOPLASM, NUCLEUS = (0.3, 0.35, 0.15), (1.0, 1.3, 0.6)
"""Optical densities of red, green and blue."""


def draw(
    nuclei: list[tuple[float, float, float]],
    *,
    zoom: float = 1.0,
    gain: float = 1.0,
    lamp: tuple[float, float, float] = (0, 0, 0),
) -> Masks:
    """Cell of 60 pixels with round parts of the nucleus, beside a red cell."""
    side = round(120 * zoom)
    rows, columns = np.indices((side, side)) / zoom

    def disk(row: float, column: float, radius: float) -> NDArray[np.bool_]:
        return np.hypot(rows - row, columns - column) < radius

    cell = disk(60, 60, 30)
    nucleus = np.logical_or.reduce([disk(*part) for part in nuclei]) & cell
    density = np.full((side, side, 3), GROUND)
    density[disk(20, 20, 24)] = RED_CELL
    density[cell] = CYTOPLASM
    density[nucleus] = NUCLEUS
    image = 255 * np.exp(-(density * gain + np.array(lamp)))
    return image.round().astype(np.uint8), nucleus, cell


ROUND = [(60.0, 60.0, 20.0)]
LOBED = [(48.0, 52.0, 10.0), (60.0, 72.0, 10.0), (74.0, 54.0, 10.0)]


def described(masks: Masks) -> dict[str, float]:
    return dict(zip(feature_names(), describe_cell(*masks).tolist(), strict=True))


def test_a_round_nucleus_has_one_lobe_and_a_segmented_one_three() -> None:
    round_one, lobed = described(draw(ROUND)), described(draw(LOBED))
    assert round_one["nucleus_lobes_0.12"] == round_one["nucleus_parts"] == 1
    assert lobed["nucleus_lobes_0.12"] == lobed["nucleus_parts"] == 3
    assert round_one["nucleus_solidity"] > 0.95 > lobed["nucleus_solidity"]


@pytest.mark.parametrize(
    "change",
    [{"gain": 1.4}, {"gain": 0.7}, {"lamp": (0.0, 0.1, 0.5)}, {"zoom": 1.7}],
    ids=["dark stain", "pale stain", "yellow lamp", "magnification"],
)
def test_stain_lamp_and_magnification_change_less_than_the_type(
    change: dict[str, float],
) -> None:
    spread = np.abs(describe_cell(*draw(ROUND)) - describe_cell(*draw(LOBED)))
    moved = np.abs(describe_cell(*draw(LOBED)) - describe_cell(*draw(LOBED, **change)))
    telling = spread > 0.1
    assert telling.sum() > 10
    assert (moved[telling] < 0.35 * spread[telling]).mean() > 0.85


def test_turning_a_cell_changes_nearly_nothing() -> None:
    image, nucleus, cell = draw(LOBED)
    turned = describe_cell(*(np.rot90(part).copy() for part in (image, nucleus, cell)))
    np.testing.assert_allclose(turned, describe_cell(image, nucleus, cell), atol=0.08)


def test_hue_of_the_cytoplasm_lies_between_nucleus_and_red_cells() -> None:
    image, nucleus, cell = draw(ROUND)
    image[cell & ~nucleus] = image[20, 20]  # as an eosinophil's granules
    values = described((image, nucleus, cell))
    assert values["red_cells"] == 1
    assert values["toward_red_cells_0.5"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("shape", [(120, 120), (40, 90)])
def test_nothing_is_infinite_where_parts_are_missing(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 255, np.uint8)
    empty, corner = np.zeros(shape, bool), np.zeros(shape, bool)
    corner[:9, :7] = True
    for nucleus in (empty, corner):
        assert np.isfinite(describe_cell(image, nucleus, corner)).all()
        assert np.isfinite(describe_cell(image, nucleus, ~empty)).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_hull_is_that_of_scikit_image(seed: int) -> None:
    noise = np.random.default_rng(seed).random((50 + seed, 40))
    mask = ndimage.gaussian_filter(noise, 3) > 0.51
    mask[20, 20] = True
    assert hull_area(mask) == convex_hull_image(mask).sum()
