import math
from dataclasses import replace

import pytest

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import MAX_MPP, MIN_MPP
from napari_leukoseg.synthetic import LOOKS, SmearSettings, get_look

PLAIN = SmearSettings((10, 10))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (0, 5)}, "0x5 pixels"),
        ({"shape": (5, 10_000_000)}, "500000"),
        ({"seed": -1}, "Seed -1"),
        ({"seed": 2**63}, "Seed 9"),
        ({"cell_diameter_px": 39.9}, "39.9"),
        ({"cell_diameter_px": math.nan}, "nan"),
        ({"look": "ziehl"}, "'ziehl'.*wright-giemsa"),
        ({"white_cell_fraction": 0.5}, "0.5"),
        ({"red_cell_fraction": -0.1}, "-0.1"),
        ({"touching_share": 2.0}, "2.0"),
        ({"defocus_um": 3.0}, "3.0"),
        ({"noise": -1.0}, "-1.0"),
        ({"class_weights": (0.0,) * 5}, "five"),
        ({"class_weights": (1.0, 2.0)}, "five"),
        ({"class_weights": (1.0, 1.0, 1.0, 1.0, -1.0)}, "-1.0"),
        ({"class_weights": (math.inf, 1.0, 1.0, 1.0, 1.0)}, "five"),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        replace(PLAIN, **changes)


@pytest.mark.parametrize("diameter", [40.0, 300.0])
def test_pixel_sizes_are_believable(diameter):
    assert MIN_MPP < replace(PLAIN, cell_diameter_px=diameter).mpp < MAX_MPP


@pytest.mark.parametrize("name", LOOKS)
def test_looks_know_their_name_and_have_distinct_dyes(name):
    look = get_look(name)
    assert look.name == name
    thiazine, eosin = look.stain_matrix
    # Chromatin takes up more red light than red cells do, and less blue.
    assert thiazine[0] > eosin[0]
    assert thiazine[2] < eosin[2]
