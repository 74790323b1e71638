"""Class evidence of cells, and the balance of classes."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from napari_leukoseg.training.cell_losses import (
    class_loss,
    class_weights,
    pool_evidence,
)
from napari_leukoseg.training.crop_settings import CropSettings
from napari_leukoseg.training.sample import Sample

CROPS = CropSettings()


def with_classes(sample: Sample, classes: Mapping[int, int]) -> Sample:
    return replace(sample, cell_classes=classes)


def test_evidence_is_averaged_over_each_cell() -> None:
    evidence = torch.arange(8.0).reshape(1, 2, 2, 2)
    instances = torch.tensor([[[1, 1], [2, 0]]])
    pooled = pool_evidence(evidence, instances, 3)
    torch.testing.assert_close(
        pooled[0], torch.tensor([[3.0, 7.0], [0.5, 4.5], [2.0, 6.0], [0.0, 0.0]])
    )


def test_class_loss_is_cross_entropy_of_known_cells() -> None:
    evidence = torch.zeros(1, 2, 2, 2)
    evidence[0, 1] = math.log(3)
    instances = torch.tensor([[[1, 1], [2, 2]]])
    loss = class_loss(evidence, instances, torch.tensor([[1, -1]]), 0.0)
    assert loss.item() == pytest.approx(-math.log(3 / 4))


def test_rare_classes_count_as_much_as_their_weight() -> None:
    evidence = torch.randn(1, 2, 1, 2, generator=torch.Generator().manual_seed(0))
    instances, classes = torch.tensor([[[1, 2]]]), torch.tensor([[0, 1]])
    losses = functional.cross_entropy(evidence[0, :, 0].T, classes[0], reduction="none")
    weights = torch.tensor([1.0, 3.0])
    torch.testing.assert_close(
        class_loss(evidence, instances, classes, 0.0, weights),
        (losses[0] + 3 * losses[1]) / 4,
    )


def test_weights_follow_the_number_of_cells(samples: list[Sample]) -> None:
    counts = (100, 4, 0, 1, 25)
    ids = [k + 1 for k, count in enumerate(counts) for _ in range(count)]
    found = [with_classes(samples[0], dict(enumerate(ids[:60]))), samples[1]]
    found[1] = with_classes(samples[1], dict(enumerate(ids[60:])))
    assert class_weights(found, "none", CROPS) is None
    weights = class_weights(found, "inverse-square-root", CROPS)
    assert weights is not None
    expected = torch.tensor([0.1, 0.5, 0.0, 1.0, 0.2])
    torch.testing.assert_close(weights, expected * 4 / 1.8)


def test_effective_numbers_lie_between_equal_and_inverse_weights(
    samples: list[Sample],
) -> None:
    counts = (1000, 400, 100, 20, 300)
    ids = [k + 1 for k, count in enumerate(counts) for _ in range(count)]
    found = [with_classes(samples[0], dict(enumerate(ids)))]
    weights = class_weights(found, "effective-number", CROPS)
    assert weights is not None
    effective = torch.tensor([(1 - 0.999**n) / 0.001 for n in counts])
    torch.testing.assert_close(
        weights * effective / (weights * effective)[0], torch.ones(5)
    )
    inverse = compute_class_weight("balanced", classes=np.arange(1, 6), y=ids)
    assert weights.max() / weights.min() < max(inverse) / min(inverse)
    assert weights.mean().item() == pytest.approx(1)


def test_classes_taken_as_another_are_counted_there(samples: list[Sample]) -> None:
    crops = CropSettings(class_ids=(1, 2), taken_as={7: 1})
    found = [with_classes(samples[0], {1: 1, 2: 7, 3: 7, 4: 7, 5: 2, 6: 5})]
    weights = class_weights(found, "inverse-square-root", crops)
    assert weights is not None
    assert weights.tolist() == pytest.approx([2 / 3, 4 / 3])


def test_without_classes_there_is_nothing_to_balance(samples: list[Sample]) -> None:
    found = [with_classes(samples[0], {})]
    assert class_weights(found, "effective-number", CROPS) is None
