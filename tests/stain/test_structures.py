from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.stain.color_counts import ColorCounts, pack_colors
from napari_leukoseg.stain.errors import StainEstimationError
from napari_leukoseg.stain.structures import estimate_ground, find_structures
from napari_leukoseg.synthetic import LOOKS, Illumination, Smear, SmearSettings

SETTINGS = {"shape": (200, 240), "seed": 5, "cell_diameter_px": 60.0}


def mask_of(image, chosen):
    """Return where a picture has the chosen colors."""
    colors = ColorCounts.of_image(image).colors[chosen].astype(np.uint8)
    return np.isin(pack_colors(image), pack_colors(colors))


@pytest.mark.parametrize(
    ("look", "light"),
    [
        *((look, Illumination.FLAT) for look in LOOKS),
        ("rapid", Illumination.FALL_OFF),
        ("rapid", Illumination.SPOT),
        ("wright-giemsa", Illumination.SPOT),
    ],
)
def test_ground_is_that_between_the_cells(look, light):
    drawn = Smear(
        SmearSettings(**SETTINGS, look=look, red_cell_fraction=0.5, illumination=light)
    ).draw()
    bare = Smear(
        SmearSettings(
            **SETTINGS,
            look=look,
            red_cell_fraction=0.0,
            white_cell_fraction=0.0,
            illumination=light,
        )
    ).draw()
    ground = estimate_ground(ColorCounts.of_image(drawn.image))
    expected = np.median(bare.image.reshape(-1, 3), axis=0)
    assert np.abs(ground - expected).max() <= 6


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("fraction", [0.02, 0.3])
def test_nuclei_are_found_whatever_their_share(look, fraction):
    drawn = Smear(
        SmearSettings(**SETTINGS, look=look, white_cell_fraction=fraction)
    ).draw()
    found = find_structures(ColorCounts.of_image(drawn.image))
    nuclei = mask_of(drawn.image, found.is_nucleus)
    truth = drawn.nucleus > 0
    assert (nuclei & truth).sum() > 0.9 * nuclei.sum()
    assert (nuclei & truth).sum() > 0.95 * truth.sum()


def test_structures_count_the_same_when_balanced(smear):
    found = find_structures(ColorCounts.of_image(smear))
    n_pixels = smear.shape[0] * smear.shape[1]
    is_ground = ~(found.is_nucleus | found.is_stained)
    thirds = found.balanced(with_ground=True)
    for part in (found.is_nucleus, found.is_stained, is_ground):
        assert thirds[part].sum() == pytest.approx(n_pixels / 3)
    halves = found.balanced(with_ground=False)
    assert halves[is_ground].sum() == 0
    assert halves[found.is_nucleus].sum() == pytest.approx(n_pixels / 2)


def test_ground_has_no_density(smear):
    found = find_structures(ColorCounts.of_image(smear))
    colors = ColorCounts.of_image(smear).colors
    nearest = np.abs(colors - found.ground).sum(axis=1).argmin()
    assert np.abs(found.density[nearest]).max() < 0.02


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_red_cells_are_not_taken_for_nuclei(look):
    rng = np.random.default_rng(0)
    density = look.red_cell_density * rng.uniform(0.7, 1.2, (100, 200, 1))
    density[:, 80:] = look.plasma
    density[:10, :80] *= 2  # heaped
    light = look.lamp * 10 ** (-density * look.red_cell_vector)
    image = np.clip(light + rng.normal(0, 1.5, light.shape), 0, 255).astype(np.uint8)
    with pytest.raises(StainEstimationError, match="No stained nuclei"):
        find_structures(ColorCounts.of_image(image))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((9, 9, 3), 255, np.uint8), "the color"),
        (np.full((9, 9, 3), (200, 10, 10), np.uint8), "the color"),
        (np.arange(30, dtype=np.uint8).reshape(2, 5, 3), "exposed"),
        (
            np.full((9, 9, 3), 250, np.uint8) - np.eye(9, dtype=np.uint8)[..., None],
            "No stained nuclei",
        ),
    ],
    ids=["white", "one color", "dark", "noise"],
)
def test_nothing_to_estimate_is_explained(image, message):
    with pytest.raises(StainEstimationError, match=message):
        find_structures(ColorCounts.of_image(image))


def test_empty_field_is_explained(empty_smear):
    with pytest.raises(StainEstimationError, match="from the whole slide"):
        find_structures(ColorCounts.of_image(empty_smear))
