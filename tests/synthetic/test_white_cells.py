import numpy as np
import pytest
from scipy import ndimage

from napari_leukoseg.synthetic.white_cells import (
    BASOPHIL,
    EOSINOPHIL,
    LYMPHOCYTE,
    MONOCYTE,
    NEUTROPHIL,
    draw_radius,
    draw_white_cell,
)

EVERY_CLASS = (NEUTROPHIL, LYMPHOCYTE, MONOCYTE, EOSINOPHIL, BASOPHIL)


def drawn_cells(class_id, n=12, unit_px=40.0):
    for seed in range(n):
        rng = np.random.default_rng([class_id, seed])
        radius_px = draw_radius(class_id, rng) * unit_px
        yield draw_white_cell(class_id, radius_px, 0.8, rng, unit_px=unit_px)


@pytest.mark.parametrize("class_id", EVERY_CLASS)
@pytest.mark.parametrize("unit_px", [20.0, 40.0, 150.0])
def test_cells_are_whole_and_fit_their_square(class_id, unit_px):
    for patch in drawn_cells(class_id, n=3, unit_px=unit_px):
        cell = patch.nucleus | patch.cytoplasm
        assert not (patch.nucleus & patch.cytoplasm).any()
        assert ndimage.label(cell)[1] == 1
        border = np.concatenate([cell[0], cell[-1], cell[:, 0], cell[:, -1]])
        assert not border.any()
        assert patch.dyes.shape == (3, *cell.shape)
        assert patch.dyes.min() >= 0.0
        assert 0.0 <= patch.opacity.min() <= patch.opacity.max() <= 1.0 + 1e-5


@pytest.mark.parametrize("class_id", EVERY_CLASS)
def test_nuclei_lie_inside_the_membrane(class_id):
    for patch in drawn_cells(class_id):
        outside = ~(patch.nucleus | patch.cytoplasm)
        assert not (ndimage.binary_dilation(outside) & patch.nucleus).any()


@pytest.mark.parametrize(
    ("class_id", "low", "high"),
    [
        (NEUTROPHIL, 0.20, 0.55),
        (LYMPHOCYTE, 0.40, 0.90),
        (MONOCYTE, 0.25, 0.65),
        (EOSINOPHIL, 0.20, 0.45),
        (BASOPHIL, 0.20, 0.65),
    ],
)
def test_nuclei_take_their_usual_share_of_the_cell(class_id, low, high):
    for patch in drawn_cells(class_id):
        nucleus = np.count_nonzero(patch.nucleus)
        share = nucleus / (nucleus + np.count_nonzero(patch.cytoplasm))
        assert low < share < high


def n_lobes(nucleus):
    """Pieces left when a fifth of a radius is worn away."""
    return ndimage.label(ndimage.binary_erosion(nucleus, iterations=8))[1]


def test_neutrophils_are_segmented_and_lymphocytes_are_not():
    neutrophils = [n_lobes(p.nucleus) for p in drawn_cells(NEUTROPHIL, n=30)]
    lymphocytes = [n_lobes(p.nucleus) for p in drawn_cells(LYMPHOCYTE, n=30)]
    assert np.mean(np.array(neutrophils) > 1) > 0.9
    assert max(neutrophils) >= 3
    assert set(lymphocytes) == {1}


def test_monocytes_are_the_largest_and_lymphocytes_the_smallest():
    rng = np.random.default_rng(0)
    mean = {c: np.mean([draw_radius(c, rng) for _ in range(200)]) for c in EVERY_CLASS}
    assert max(mean, key=mean.get) == MONOCYTE
    assert min(mean, key=mean.get) == LYMPHOCYTE


def dye(patch, mask, index):
    return patch.dyes[index][mask].mean()


def test_cytoplasm_takes_the_dyes_of_its_type():
    cells = {c: list(drawn_cells(c, n=8)) for c in EVERY_CLASS}

    def mean_dye(class_id, index):
        return np.mean([dye(p, p.cytoplasm, index) for p in cells[class_id]])

    eosin = {c: mean_dye(c, 1) for c in EVERY_CLASS}
    azure = {c: mean_dye(c, 2) for c in EVERY_CLASS}
    thiazine = {c: mean_dye(c, 0) for c in EVERY_CLASS}
    assert eosin[EOSINOPHIL] > 1.2 * max(v for c, v in eosin.items() if c in (1, 2, 3))
    assert max(azure, key=azure.get) == LYMPHOCYTE
    assert max(thiazine, key=thiazine.get) == BASOPHIL
