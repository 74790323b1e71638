"""What an epoch is judged by."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from napari_leukoseg.segment.networks import NetworkOutput, build_network
from napari_leukoseg.training.crop_settings import CropSettings
from napari_leukoseg.training.crops import Crop
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CYTOPLASM,
    IS_NUCLEUS,
)
from napari_leukoseg.training.validation import (
    BatchFigures,
    agreement,
    pool_figures,
    validation_settings,
)

NETWORK = build_network("residual-unet", {"channels": [8, 8], "depths": [1, 1]})


@pytest.fixture
def batch() -> tuple[NetworkOutput, Crop]:
    """Random answers to random targets, of which a part is open."""
    generator = torch.Generator().manual_seed(0)
    bits = torch.tensor([IS_BACKGROUND, IS_CYTOPLASM, IS_NUCLEUS, ANYTHING])
    part = torch.randint(4, (2, 16, 16), generator=generator)
    instances = torch.zeros(2, 16, 16, dtype=torch.int64)
    instances[:, :8], instances[:, 8:] = 1, 2
    crop = Crop(
        torch.zeros(2, 3, 16, 16, dtype=torch.uint8),
        bits[part].to(torch.uint8),
        torch.zeros(2, 16, 16),
        instances,
        torch.tensor([[0, 1], [2, -1]]),
    )
    semantic = torch.randn(2, 3, 16, 16, generator=generator)
    evidence = torch.zeros(2, 5, 4, 4)
    evidence[:, 0] = 1  # right once of three
    return NetworkOutput(semantic, None, evidence), crop


def test_agreement_is_that_of_known_pixels(batch: tuple[NetworkOutput, Crop]) -> None:
    output, crop = batch
    counts = agreement(output, crop, NETWORK)
    known = crop.allowed != ANYTHING
    part = output.semantic.argmax(dim=1)
    for row, truth, found in (
        (0, crop.allowed != IS_BACKGROUND, part > 0),
        (1, crop.allowed == IS_NUCLEUS, part == 2),
    ):
        expected = f1_score(truth[known], found[known])
        assert counts[row, 0] / counts[row, 1] == pytest.approx(expected)
    assert counts[2].tolist() == [1, 3]


def test_nothing_is_counted_that_a_network_cannot_tell(
    batch: tuple[NetworkOutput, Crop],
) -> None:
    output, crop = batch
    with torch.device("meta"):
        nuclei = build_network("mtl-nucleus", {})
        cells = build_network("hematology-mil", {})
    silent = output._replace(evidence=None)
    assert not agreement(silent, crop, nuclei)[[0, 2]].any()
    assert not agreement(silent, crop, cells)[[1, 2]].any()


def test_batches_are_pooled_in_any_order() -> None:
    rng = np.random.default_rng(0)
    batches = [BatchFigures(i, rng.random(), rng.random((3, 2))) for i in range(7)]
    totals = sum(batch.counts for batch in batches)
    figures = pool_figures(batches)
    assert figures == pool_figures(reversed(batches))
    assert figures[1:] == pytest.approx(totals[:, 0] / totals[:, 1])
    none = [BatchFigures(0, 1.0, np.zeros((3, 2)))]
    assert np.isnan(pool_figures(none)[1:]).all()


def test_validation_crops_look_as_the_pictures_do() -> None:
    varied = CropSettings(96, 40.0, grid=1.0, outline_nuclei=True, class_ids=(1, 2))
    kept = {"size_px", "cell_diameter_px", "outline_nuclei", "class_ids"}
    plain, default = validation_settings(varied), CropSettings()
    for field in fields(CropSettings):
        name = field.name
        if name in kept:
            assert getattr(plain, name) == getattr(varied, name)
        elif name in ("mosaic", "paste", "grid", "off_scale", "elastic_px"):
            assert getattr(plain, name) == 0
        elif name not in ("scale_range", "appearance"):
            assert getattr(plain, name) == getattr(default, name)
    assert plain.appearance is None
