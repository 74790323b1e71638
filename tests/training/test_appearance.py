"""Appearance changes keep form and order, and do what their settings say."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import color

from napari_leukoseg.training.appearance import (
    AppearanceSettings,
    ColorStatistics,
    borrow_colors,
    vary_appearance,
    vary_lab,
)

OFF = AppearanceSettings(
    borrow=0,
    stain=0,
    white_balance=0,
    saturation=0,
    gamma=0,
    lamp=0,
    blur_px=0,
    noise=0,
    jpeg=0,
)

IS_CELL = np.zeros((40, 50), bool)
IS_CELL[10:30, 10:35] = True


def draw(cell: tuple[int, ...], ground: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Picture of a cell, with a little noise and a white corner."""
    rng = np.random.default_rng(seed)
    image = np.where(IS_CELL[..., None], cell, ground) + rng.integers(
        -9, 10, (40, 50, 1)
    )
    image[:3, :3] = 255
    return image.clip(0, 255).astype(np.uint8)


def measure(image: np.ndarray) -> ColorStatistics:
    found = ColorStatistics.measure(image.clip(0, 255).astype(np.uint8), IS_CELL)
    assert found is not None
    return found


PURPLE = draw((110, 60, 150), (225, 205, 215))
BLUE = draw((90, 110, 130), (240, 225, 220), seed=1)


def test_off_changes_nothing_and_on_keeps_the_form() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    for seed in range(5):
        same = vary_appearance(image, OFF, np.random.default_rng(seed))
        np.testing.assert_allclose(same.astype(int), image.astype(int), atol=2)
        varied = vary_appearance(
            image, AppearanceSettings(lab=6.0), np.random.default_rng(seed)
        )
        assert varied.shape == image.shape
        assert varied.dtype == np.uint8


def test_statistics_need_both_cell_and_ground() -> None:
    assert ColorStatistics.measure(PURPLE, np.zeros_like(IS_CELL)) is None
    assert ColorStatistics.measure(PURPLE, np.ones_like(IS_CELL)) is None
    found = measure(PURPLE)
    assert (found.cell > found.ground).all()  # denser


def test_nothing_borrowed_and_own_colors_keep_the_picture() -> None:
    image = PURPLE.astype(np.float32)
    own, other = measure(PURPLE), measure(BLUE)
    np.testing.assert_allclose(borrow_colors(image, own, other, 0.0), image, atol=0.01)
    np.testing.assert_allclose(borrow_colors(image, own, own, 1.0), image, atol=0.01)


def test_cells_and_ground_move_toward_the_other_picture() -> None:
    own, other = measure(PURPLE), measure(BLUE)
    before = [np.abs(own.cell - other.cell), np.abs(own.ground - other.ground)]
    for share in (0.3, 0.6, 1.0):
        moved = measure(borrow_colors(PURPLE.astype(np.float32), own, other, share))
        after = [np.abs(moved.cell - other.cell), np.abs(moved.ground - other.ground)]
        assert all((a < b + 0.01).all() for a, b in zip(after, before, strict=True))
        before = after
    # Values are cut to whole numbers, and the white corner cannot get lighter.
    assert max(np.abs(part).max() for part in before) < 0.03


@given(st.floats(0, 1), st.integers(0, 99))
def test_what_is_lighter_stays_lighter(share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    densities = rng.uniform(0, 1.5, (2, 2, 3)).astype(np.float32)
    own, other = (ColorStatistics(*np.sort(pair, axis=0)[::-1]) for pair in densities)
    grays = np.repeat(np.arange(0, 256, 5, dtype=np.float32)[None, :, None], 3, axis=2)
    borrowed = borrow_colors(grays, own, other, share)
    assert (np.diff(borrowed, axis=1) >= -1e-3).all()
    assert borrowed.max() <= 255.001


def test_borrowing_is_asked_for_and_needs_colors() -> None:
    always = replace(OFF, borrow=1.0)
    own, other = measure(PURPLE), measure(BLUE)

    def vary(*colors: ColorStatistics | None) -> np.ndarray:
        return vary_appearance(PURPLE, always, np.random.default_rng(0), colors)

    for colors in ((None, other), (own, None)):
        np.testing.assert_allclose(vary(*colors).astype(int), PURPLE, atol=2)
    before, after = measure(PURPLE), measure(vary(own, other))
    assert (np.abs(after.cell - other.cell) < np.abs(before.cell - other.cell)).all()


def test_lab_moves_by_what_was_drawn() -> None:
    settings = replace(OFF, lab=6.0)
    image = PURPLE.astype(np.float32)
    varied = vary_lab(image, settings, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    gain, shift = rng.normal(0, 6, 3), rng.normal(0, 6, 3)
    before, after = (color.rgb2lab(i.clip(0, 255) / 255) for i in (image, varied))
    part = np.s_[5:35, 5:]  # without the white corner, which leaves the gamut
    mean = before.mean(axis=(0, 1))
    expected = (before - mean) * np.exp(gain / 100) + mean + shift
    np.testing.assert_allclose(after[part], expected[part], atol=0.2)


@pytest.mark.parametrize("lab", [0.0, 1e-6])
def test_without_strength_lab_keeps_the_picture(lab: float) -> None:
    image = np.random.default_rng(0).uniform(0, 255, (9, 8, 3)).astype(np.float32)
    varied = vary_lab(image, replace(OFF, lab=lab), np.random.default_rng(0))
    np.testing.assert_allclose(varied, image, atol=0.1)
