"""Macenko's and Vahadane's methods find the dyes that smears were drawn with."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from torchstain.numpy.normalizers import (
    NumpyMacenkoNormalizer,
    NumpyReinhardNormalizer,
)

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain import (
    DyeStatistics,
    MacenkoNormalizer,
    MacenkoSettings,
    ReinhardNormalizer,
    StainEstimationError,
    VahadaneNormalizer,
    VahadaneSettings,
    Variant,
)
from napari_leukoseg.stain.dyes import ordered_dyes, smear_matrix
from napari_leukoseg.synthetic import LOOKS, Smear, SmearSettings

METHODS = [MacenkoNormalizer(), VahadaneNormalizer()]


def angles(found, drawn):
    """Degrees between pairs of stain vectors."""
    return np.degrees(np.arccos(np.clip((found * drawn).sum(axis=1), -1, 1)))


@pytest.fixture(scope="module", params=LOOKS)
def pure(request):
    """Return a smear of two dyes, both of them to be seen pure, and the dyes.

    Red cells of the usual looks are stained by both, so eosin is nowhere alone.
    """
    look = replace(LOOKS[request.param], red_cell_thiazine=0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LOOKS, request.param, look)
        settings = SmearSettings(
            (400, 600),
            seed=1,
            look=request.param,
            white_cell_fraction=0.1,
            is_two_stain=True,
        )
        return Smear(settings).draw().image, look.stain_matrix


@pytest.mark.parametrize("normalizer", METHODS, ids=lambda n: n.method)
def test_drawn_dyes_are_recovered(normalizer, pure):
    image, drawn = pure
    found = normalizer.estimate(image).stain_matrix
    assert angles(found, drawn).max() <= 2.0


@pytest.mark.parametrize("normalizer", METHODS, ids=lambda n: n.method)
@pytest.mark.parametrize("look", LOOKS)
def test_nuclear_dye_is_recovered_beside_mixed_red_cells(normalizer, look, draw):
    image = draw(look, shape=(300, 400), is_two_stain=True)
    found = normalizer.estimate(image).stain_matrix
    assert angles(found, LOOKS[look].stain_matrix)[0] <= 3.0


@pytest.mark.parametrize("variant", Variant)
@pytest.mark.parametrize("kind", [MacenkoNormalizer, VahadaneNormalizer])
def test_dyes_are_unit_rows_in_order(kind, variant, smear):
    found = kind(variant).estimate(smear)
    np.testing.assert_allclose(np.linalg.norm(found.stain_matrix, axis=1), 1)
    column = 2 if variant is Variant.SMEAR else 0
    assert (found.stain_matrix[0, column] < found.stain_matrix[1, column]) == (
        variant is Variant.SMEAR
    )
    assert (found.concentrations > 0).all()


def test_nuclei_take_the_density_of_the_reference(smear, other_smear):
    source, reference = (MacenkoNormalizer().estimate(i) for i in (smear, other_smear))
    matrix = smear_matrix(source, reference)
    np.testing.assert_allclose(
        matrix @ source.nuclear_density, reference.nuclear_density
    )
    np.testing.assert_allclose(smear_matrix(source, source), np.eye(3), atol=1e-9)


def test_typical_dyes_are_of_unit_length(smear, other_smear):
    many = [MacenkoNormalizer().estimate(i) for i in (smear, other_smear)]
    typical = DyeStatistics.typical(many)
    np.testing.assert_allclose(np.linalg.norm(typical.stain_matrix, axis=1), 1)
    one = DyeStatistics.typical(many[:1])
    np.testing.assert_allclose(one.stain_matrix, many[0].stain_matrix)


def test_one_dye_is_no_pair():
    dye = np.array([0.5, 0.8, 0.2])
    with pytest.raises(StainEstimationError, match="of one color"):
        ordered_dyes(dye, 2 * dye, is_smear=True)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (MacenkoSettings, {"io": 0}),
        (MacenkoSettings, {"io": float("nan")}),
        (MacenkoSettings, {"alpha": 50}),
        (MacenkoSettings, {"beta": -1}),
        (VahadaneSettings, {"sparsity": 1.5}),
    ],
)
def test_settings_out_of_range_are_refused(kind, values):
    with pytest.raises(SettingsError, match="give"):
        kind(**values)


def tissue():
    """Return two tissue pictures of the open data, or skip."""
    if "LEUKOSEG_DATA" not in os.environ:
        pytest.skip("needs the open data")
    paths = sorted(Path(os.environ["LEUKOSEG_DATA"], "monuseg").glob("images/*.tif"))
    return [tifffile.imread(path)[300:700, 300:700, :3] for path in paths[:2]]


@pytest.fixture(params=["drawn", "tissue"])
def pair(request, draw):
    """Return two pictures to compare with torchstain's results on."""
    if request.param == "tissue":
        return tissue()
    return [draw(shape=(240, 320)), draw("overstained", 2, shape=(240, 320))]


@pytest.mark.parametrize("order", [1, -1])
def test_published_macenko_is_that_of_torchstain(pair, order):
    source, target = pair[::order]
    theirs = NumpyMacenkoNormalizer()
    theirs.fit(target)
    expected = theirs.normalize(source, stains=False)[0].astype(int)
    ours = MacenkoNormalizer(Variant.PUBLISHED).fit(target).transform(source)
    assert np.abs(ours - expected).max() <= 1


@pytest.mark.parametrize("order", [1, -1])
def test_published_reinhard_is_that_of_torchstain(pair, order):
    source, target = pair[::order]
    theirs = NumpyReinhardNormalizer()
    theirs.fit(target.copy())
    expected = theirs.normalize(source.copy()).astype(int)
    ours = ReinhardNormalizer(Variant.PUBLISHED).fit(target).transform(source)
    assert np.abs(ours - expected).max() <= 1
