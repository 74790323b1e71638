import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.synthetic import (
    LOOKS,
    Illumination,
    Smear,
    SmearSettings,
    draw_field,
    smear,
)

CROWDED = SmearSettings(
    (700, 900),
    seed=4,
    cell_diameter_px=50.0,
    white_cell_fraction=0.25,
    touching_share=0.5,
    class_weights=(1.0, 1.0, 1.0, 1.0, 1.0),
    illumination=Illumination.FALL_OFF,
)
EMPTY = SmearSettings(
    (300, 400), white_cell_fraction=0.0, red_cell_fraction=0.0, noise=0.0
)


@pytest.fixture(scope="module")
def crowded_smear():
    return Smear(CROWDED)


@pytest.fixture(scope="module")
def crowded(crowded_smear):
    return crowded_smear.draw()


def test_nucleus_and_cytoplasm_never_overlap(crowded):
    assert not ((crowded.nucleus > 0) & (crowded.cytoplasm > 0)).any()


def test_dtypes_and_shapes(crowded):
    assert crowded.image.shape == (700, 900, 3)
    assert crowded.image.dtype == np.uint8
    assert crowded.nucleus.dtype == crowded.cytoplasm.dtype == np.uint32
    assert crowded.classes.dtype == np.uint8


def test_classes_are_those_of_the_pixels_cells(crowded):
    ids = crowded.nucleus + crowded.cytoplasm
    expected = np.zeros(ids.max() + 1, dtype=np.uint8)
    for cell in crowded.cells:
        expected[cell.cell_id] = cell.class_id
    np.testing.assert_array_equal(crowded.classes, expected[ids])


def test_cells_are_those_that_show(crowded):
    ids = np.unique(crowded.nucleus + crowded.cytoplasm)
    assert [c.cell_id for c in crowded.cells] == ids[ids > 0].tolist()
    assert {c.class_id for c in crowded.cells} == {1, 2, 3, 4, 5}


def test_whole_cells_have_both_parts(crowded):
    whole = Region.of_shape(crowded.image.shape)
    for cell in crowded.cells:
        if cell.square.intersection(whole) == cell.square:
            assert (crowded.nucleus == cell.cell_id).any()
            assert (crowded.cytoplasm == cell.cell_id).any()


def test_cells_stay_within_their_squares(crowded_smear, crowded):
    ids = crowded.nucleus + crowded.cytoplasm
    for cell in crowded.cells:
        rows, columns = np.nonzero(ids == cell.cell_id)
        assert cell.square.contains(rows.min(), columns.min())
        assert cell.square.contains(rows.max(), columns.max())
    assert set(crowded.cells) <= set(crowded_smear.cells())


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_region_equals_that_part_of_the_whole(crowded_smear, crowded, data):
    rows = sorted(data.draw(st.tuples(*[st.integers(0, 700)] * 2)))
    columns = sorted(data.draw(st.tuples(*[st.integers(0, 900)] * 2)))
    region = Region.from_bounds(rows[0], columns[0], rows[1], columns[1])
    part = crowded_smear.draw(region)
    for name in ("image", "nucleus", "cytoplasm", "classes"):
        whole = getattr(crowded, name)[region.slices]
        np.testing.assert_array_equal(getattr(part, name), whole)
    ids = np.unique(part.nucleus + part.cytoplasm)
    assert [c.cell_id for c in part.cells] == ids[ids > 0].tolist()


def test_cells_cross_block_borders_without_a_seam(crowded, monkeypatch):
    monkeypatch.setattr(smear, "BLOCK_PX", 190)
    other = Smear(CROWDED).draw()
    np.testing.assert_array_equal(other.nucleus, crowded.nucleus)
    np.testing.assert_array_equal(other.cytoplasm, crowded.cytoplasm)
    # Sensor noise belongs to blocks: it differs, but nothing else does.
    difference = other.image.astype(float) - crowded.image
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.1
    assert np.abs(difference).max() <= 8 * math.sqrt(2) * CROWDED.noise


def test_equal_settings_give_equal_pictures_and_seeds_differ(crowded):
    again = Smear(CROWDED).draw()
    np.testing.assert_array_equal(again.image, crowded.image)
    other = Smear(replace(CROWDED, seed=5)).draw()
    assert (other.nucleus != crowded.nucleus).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (513, 2), (64, 511)])
def test_odd_shapes(shape):
    drawn = Smear(replace(CROWDED, shape=shape)).draw()
    assert drawn.image.shape == (*shape, 3)
    assert drawn.classes.shape == shape


@pytest.mark.parametrize(
    "region", [Region(0, 0, 701, 10), Region(-1, 0, 5, 5), Region(0, 899, 1, 2)]
)
def test_a_region_outside_is_refused(crowded_smear, region):
    with pytest.raises(SettingsError, match="not inside"):
        crowded_smear.draw(region)


def test_a_smear_without_cells_is_plain_ground():
    drawn = Smear(EMPTY).draw()
    assert drawn.cells == ()
    assert not drawn.classes.any()
    assert np.percentile(drawn.image.std(axis=(0, 1)), 100) < 12


@pytest.mark.parametrize("fraction", [0.03, 0.3])
def test_white_cells_cover_the_share_asked_for(fraction):
    drawn = Smear(
        replace(
            CROWDED,
            shape=(1000, 1000),
            class_weights=(1.0, 0.0, 0.0, 0.0, 0.0),
            white_cell_fraction=fraction,
        )
    ).draw()
    assert (drawn.classes > 0).mean() == pytest.approx(fraction, rel=0.25)


@pytest.mark.parametrize("diameter", [40.0, 90.0, 300.0])
def test_neutrophils_have_the_diameter_asked_for(diameter):
    side = round(4.5 * diameter)
    drawing = Smear(
        SmearSettings(
            (side, side),
            cell_diameter_px=diameter,
            white_cell_fraction=0.15,
            touching_share=0.0,
            class_weights=(1.0, 0.0, 0.0, 0.0, 0.0),
        )
    )
    drawn = drawing.draw()
    whole = Region.of_shape(drawn.image.shape)
    areas = [
        np.count_nonzero(drawn.classes[cell.square.slices])
        for cell in drawn.cells
        if cell.square.intersection(whole) == cell.square
    ]
    assert np.sqrt(np.median(areas) * 4 / np.pi) == pytest.approx(diameter, rel=0.12)
    assert drawing.mpp * diameter == pytest.approx(13.0)


@pytest.mark.parametrize("look", LOOKS)
def test_nuclei_are_darker_than_cytoplasm_and_that_than_glass(look):
    drawn = draw_field(
        (500, 600), seed=2, look=look, cell_diameter_px=80, white_cell_fraction=0.15
    )
    gray = drawn.image.mean(axis=-1)
    nucleus, cytoplasm = gray[drawn.nucleus > 0], gray[drawn.cytoplasm > 0]
    assert np.median(nucleus) < np.median(cytoplasm) - 15
    assert np.median(cytoplasm) < np.percentile(gray[drawn.classes == 0], 90)


@pytest.mark.parametrize("look", LOOKS)
def test_two_stain_pictures_lie_in_the_plane_of_the_stain_matrix(look):
    drawing = Smear(
        replace(
            CROWDED,
            shape=(300, 300),
            look=look,
            is_two_stain=True,
            noise=0.0,
            illumination=Illumination.FLAT,
        )
    )
    matrix = drawing.stain_matrix
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1.0)
    image = drawing.draw().image.reshape(-1, 3).astype(float)
    lamp = np.asarray(drawing.look.lamp)
    # Dark channels are left out: there a gray level is a large step of density.
    bright = (image > 40).all(axis=1)
    density = -np.log10(image[bright] / lamp)
    amounts = density @ np.linalg.pinv(matrix)
    assert np.abs(density - amounts @ matrix).max() < 0.012
    assert amounts.min() > -0.04


def test_light_falls_off_toward_the_corners():
    image = Smear(replace(EMPTY, illumination=Illumination.FALL_OFF)).draw().image
    middle, corner = image[140:160, 190:210].mean(), image[:20, :20].mean()
    assert corner < 0.95 * middle


def test_the_lamp_spot_is_a_bright_place():
    spot = replace(EMPTY, look="dim", illumination=Illumination.SPOT)
    image = Smear(spot).draw().image.mean(axis=-1)
    assert image.max() > image[0, 0] + 50


def test_touching_cells_touch():
    def n_contacts(share):
        settings = replace(CROWDED, touching_share=share, white_cell_fraction=0.1)
        drawn = Smear(settings).draw()
        ids = (drawn.nucleus + drawn.cytoplasm).astype(np.int64)
        left, right = ids[:, :-3], ids[:, 3:]
        return np.count_nonzero((left > 0) & (right > 0) & (left != right))

    assert n_contacts(1.0) > 10 * (n_contacts(0.0) + 1)


def test_threads_draw_the_same(crowded):
    other = Smear(CROWDED)
    rows = range(0, 700, 50)

    def draw(row):
        return other.draw(Region(row, 0, 50, 900)).image

    with ThreadPoolExecutor(4) as pool:
        image = np.concatenate(list(pool.map(draw, rows)))
    np.testing.assert_array_equal(image, crowded.image)
