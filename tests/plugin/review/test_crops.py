"""Crops show the cell, wherever it lies, and are cut once."""

import numpy as np
import pytest

from napari_leukoseg.case import Case
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.background import Background
from napari_leukoseg.plugin.review import crops as crops_module
from napari_leukoseg.plugin.review.crops import CropSource, CropStore, crop_region
from napari_leukoseg.plugin.review.cutting import cut_crop
from napari_leukoseg.slide import open_slide

SIDE = 64
GRAY = 128


@pytest.fixture
def source(field_case):
    picture = field_case.parent / "field.png"
    with open_slide(picture) as slide, Case.open(field_case) as case:
        yield CropSource(slide, case, SIDE, has_contours=False)


@pytest.fixture
def store(qtbot):
    background = Background()
    yield CropStore(background)
    background.close()


def pixels(image):
    assert (image.width(), image.height()) == (SIDE, SIDE)
    data = np.frombuffer(image.constBits(), np.uint8).reshape(SIDE, SIDE, 4)
    return data[..., 2::-1].copy()  # stored as blue, green, red; the image goes


def test_region_is_a_square_around_the_cell():
    assert crop_region((10, 20, 30, 60), 50) == Region(-5, 15, 50, 50)
    assert crop_region((0, 0, 1, 1), 0.2).height == 1


def test_crop_is_the_picture(source):
    region = Region(40, 50, SIDE, SIDE)
    image = pixels(cut_crop(source, 1, region))
    np.testing.assert_array_equal(image, source.slide.read_region(region))


@pytest.mark.parametrize("row", [-40, 290])
def test_beyond_the_border_it_is_gray(source, row):
    image = pixels(cut_crop(source, 1, Region(row, 100, SIDE, SIDE)))
    rows = np.arange(row, row + SIDE)
    outside = (rows < 0) | (rows >= source.slide.shape[0])
    assert (image[outside] == GRAY).all()
    inside = source.slide.read_region(
        Region(max(row, 0), 100, int((~outside).sum()), SIDE)
    )
    np.testing.assert_array_equal(image[~outside], inside)


def test_crop_far_outside_is_gray(source):
    assert (pixels(cut_crop(source, 1, Region(5000, 5000, 20, 20))) == GRAY).all()


def test_contours_lie_on_the_border_of_the_cell(source):
    cell = source.case.cell(1)
    region = crop_region(cell.region.bounds, SIDE)
    outlined = CropSource(source.slide, source.case, SIDE, has_contours=True)
    plain, drawn = (pixels(cut_crop(s, 1, region)) for s in (source, outlined))
    changed = (plain != drawn).any(axis=2)
    assert changed.any()
    ids = np.zeros((SIDE, SIDE), bool)
    inside = region.intersection(Region.of_shape(source.case.shape))
    part = inside.shifted(-region.row, -region.column)
    ids[part.slices] = source.case.read_ids(inside) == 1
    from scipy.ndimage import binary_dilation, binary_erosion

    near = binary_dilation(ids, iterations=3) & ~binary_erosion(ids, iterations=3)
    nucleus = source.case.read_labels("nucleus", inside) == 1
    inner = np.zeros_like(ids)
    inner[part.slices] = nucleus
    near |= binary_dilation(inner, iterations=3) & ~binary_erosion(inner, iterations=3)
    assert not (changed & ~near).any()


def test_store_cuts_what_is_wanted_and_keeps_it(store, source, qtbot):
    regions = {i: crop_region((i * 20, 40, i * 20 + 30, 80), 40) for i in range(9)}
    assert store.get(0) is None
    store.want(regions)  # there is no source yet
    store.set_source(source)
    store.want(regions)
    qtbot.waitUntil(lambda: all(store.get(i) is not None for i in regions))
    kept = store.get(3)
    store.want(regions)
    assert store.get(3) is kept
    store.forget([3])
    assert store.get(3) is None
    store.set_source(source)
    assert store.get(0) is None


def test_store_is_bounded(store, source, qtbot, monkeypatch):
    monkeypatch.setattr(crops_module, "_KEPT_BYTES", 3 * SIDE * SIDE * 4)
    store.set_source(source)
    store.want({i: Region(0, 10 * i, 40, 40) for i in range(8)})
    qtbot.waitUntil(lambda: not store._wanted)
    assert [i for i in range(8) if store.get(i) is not None] == [5, 6, 7]


def test_picture_that_is_gone_is_told_once(store, source, qtbot):
    told = []
    store.failed.connect(told.append)
    store.set_source(source)
    source.slide.close()
    for _ in range(2):
        store.want({1: Region(0, 0, 10, 10)})
        qtbot.waitUntil(lambda: bool(told))
    assert len(told) == 1
    assert "closed" in told[0]
