"""Mean colors of the parts of a view, before and after."""

from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.stain import compare_colors


def test_parts_are_told_apart_by_the_colors_before(smear):
    changes = compare_colors(smear, smear)
    assert [change.part for change in changes] == ["nuclei", "other stained", "ground"]
    assert sum(change.share for change in changes) == pytest.approx(1)
    lightness = [change.before[0] for change in changes]
    assert lightness == sorted(lightness)
    assert all(change.difference == 0 for change in changes)


def test_a_change_is_measured(smear):
    gray = np.repeat(smear.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    for change in compare_colors(smear, gray):
        np.testing.assert_allclose(change.after[1:], 0, atol=0.1)
        assert change.difference > 1


def test_a_view_without_nuclei_is_compared_as_a_whole(empty_smear):
    white = np.full((1, 1, 3), 255, np.uint8)
    for image in (empty_smear, white):
        (change,) = compare_colors(image, image)
        assert (change.part, change.share) == ("all pixels", 1)


def test_large_views_give_the_means_of_small_ones(smear):
    small = compare_colors(smear, smear)
    large = compare_colors(np.tile(smear, (6, 6, 1)), np.tile(smear, (6, 6, 1)))
    for one, other in zip(small, large, strict=True):
        np.testing.assert_allclose(one.before, other.before, atol=1)
