"""Pictures warped, composed and pasted together keep their targets."""

from dataclasses import replace

import numpy as np
import pytest

from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    UNKNOWN_INSTANCE,
    Sample,
)
from napari_leukoseg.training.warping import (
    MAX_COVERED,
    Layers,
    arrange,
    compose,
    paste,
    sample_layers,
    shrink,
    visible_classes,
    without_covered,
)

SIDE = 40


def layers_with(*boxes: tuple[int, int, int, int], gray: int = 200) -> Layers:
    """Picture with a cell in each box of rows and columns, as dark as its number."""
    instances = np.zeros((SIDE, SIDE), np.int32)
    for number, (top, bottom, left, right) in enumerate(boxes, start=1):
        instances[top:bottom, left:right] = number
    cell = instances > 0
    image = np.where(cell, 10 * instances, gray).astype(np.uint8)
    return Layers(
        np.repeat(image[..., None], 3, axis=2),
        np.where(cell, np.uint8(IS_CELL), np.uint8(IS_BACKGROUND)),
        instances,
        np.ones((SIDE, SIDE), bool),
    )


GROUND = layers_with((5, 25, 5, 25), (30, 36, 30, 36))
"""A large cell and a small one."""


def test_covered_cells_lose_their_class_beyond_the_limit() -> None:
    large = GROUND.instances == 1
    rows = np.indices(large.shape)[0]
    for share in (0.0, MAX_COVERED, MAX_COVERED + 0.05, 1.0):
        cover = large & (rows < 5 + 20 * share)
        left = without_covered(GROUND.instances, cover, {1: 3, 2: 5})
        assert left == ({1: 3, 2: 5} if share <= MAX_COVERED else {2: 5})


def test_a_pasted_cell_is_whole_and_known() -> None:
    donor = layers_with((12, 28, 8, 20), gray=90)
    rng = np.random.default_rng(0)
    merged, classes = paste((GROUND, {1: 3, 2: 5}), (donor, {1: 4}), rng)
    pasted = donor.instances == 1
    (number,) = np.unique(merged.instances[pasted])
    assert number not in (0, 1, 2)
    assert classes == {2: 5, number: 4}  # the large cell is half covered
    assert (merged.allowed[pasted] == IS_CELL).all()
    np.testing.assert_array_equal(merged.instances[~pasted], GROUND.instances[~pasted])
    inner = np.zeros_like(pasted)
    inner[16:24, 12:16] = True
    assert (merged.image[inner] == 10).all()  # as in the donor
    far = np.zeros_like(pasted)
    far[:8], far[32:] = True, True
    np.testing.assert_array_equal(merged.image[far], GROUND.image[far])


@pytest.mark.parametrize("edge", ["crop", "picture"])
def test_a_cell_cut_by_its_picture_is_not_pasted(edge: str) -> None:
    """The end of the crop hides a cut; the end of a picture within it does not."""
    donor = layers_with((10, 40, 10, 30))
    if edge == "picture":
        inside = np.ones((SIDE, SIDE), bool)
        inside[30:] = False
        instances = np.where(inside, donor.instances, UNKNOWN_INSTANCE)
        donor = donor._replace(inside=inside, instances=instances.astype(np.int32))
    ground = (GROUND, {1: 3})
    merged = paste(ground, (donor, {1: 4}), np.random.default_rng(0))
    assert (merged is ground) == (edge == "picture")


def test_nothing_is_pasted_from_specks() -> None:
    ground = (GROUND, {1: 3})
    speck = (layers_with((5, 10, 5, 10)), {1: 4})
    assert paste(ground, speck, np.random.default_rng(0)) is ground


def test_composing_fills_only_what_lies_outside() -> None:
    inside = np.zeros((SIDE, SIDE), bool)
    inside[:, :20] = True
    left = layers_with((5, 15, 5, 15), gray=250)._replace(inside=inside)
    merged, classes = compose((left, {1: 1}), (GROUND, {1: 3, 2: 5}))
    np.testing.assert_array_equal(merged.image[inside], left.image[inside])
    np.testing.assert_array_equal(merged.image[~inside], GROUND.image[~inside])
    assert classes == {1: 1, 2: 3, 3: 5}
    assert np.unique(merged.instances).tolist() == [0, 1, 2, 3]
    assert merged.inside.all()


def test_arranged_pictures_keep_their_places_cells_and_classes() -> None:
    heights, widths = [25, 40], [30, 28, 26]
    parts = [(GROUND, {1: 1 + i % 5, 2: 5, 77: 2}) for i in range(6)]
    merged, classes = arrange(parts, heights, widths)
    assert merged.image.shape == (65, 84, 3)
    assert merged.allowed.shape == merged.instances.shape == merged.inside.shape
    for place in range(6):
        row, column = divmod(place, 3)
        top, left = sum(heights[:row]), sum(widths[:column])
        part = np.s_[top : top + heights[row], left : left + widths[column]]
        cut = np.s_[: heights[row], : widths[column]]
        np.testing.assert_array_equal(merged.image[part], GROUND.image[cut])
        np.testing.assert_array_equal(merged.allowed[part], GROUND.allowed[cut])
        large = merged.instances[part][10, 10]
        assert classes[large] == 1 + place % 5
        np.testing.assert_array_equal(
            merged.instances == large,
            np.pad(
                GROUND.instances[cut] == 1,
                ((top, 65 - top - heights[row]), (left, 84 - left - widths[column])),
            ),
        )
    assert 2 not in [c for i, c in classes.items() if i > 12]  # cell 77 is not there


def test_only_cells_that_are_seen_have_a_class() -> None:
    assert visible_classes(GROUND, {1: 3, 9: 2}) == {1: 3}


def identity(shape: tuple[int, int]) -> np.ndarray:
    return np.indices(shape).astype(np.float32)


def test_reading_in_place_gives_the_sample_back(samples: list[Sample]) -> None:
    sample = samples[0]
    layers = sample_layers(sample, identity(sample.allowed.shape), 1.0)
    np.testing.assert_allclose(layers.image.astype(int), sample.image, atol=1)
    np.testing.assert_array_equal(layers.allowed, sample.allowed)
    np.testing.assert_array_equal(layers.instances, sample.instances)
    assert layers.inside.all()


def test_outside_of_the_picture_nothing_is_known(samples: list[Sample]) -> None:
    source = identity((50, 50)) - 30
    layers = sample_layers(samples[0], source, 1.0)
    inside = (source >= 0).all(axis=0)
    np.testing.assert_array_equal(layers.inside, inside)
    assert (layers.allowed[~inside] == ANYTHING).all()
    assert (layers.instances[~inside] == UNKNOWN_INSTANCE).all()


def test_nuclei_say_nothing_of_cells_but_disks_say_where_a_class_is(
    samples: list[Sample],
) -> None:
    tissue = replace(samples[0], has_distance=False)
    place = replace(tissue, has_outline=False)
    source = identity((60, 60))
    assert (sample_layers(tissue, source, 1.0).instances == UNKNOWN_INSTANCE).all()
    np.testing.assert_array_equal(
        sample_layers(place, source, 1.0).instances, place.instances[:60, :60]
    )


def test_shrinking_keeps_masks_on_the_picture(samples: list[Sample]) -> None:
    small = shrink(samples[0], 30.0)
    assert small.image.shape[:2] == small.allowed.shape == small.instances.shape
    assert small.image.shape[0] == pytest.approx(samples[0].image.shape[0] / 2, abs=1)
    share = np.mean(small.allowed == 4) / np.mean(samples[0].allowed == 4)
    assert share == pytest.approx(1, abs=0.1)
    assert shrink(samples[0], 90.0) is samples[0]
