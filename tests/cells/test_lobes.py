from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import disk, line, polygon

from napari_leukoseg.cells.lobes import count_lobes


def draw_lobes(n, diameter, filament=0, angle=0.0, *, is_closed=False):
    """Draw lobes on a ring, joined to their neighbors by filaments if wide."""
    side = math.ceil(diameter) + 8
    mask = np.zeros((side, side), bool)
    ring = 0 if n == 1 else 0.33 * diameter
    radius = 0.5 * diameter if n == 1 else min(0.17, 0.55 / n) * diameter
    turns = angle + np.arange(n) * 2 * math.pi / max(n, 2)
    centers = side / 2 + ring * np.column_stack([np.sin(turns), np.cos(turns)])
    for center in centers:
        mask[disk(center, radius, shape=mask.shape)] = True
    for start, stop in pairwise([*centers, *centers[: int(is_closed)]]):
        if filament:
            rows, columns = line(*start.round().astype(int), *stop.round().astype(int))
            for r, c in zip(rows, columns, strict=True):
                mask[disk((r, c), filament / 2 + 0.1, shape=mask.shape)] = True
    return mask


def draw_kidney(side: int):
    """Draw a bean: a disk with a round bay."""
    mask = np.zeros((side, side), bool)
    mask[disk((side / 2, side / 2), 0.45 * side, shape=mask.shape)] = True
    mask[disk((side / 2, 0.95 * side), 0.25 * side, shape=mask.shape)] = False
    return mask


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("diameter", [30, 65, 150])
@pytest.mark.parametrize("angle", [0.0, 0.4, 1.1])
def test_drawn_lobes_are_counted(n, diameter, angle):
    assert count_lobes(draw_lobes(n, diameter, 0, angle)) == n
    assert count_lobes(draw_lobes(n, diameter, diameter // 20, angle)) == n


@pytest.mark.parametrize("side", [12, 20, 60, 130, 300])
def test_kidney_has_one_lobe(side):
    assert count_lobes(draw_kidney(side)) == 1


@pytest.mark.parametrize("side", [16, 50, 200])
@pytest.mark.parametrize("rows", [0.3, 0.6, 1.0])
def test_rod_and_block_have_one_lobe(side, rows):
    assert count_lobes(np.ones((max(1, round(rows * side)), side), bool)) == 1


@pytest.mark.parametrize("size", [1, 2, 3])
def test_tiny_nucleus_has_one_lobe(size):
    mask = np.zeros((5, 5), bool)
    mask[1 : 1 + size, 2] = True
    assert count_lobes(mask) == 1


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (7, 3)])
def test_no_nucleus_has_no_lobe(shape):
    assert count_lobes(np.zeros(shape, bool)) == 0


def test_pinhole_changes_nothing():
    mask = draw_lobes(1, 60)
    mask[20, 30] = False
    assert count_lobes(mask) == 1


@pytest.mark.parametrize("n", [3, 4, 5])
def test_lobes_around_cytoplasm_are_not_filled_up(n):
    assert count_lobes(draw_lobes(n, 80, 4, is_closed=True)) == n


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    turns=st.integers(0, 3),
    padding=st.integers(0, 40),
    zoom=st.integers(1, 3),
)
def test_count_ignores_turns_padding_and_size(seed, turns, padding, zoom):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5))
    mask = draw_lobes(n, 40, int(rng.integers(0, 3)), float(rng.uniform(0, 3)))
    other = np.rot90(np.kron(mask, np.ones((zoom, zoom), bool)), turns)
    assert count_lobes(np.pad(other, padding)) == count_lobes(mask)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), side=st.integers(24, 120))
def test_wavy_outline_of_a_round_nucleus_has_one_lobe(seed, side):
    rng = np.random.default_rng(seed)
    turns = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    waves = sum(
        rng.uniform(-0.03, 0.03) * np.sin(k * turns + rng.uniform(0, 6))
        for k in range(2, 7)
    )
    radius = 0.45 * side * (1 + waves)
    rows, columns = polygon(
        side / 2 + radius * np.sin(turns), side / 2 + radius * np.cos(turns)
    )
    mask = np.zeros((side + 20, side + 20), bool)
    mask[rows + 5, columns + 5] = True
    assert count_lobes(mask) == 1
