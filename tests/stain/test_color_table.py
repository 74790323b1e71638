"""Each color gets its own result, in small pictures and in large ones."""

from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.stain.color_table import ColorTable


@pytest.mark.parametrize("shape", [(1, 1), (7, 900), (700, 800)])
def test_every_color_is_mapped_to_its_own(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    table = ColorTable(lambda colors: 255 - colors[:, [1, 2, 0]])
    for _ in range(2):  # computed, then remembered
        np.testing.assert_array_equal(table(image), 255 - image[..., [1, 2, 0]])


def test_colors_that_were_met_are_not_computed_again():
    seen = []

    def compute(colors):
        seen.append(len(colors))
        return colors

    image = np.zeros((600, 700, 3), np.uint8)
    image[::2] = 250
    table = ColorTable(compute)
    table(image)
    assert max(seen) == 2
    seen.clear()
    table(image[::-1])
    assert not seen
